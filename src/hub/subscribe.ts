import { streamName } from '../market/instrument.ts'
import { errorMessage } from '../wire/error-message.ts'
import type { Channel, ClientMessage, Resume, ServerMessages } from '../wire/messages.ts'
import { grantInterval } from './cadence.ts'
import { CandleSubscription } from './candle-subscription.ts'
import { openHistory } from './join.ts'
import { PriceSubscription } from './price-subscription.ts'
import { type Resumed, resumeAll } from './resume.ts'
import type { Session } from './session.ts'
import type { HubSource } from './source.ts'
import { type Subscription, subscriptionKey } from './subscription.ts'
import { TickSubscription } from './tick-subscription.ts'

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
  const symbols = refuseUnknown(session, message)
  if (!message.after) {
    grant(session, message, symbols, new Map())
    return
  }
  return resumeAll(session, message.id, symbols, message.after).then((resumes) => {
    if (!session.signal.aborted) grant(session, message, symbols, resumes)
  })
}

const SERVED: readonly Channel[] = ['candles', 'ticks', 'prices']

function findUnserved({ channel = 'candles', from, fill }: Subscribe): string | undefined {
  if (!SERVED.includes(channel)) return `channel ${channel}`
  if (from !== undefined) return 'replay (from)'
  return fill ? 'fill' : undefined
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
function grant(session: Session, message: Subscribe, symbols: readonly string[], resumes: Resumes): void {
  const { fields, make } = PLANS[message.channel ?? 'candles'](session, message, resumes)
  const granted = symbols
    .filter((symbol) => !resumes.has(symbol) || resumes.get(symbol))
    .map(make)
    .filter((subscription) => adopt(session, subscription, message))
  // Every symbol that was named has had its error then; `*` of an empty gateway is granted as what it is, nothing.
  if (granted.length === 0 && !message.symbols?.includes('*')) return
  if (isAllOfNothing(message.symbols ?? [], session.context.source)) return

  session.send({
    type: 'subscribed',
    ...(message.id !== undefined && { id: message.id }),
    channel: message.channel ?? 'candles',
    symbols: granted.map(({ symbol }) => symbol),
    streams: streamsOf(session, granted),
    ...fields,
    ...(message.after && { resume: resumeOf(granted, resumes) }),
  })
  void startAll(session, granted)
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

function streamsOf(session: Session, granted: readonly Subscription[]): Readonly<Record<string, string>> {
  const { source } = session.context
  return Object.fromEntries(granted.map(({ symbol }) => [symbol, streamName(source.stream(symbol)!.instrument)]))
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

interface Plan {
  readonly fields: Pick<ServerMessages['subscribed'], 'timeframe' | 'interval' | 'history'>
  readonly make: (symbol: string) => Subscription
}

const DEFAULT_INTERVAL_MS = 250
const DEFAULT_CANDLES = 500

function planCandles(session: Session, message: Subscribe): Plan {
  const { source, topics, limits } = session.context
  const timeframe = message.timeframe ?? '1m'
  const interval = grantInterval(message.interval ?? DEFAULT_INTERVAL_MS)
  const history = Math.min(message.history ?? DEFAULT_CANDLES, limits.maxCandleHistory)
  const shared = { timeframe, interval, history, source, topics, outlet: session.connection }
  return { fields: { timeframe, interval, history }, make: (symbol) => new CandleSubscription({ symbol, ...shared }) }
}

function planTicks(session: Session, message: Subscribe, resumes: Resumes): Plan {
  const { source, topics, limits } = session.context
  const history = Math.min(message.history ?? 0, limits.maxTickHistory)
  const shared = { source, topics, outlet: session.connection }
  return {
    fields: message.after ? {} : { history },
    make: (symbol) => {
      const opening = resumes.get(symbol)?.opening
      return new TickSubscription({ symbol, ...shared, open: (ports) => opening ?? openHistory(history, ports) })
    },
  }
}

function planPrices(session: Session, message: Subscribe): Plan {
  const { source, topics } = session.context
  const interval = grantInterval(message.interval ?? DEFAULT_INTERVAL_MS)
  const shared = { interval, source, topics, outlet: session.connection }
  return { fields: { interval }, make: (symbol) => new PriceSubscription({ symbol, ...shared }) }
}

function planNothing(): Plan {
  throw new Error('a channel that is not served was granted')
}

const PLANS: Readonly<Record<Channel, (session: Session, message: Subscribe, resumes: Resumes) => Plan>> = {
  candles: planCandles,
  ticks: planTicks,
  prices: planPrices,
  predictions: planNothing,
  status: planNothing,
}
