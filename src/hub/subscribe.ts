import { GatewayError } from '../base/errors.ts'
import { refuseTimeframe } from '../market/stream-candles.ts'
import type { ChartTimeframe } from '../market/timeframe.ts'
import { errorMessage } from '../wire/error-message.ts'
import type { Channel, ClientMessage, Resume, ServerMessages } from '../wire/messages.ts'
import { grantInterval } from './cadence.ts'
import { CandleSubscription } from './candles/candle-subscription.ts'
import { PriceSubscription } from './price-subscription.ts'
import { planReplay } from './replay/replay-plan.ts'
import type { Session } from './session.ts'
import type { HubSource, StreamView } from './source.ts'
import { StatusSubscription } from './status-channel.ts'
import { streamsOf } from './streams.ts'
import { type Subscription, subscriptionKey } from './subscription.ts'
import { openHistory } from './ticks/opening.ts'
import { type Resumed, resumeAll } from './ticks/resume.ts'
import { TickSubscription } from './ticks/tick-subscription.ts'

type Subscribe = ClientMessage<'subscribe'>
type Resumes = ReadonlyMap<string, Resumed | undefined>

/** Answers a `subscribe` with what is granted, and an `error` for every symbol that is not; then starts what is. */
export function subscribe(session: Session, message: Subscribe): void | Promise<void> {
  const unserved = findUnserved(message)
  if (unserved) {
    const text = `${unserved} is not served by this gateway yet`
    session.send(errorMessage('unavailable', text, { id: message.id, retry: false }))
    return
  }
  if (message.channel === 'status') return subscribeStatus(session, message)
  const symbols = refuseUnknown(session, message)
  const planned = makePlan(session, message, symbols)
  if (!(planned instanceof Promise)) {
    grant(session, message, symbols, planned)
    return
  }
  return planned.then((plan) => {
    if (!session.signal.aborted) grant(session, message, symbols, plan)
  })
}

/** A promise where it must be found out first where the symbols begin. */
function makePlan(session: Session, message: Subscribe, symbols: readonly string[]): Plan | Promise<Plan> {
  const { id, channel = 'candles', after, from } = message
  if (after) return resumeAll(session, id, symbols, after).then((resumes) => planTicks(session, message, resumes))
  if (from !== undefined) return planReplay(session, { ...message, from }, symbols)
  return PLANS[channel](session, message)
}

const SERVED: readonly Channel[] = ['candles', 'ticks', 'prices', 'status']

function findUnserved({ channel = 'candles' }: Subscribe): string | undefined {
  return SERVED.includes(channel) ? undefined : `channel ${channel}`
}

/** The symbols that there are, once each; the others are answered with an error. */
function refuseUnknown(session: Session, { id, symbols = [] }: Subscribe): readonly string[] {
  const { source } = session.context
  const awaited = source.awaited()
  if (isAllOfNothing(symbols, source)) {
    session.send(errorMessage('unavailable', 'no symbol is known yet: the sources have not answered', { id }))
  }
  const asked = new Set(symbols.includes('*') ? source.symbols() : symbols)
  return [...asked].filter((symbol) => {
    if (source.stream(symbol)) return true
    const refusal = awaited.includes(symbol)
      ? errorMessage('unavailable', `${symbol} is not known yet: its source has not answered`, { id, symbol })
      : errorMessage('unknown_symbol', `there is no symbol '${symbol}' here`, { id, symbol })
    session.send(refusal)
    return false
  })
}

/** All symbols are asked for, and there is none yet, though there will be. */
function isAllOfNothing(symbols: readonly string[], source: HubSource): boolean {
  return symbols.includes('*') && source.symbols().length === 0 && source.awaited().length > 0
}

/** Makes the subscriptions, says so, and starts them: in one turn, so that nothing of them comes before the answer. */
function grant(session: Session, message: Subscribe, symbols: readonly string[], plan: Plan): void {
  const granted = symbols
    .flatMap((symbol) => plan.make(symbol) ?? [])
    .filter((subscription) => adopt(session, subscription, message))
  // Every symbol that was named has had its error then; `*` of an empty gateway is granted as what it is, nothing.
  if (granted.length === 0 && !message.symbols?.includes('*')) return
  if (isAllOfNothing(message.symbols ?? [], session.context.source)) return
  if (message.channel === 'prices' && message.symbols?.includes('*')) {
    session.pricesOfAll = message.interval ?? DEFAULT_INTERVAL_MS
  }

  session.send({
    type: 'subscribed',
    ...(message.id !== undefined && { id: message.id }),
    channel: message.channel ?? 'candles',
    symbols: granted.map(({ symbol }) => symbol),
    streams: streamsOf(session, granted),
    ...plan.fields(granted),
  })
  void startAll(session, granted)
}

/** A symbol has appeared: who asked for the prices of all gets those of it too, and is told so first. */
export function grantNew(session: Session, symbol: string): void {
  const interval = session.pricesOfAll
  const isGranted = session.subscriptions.has(subscriptionKey({ channel: 'prices', symbol }))
  if (interval === undefined || isGranted) return
  const message: Subscribe = { op: 'subscribe', channel: 'prices', symbols: [symbol], interval }
  grant(session, message, [symbol], planPrices(session, message))
}

/** It is of no symbol: its answer names none. */
function subscribeStatus(session: Session, message: Subscribe): void {
  const { statuses } = session.context
  const subscription = new StatusSubscription(statuses, session.connection)
  if (!adopt(session, subscription, message)) return
  const { id } = message
  session.send({ type: 'subscribed', ...(id !== undefined && { id }), channel: 'status', symbols: [], streams: {} })
  subscription.start()
}

/** Whether it fits within the limit of its connection; replacing one always does. */
function adopt(session: Session, subscription: Subscription, { id }: Subscribe): boolean {
  const { maxSubscriptions } = session.context.limits
  const isNew = !session.subscriptions.has(subscriptionKey(subscription))
  if (isNew && session.subscriptions.size >= maxSubscriptions) {
    const text = `a connection must have at most ${maxSubscriptions} subscriptions`
    session.send(errorMessage('limit_exceeded', text, { id, symbol: subscription.symbol }))
    return false
  }
  session.adopt(subscription)
  return true
}

function resumeOf(granted: readonly Subscription[], resumes: Resumes): Readonly<Record<string, Resume>> {
  return Object.fromEntries(
    granted.flatMap(({ symbol }) => {
      const resumed = resumes.get(symbol)
      return resumed ? [[symbol, resumed.resume]] : []
    }),
  )
}

/** Histories of one request that are read at the same time; what memory holds goes out in this turn. */
const PARALLEL_STARTS = 4

/** A subscription whose history cannot be read is over, and its client is told. Never rejects. */
async function startAll(session: Session, subscriptions: readonly Subscription[]): Promise<void> {
  const left = subscriptions.values()
  const startNext = async () => {
    for (const subscription of left) {
      try {
        const started = subscription.start()
        if (started) await started
      } catch (error) {
        session.drop(subscription)
        session.tell(error, { symbol: subscription.symbol })
      }
    }
  }
  await Promise.all(Array.from({ length: PARALLEL_STARTS }, startNext))
}

// --- what each channel grants and how its subscriptions are made ---

export interface Plan {
  /** What `subscribed` says, besides the symbols. */
  readonly fields: (granted: readonly Subscription[]) => Partial<ServerMessages['subscribed']>
  /** Undefined: the symbol has been answered with an error. */
  readonly make: (symbol: string) => Subscription | undefined
}

const DEFAULT_INTERVAL_MS = 250
const DEFAULT_CANDLES = 500

function planCandles(session: Session, message: Subscribe): Plan {
  const { source, topics, candlePages: pages, partTurns, limits } = session.context
  const timeframe = message.timeframe ?? '1m'
  const interval = grantInterval(message.interval ?? DEFAULT_INTERVAL_MS)
  const history = Math.min(message.history ?? DEFAULT_CANDLES, limits.maxCandleHistory)
  const { fill = false } = message
  const shared = { timeframe, interval, history, fill, source, topics, pages, partTurns, outlet: session.connection }
  return {
    fields: () => ({ timeframe, interval, history, ...(fill && { fill }) }),
    make: (symbol) => {
      const refusal = refuseCandles(source.stream(symbol), symbol, timeframe, fill)
      if (refusal === undefined) return new CandleSubscription({ symbol, ...shared })
      session.tell(refusal, { id: message.id, symbol })
      return undefined
    },
  }
}

/** What cannot be served of one symbol, while it can of others. */
function refuseCandles(view: StreamView | undefined, symbol: string, timeframe: ChartTimeframe, fill: boolean) {
  const refusal = view && refuseTimeframe(symbol, timeframe, view)
  if (refusal !== undefined || !fill || timeframe !== 'native') return refusal
  return new GatewayError('bad_parameter', `fill must come with a timeframe that has a length, was '${timeframe}'`)
}

function planTicks(session: Session, message: Subscribe, resumes: Resumes = new Map()): Plan {
  const { source, topics, pages, partTurns, limits } = session.context
  const history = Math.min(message.history ?? 0, limits.maxTickHistory)
  const shared = { source, topics, pages, partTurns, outlet: session.connection }
  return {
    fields: (granted) => (message.after ? { resume: resumeOf(granted, resumes) } : { history }),
    make: (symbol) => {
      const opening = resumes.get(symbol)?.opening
      if (resumes.has(symbol) && !opening) return undefined
      return new TickSubscription({ symbol, ...shared, open: (ports) => opening ?? openHistory(history, ports) })
    },
  }
}

function planPrices(session: Session, message: Subscribe): Plan {
  const { source, topics, now } = session.context
  const interval = grantInterval(message.interval ?? DEFAULT_INTERVAL_MS)
  const shared = { interval, source, topics, now, outlet: session.connection }
  return { fields: () => ({ interval }), make: (symbol) => new PriceSubscription({ symbol, ...shared }) }
}

function planNothing(): Plan {
  throw new Error('a channel that is not served was granted')
}

const PLANS: Readonly<Record<Channel, (session: Session, message: Subscribe) => Plan>> = {
  candles: planCandles,
  ticks: planTicks,
  prices: planPrices,
  predictions: planNothing,
  status: planNothing,
}
