import type { ExchangeClock } from './clock.ts'
import { type Batch, createBatch, textFrame } from './frame.ts'
import type { History } from './history.ts'
import { INTERVAL_MS, type Interval } from './kline.ts'
import type { SimulatedMarket } from './market.ts'
import { aggTradePayload, inEnvelope, klinePayload } from './stream-payload.ts'
import type { StreamPeer } from './stream-peer.ts'

const TICK_MS = 5

/** Trades of one market that leave in one turn of the event loop; what is left follows in the next. */
const MAX_TRADES_A_TURN = 5_000

/** Trades of one market folded into klines in one turn, so that a later question finds them folded. */
const MAX_FOLDS_A_TURN = 2_000

/** Without end speed: no more is made while a reader has this much to take. */
const FULL_BACKLOG_BYTES = 1024 * 1024

/** One market as the emitter knows it. */
export interface EmittedMarket {
  readonly market: SimulatedMarket
  readonly history: History
}

export interface EmitterPorts {
  readonly markets: readonly EmittedMarket[]
  readonly peers: ReadonlySet<StreamPeer>
  readonly clock: ExchangeClock
  readonly now: () => number
  /** Where frames leave for a peer: the one place in which something can happen to them. */
  readonly deliver: (peer: StreamPeer, batches: readonly Batch[]) => void
}

/** Sends what happens to those who subscribed to it, from the moment they did. Returns the way to stop it. */
export function startEmitter({ markets, peers, clock, now, deliver }: EmitterPorts): () => void {
  const emitted = new Map(markets.map(({ market }) => [market, market.nextId(now())]))
  const klineStreams = createKlineStreams(markets)
  let timer: NodeJS.Timeout | undefined
  let immediate: NodeJS.Immediate | undefined

  const tradeBatches = (audience: Audience): Map<string, StreamBatches> => {
    const batches = new Map<string, StreamBatches>()
    for (const { market } of markets) {
      const stream = `${market.symbol.toLowerCase()}@aggTrade`
      const modes = audience.get(stream)
      const from = emitted.get(market)!
      const next = market.nextId(now())
      const until = modes ? Math.min(next, from + MAX_TRADES_A_TURN) : next
      emitted.set(market, Math.max(from, until))
      if (modes && until > from) batches.set(stream, encode(stream, modes, tradePayloads(market, from, until, now())))
    }
    return batches
  }

  const turn = (): boolean => {
    const audience = audienceOf(peers)
    if (audience.size > 0) clock.begin(now())
    const ready = audience.size > 0 && [...peers].every(({ backlogBytes }) => backlogBytes < FULL_BACKLOG_BYTES)
    const advanced = ready && clock.advance?.() === true
    const batches = new Map([...tradeBatches(audience), ...klineStreams(audience, now())])
    for (const peer of peers) {
      const mine: Batch[] = []
      for (const stream of peer.streams) {
        const batch = batches.get(stream)?.[peer.combined ? 'combined' : 'raw']
        if (batch) mine.push(batch)
      }
      if (mine.length > 0) deliver(peer, mine)
    }
    if (clock.advance === undefined) for (const { history } of markets) history.fold(now(), MAX_FOLDS_A_TURN)
    return advanced
  }

  const run = () => {
    if (turn()) immediate = setImmediate(run)
    else timer = setTimeout(run, TICK_MS)
  }
  timer = setTimeout(run, TICK_MS)
  return () => {
    clearTimeout(timer)
    clearImmediate(immediate)
  }
}

interface Modes {
  raw: boolean
  combined: boolean
}
/** Who wants what, and how. */
type Audience = ReadonlyMap<string, Modes>

type StreamBatches = { readonly [mode in keyof Modes]: Batch | undefined }

function audienceOf(peers: ReadonlySet<StreamPeer>): Audience {
  const audience = new Map<string, Modes>()
  for (const peer of peers) {
    for (const stream of peer.streams) {
      const modes = audience.get(stream) ?? { raw: false, combined: false }
      modes[peer.combined ? 'combined' : 'raw'] = true
      audience.set(stream, modes)
    }
  }
  return audience
}

/** Each payload is made once, each frame once per mode, however many they go to. */
function encode(stream: string, modes: Modes, payloads: readonly string[]): StreamBatches {
  const combined = () => payloads.map((payload) => textFrame(inEnvelope(stream, payload)))
  return {
    raw: modes.raw ? createBatch(payloads.map(textFrame)) : undefined,
    combined: modes.combined ? createBatch(combined()) : undefined,
  }
}

function tradePayloads(market: SimulatedMarket, from: number, until: number, now: number): readonly string[] {
  const eventTime = market.clock(now)
  return Array.from({ length: until - from }, (_, offset) =>
    aggTradePayload(market, market.steps(from + offset), eventTime),
  )
}

const KLINE_PUSH_MS = { '1s': 1_000, longer: 2_000 } as const

/**
 * Makes the `@kline_<interval>` pushes that are due, from who asks to what they get. A bucket that ended since the last
 * push is sent once more, closed, before the next one.
 */
function createKlineStreams(markets: readonly EmittedMarket[]) {
  const known = new Map<string, { readonly source: EmittedMarket; readonly interval: Interval }>()
  for (const source of markets) {
    for (const interval of Object.keys(INTERVAL_MS) as readonly Interval[]) {
      known.set(`${source.market.symbol.toLowerCase()}@kline_${interval}`, { source, interval })
    }
  }
  const pushes = new Map<string, { readonly at: number; readonly openTime: number }>()

  return (audience: Audience, now: number): Map<string, StreamBatches> => {
    const batches = new Map<string, StreamBatches>()
    for (const [stream, modes] of audience) {
      const asked = known.get(stream)
      if (!asked) continue
      const { source, interval } = asked
      const last = pushes.get(stream)
      if (last && now - last.at < KLINE_PUSH_MS[interval === '1s' ? '1s' : 'longer']) continue
      const eventTime = source.market.clock(now)
      const klines = source.history.klines(interval, { limit: 2 }, now)
      const open = klines.at(-1)
      if (!open) continue
      const due = klines.filter(({ openTime }) => openTime === open.openTime || openTime === last?.openTime)
      pushes.set(stream, { at: now, openTime: open.openTime })
      const payloads = due.map((kline) =>
        klinePayload(source.market, interval, kline, { eventTime, closed: kline.openTime < open.openTime }),
      )
      batches.set(stream, encode(stream, modes, payloads))
    }
    return batches
  }
}
