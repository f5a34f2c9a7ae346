import { GatewayError } from '../base/errors.ts'
import type { Feed } from '../feed.ts'
import type { Candle } from '../market/candle.ts'
import type { SourceCandles } from '../market/compose.ts'
import type { Instrument } from '../market/instrument.ts'
import type { Hole, Sequencer } from '../market/sequencer.ts'
import type { Cursor, Tick } from '../market/tick.ts'
import { bucketEnd, bucketStart, TIMEFRAME_MS, TIMEFRAMES, type Timeframe } from '../market/timeframe.ts'
import type { CandleRow } from '../tiers/database.ts'
import type { MemoryStream } from '../tiers/memory.ts'

export interface WarmUpPorts {
  readonly feed: Feed
  readonly sequencer: Sequencer
  /** Candles taken from the source, to be stored. */
  readonly store: (row: CandleRow) => void
  /** The candles that hold `time` are the source's now. */
  readonly onRevised: (symbol: string, time: number) => void
  /** What lies between the stored stream and the place where it goes on; told before the ticks there. */
  readonly onGap: (instrument: Instrument, hole: Hole, reason: string) => void
  /** Candles per timeframe that are asked of the source. */
  readonly depth: number
  /** At most this many missed trades are fetched; more are a gap (BACKFILL_MAX). */
  readonly backfillMax: number
  readonly now: () => number
}

/**
 * Says where an instrument's stream stands before its first live tick, and makes its candles the source's own: finished
 * ones are taken whole, open ones are composed up to the running minute, and every trade since then is folded in.
 * What was stored of the stream goes on, when the source can fill what was missed; else the gap is told. Ticks wait in
 * the sequencer meanwhile. May be called again after a failure: nothing is counted twice.
 * @throws GatewayError feed_broken when the source did not answer, or was not asked to the end
 */
export async function warmUp(stream: MemoryStream, ports: WarmUpPorts, signal: AbortSignal): Promise<void> {
  const { instrument, history, clock, cursor } = stream
  const { feed, sequencer, store, onRevised, backfillMax, now } = ports
  const newest = await feed.newest?.(instrument, signal)
  const candles = await sourceCandles(instrument, ports, signal)
  const minute = finishedUntil(candles.get('1m') ?? []) ?? bucketStart('1m', newest?.time ?? 0)
  for (const taken of history.takeSource(candles, minute)) {
    store({ instrument, ...taken })
    onRevised(instrument.symbol, taken.candle.time)
  }
  // Its candles up to there are finished, so it is as late as that there, at least.
  clock.observe(minute, now())

  sequencer.start(instrument.symbol, cursor)
  const goesOn = cursor !== null && (newest === undefined || newest.id - cursor <= backfillMax)
  const isBehind = (stream.latest?.time ?? 0) < minute
  await fill(goesOn && isBehind ? { after: cursor } : { from: minute }, stream, ports, signal)
  if (newest !== undefined && !goesOn) fillNewest(newest, stream, ports)
  history.wholeThrough(sequencer.position(instrument.symbol).last ?? -1)
  stream.warm = true
}

/**
 * Takes the source's trades from `start` on: those the stream has are only folded into its candles, the others go out,
 * and what lies between the two, when that was too much to be fetched, is told first.
 */
async function fill(
  start: { readonly after: Cursor } | { readonly from: number },
  { instrument, history }: MemoryStream,
  ports: WarmUpPorts,
  signal: AbortSignal,
): Promise<void> {
  const { feed, sequencer } = ports
  for await (const page of feed.trades?.(instrument, start, signal) ?? []) {
    const { last } = sequencer.position(instrument.symbol)
    const next = page.find(({ id }) => last !== null && id > last)
    if ('from' in start && next !== undefined) tellGapBefore(next, instrument, ports)
    for (const tick of page) {
      if (last !== null && tick.id <= last) history.fold(tick)
      else sequencer.fill(tick)
    }
  }
  if (signal.aborted) throw new GatewayError('feed_broken', 'the source must be asked to the end, was stopped')
}

/** Not one trade in the running minute: the finished candles hold them all, and the stream goes on with the newest. */
function fillNewest(newest: Tick, { instrument }: MemoryStream, ports: WarmUpPorts): void {
  const { last } = ports.sequencer.position(instrument.symbol)
  if (last !== null && last >= newest.id) return
  tellGapBefore(newest, instrument, ports)
  ports.sequencer.fill(newest)
}

function tellGapBefore(next: Tick, instrument: Instrument, { sequencer, onGap }: WarmUpPorts): void {
  const { symbol } = instrument
  const { last } = sequencer.position(symbol)
  if (last === null || next.id <= last + 1) return
  const hole = { symbol, from: last + 1, to: next.id - 1 }
  onGap(instrument, hole, 'too many trades were missed while the gateway was away')
  sequencer.start(symbol, last, next.id)
}

/** The end of the last finished minute, or the beginning of the first open one. */
function finishedUntil(minutes: readonly Candle[]): number | undefined {
  const last = minutes.findLast(({ final }) => final)
  return last === undefined ? minutes[0]?.time : bucketEnd('1m', last.time)
}

/** The source's candles, the longest first: what ends between two questions is composed of shorter ones. */
async function sourceCandles(
  instrument: Instrument,
  { feed, depth }: WarmUpPorts,
  signal: AbortSignal,
): Promise<SourceCandles> {
  const candles = new Map<Timeframe, readonly Candle[]>()
  const order = [...TIMEFRAMES].sort((a, b) => TIMEFRAME_MS[b] - TIMEFRAME_MS[a])
  for (const timeframe of order) {
    const rows = (await feed.candles?.(instrument, timeframe, { limit: depth }, signal)) ?? []
    // Empty buckets have no candle.
    candles.set(
      timeframe,
      rows.filter(({ trades }) => trades > 0),
    )
  }
  return candles
}
