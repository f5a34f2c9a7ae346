import { type Audience, audienceOf, encode, type StreamBatches } from './audience.ts'
import type { ExchangeClock } from './clock.ts'
import type { Batch } from './frame.ts'
import { createKlineStreams, type EmittedMarket } from './kline-streams.ts'
import type { SimulatedMarket } from './market.ts'
import { aggTradePayload } from './stream-payload.ts'
import type { StreamPeer } from './stream-peer.ts'

const TICK_MS = 5

/** Trades of one market that leave in one turn of the event loop; what is left follows in the next. */
const MAX_TRADES_A_TURN = 5_000

/** Trades of one market folded into klines in one turn, so that a later question finds them folded. */
const MAX_FOLDS_A_TURN = 2_000

/** Played as fast as it is taken: no more is made while a reader has this much to take. */
const FULL_BACKLOG_BYTES = 1024 * 1024

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
  const tradeStreams = createTradeStreams(markets, now())
  const klineStreams = createKlineStreams(markets)
  let timer: NodeJS.Timeout | undefined
  let immediate: NodeJS.Immediate | undefined

  /** True when the clock is one that was moved, and may be moved on at once. */
  const turn = (): boolean => {
    const audience = audienceOf(peers)
    if (audience.size > 0) clock.begin(now())
    const advanced = audience.size > 0 && allKeepUp(peers) && clock.advance?.() === true
    const batches = new Map([...tradeStreams(audience, now()), ...klineStreams(audience, now())])
    for (const peer of peers) {
      const share = shareOf(peer, batches)
      if (share.length > 0) deliver(peer, share)
    }
    if (!clock.advance) for (const { history } of markets) history.fold(now(), MAX_FOLDS_A_TURN)
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

/** Makes what `@aggTrade` has to say: every trade since the last time. What nobody hears is not made. */
function createTradeStreams(markets: readonly EmittedMarket[], start: number) {
  const emitted = new Map(markets.map(({ market }) => [market, market.nextId(start)]))
  return (audience: Audience, now: number): Map<string, StreamBatches> => {
    const batches = new Map<string, StreamBatches>()
    for (const { market } of markets) {
      const stream = `${market.symbol.toLowerCase()}@aggTrade`
      const modes = audience.get(stream)
      const from = emitted.get(market)!
      const next = market.nextId(now)
      const until = modes ? Math.min(next, from + MAX_TRADES_A_TURN) : next
      emitted.set(market, until)
      if (modes && until > from) batches.set(stream, encode(stream, modes, tradePayloads(market, from, until, now)))
    }
    return batches
  }
}

function tradePayloads(market: SimulatedMarket, from: number, until: number, now: number): readonly string[] {
  const eventTime = market.clock(now)
  return Array.from({ length: until - from }, (_, offset) =>
    aggTradePayload(market, market.steps(from + offset), eventTime),
  )
}

/** Nobody has so much to take that more would only pile up. */
function allKeepUp(peers: ReadonlySet<StreamPeer>): boolean {
  return [...peers].every(({ backlogBytes }) => backlogBytes < FULL_BACKLOG_BYTES)
}

function shareOf(peer: StreamPeer, batches: ReadonlyMap<string, StreamBatches>): readonly Batch[] {
  const share: Batch[] = []
  for (const stream of peer.streams) {
    const batch = batches.get(stream)?.[peer.combined ? 'combined' : 'raw']
    if (batch) share.push(batch)
  }
  return share
}
