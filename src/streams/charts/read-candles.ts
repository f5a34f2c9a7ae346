import { calendarOf } from '../../market/calendar.ts'
import type { Candle } from '../../market/candle.ts'
import type { Cursor } from '../../market/tick.ts'
import type { TimeRange } from '../../market/time-range.ts'
import { TIMEFRAME_MS, type Timeframe } from '../../market/timeframe.ts'
import type { MemoryStream } from '../../tiers/memory/memory.ts'
import type { CandlePage } from './candle-pages.ts'
import { heldCandles, heldSince } from './held-candles.ts'
import type { Listings } from './listing.ts'
import { PageWalk, type PageWalkPorts } from './page-walk.ts'

/** Candles of a chart, all as of the turn in which they are handed over. */
export interface ReadCandles {
  /** Ascending, no doubles; the last may be open. */
  readonly candles: readonly Candle[]
  /** The newest tick that memory held when it gave its part; null: none yet. */
  readonly cursor: Cursor | null
  /** None is missing; else these are the ones that are stored, for the source did not say in time what else there is. */
  readonly isWhole: boolean
  readonly tier: CandlePage['tier']
  /** Where to go on (Unix ms); null: there is no more. */
  readonly next: number | null
}

export interface ReadCandlesPorts extends PageWalkPorts {
  readonly listings: Listings
  /** The time at a stream's source (Unix ms). */
  readonly timeOf: (stream: MemoryStream) => number
}

/** Unix ms: nobody is asked for what was before, nor can ask. */
const EARLIEST = 0

/** The newest `limit` candles that begin before `before` (Unix ms; unset: all). `next`: what is older ends there. */
export async function newestCandles(
  stream: MemoryStream,
  timeframe: Timeframe,
  before: number | undefined,
  limit: number,
  ports: ReadCandlesPorts,
): Promise<ReadCandles> {
  const end = before ?? Number.POSITIVE_INFINITY
  const length = TIMEFRAME_MS[timeframe]
  const held = heldCandles(stream, timeframe, { from: Number.NEGATIVE_INFINITY, to: end })
  const isHeld = held.length >= limit
  const first = isHeld ? knownFirst(stream, timeframe, ports) : await firstBucket(stream, timeframe, ports)
  const edge = Math.min(end, heldSince(stream, timeframe), ports.timeOf(stream) + length)
  const walk = new PageWalk(stream, timeframe, edge, ports)
  const oldest = first ?? EARLIEST
  const from = Math.max(oldest, edge - (limit - held.length) * length)
  if (!isHeld) await walk.read({ from, to: edge })
  const isThere = () => walk.from <= oldest
  while (walk.goesOn && !isThere() && walk.candles(walk.from, end).length < limit) await walk.readOlder()
  // Memory may have moved on meanwhile.
  while (walk.goesOn && walk.to < Math.min(end, heldSince(stream, timeframe))) await walk.readNewer()
  const all = walk.candles(walk.from, end)
  const candles = all.slice(-limit)
  const start = candles.length < all.length || isHeld ? candles[0]!.time : Math.min(walk.from, end)
  const isWhole = walk.isWhole && (stream.warm || end <= heldSince(stream, timeframe))
  return {
    candles,
    cursor: stream.cursor,
    isWhole,
    tier: walk.tier,
    next: start <= oldest ? null : start,
  }
}

/** The oldest `limit` candles that begin in the range. `next`: later ones of the range begin there. */
export async function candlesFrom(
  stream: MemoryStream,
  timeframe: Timeframe,
  range: TimeRange,
  limit: number,
  ports: ReadCandlesPorts,
): Promise<ReadCandles> {
  const length = TIMEFRAME_MS[timeframe]
  const edge = () => heldSince(stream, timeframe)
  const first = range.from < edge() ? await firstBucket(stream, timeframe, ports) : undefined
  const from = Math.max(range.from, first ?? range.from)
  const last = Math.min(range.to, ports.timeOf(stream) + length)
  const walk = new PageWalk(stream, timeframe, from, ports)
  await walk.read({ from, to: Math.min(last, edge(), from + (limit + 1) * length) })
  const count = () => walk.candles(from, walk.to).length
  while (walk.goesOn && walk.to < Math.min(last, edge()) && count() <= limit) await walk.readNewer()
  // Where the pages do not reach memory, what memory has does not follow them.
  const end = walk.to < edge() ? Math.min(walk.to, last) : last
  const all = walk.candles(from, end)
  const isWhole = walk.isWhole && (stream.warm || end <= edge())
  const next = all[limit]?.time ?? (end < last ? end : null)
  return { candles: all.slice(0, limit), cursor: stream.cursor, isWhole, tier: walk.tier, next }
}

/** The bucket in which the instrument was first traded; undefined: not known. */
async function firstBucket(stream: MemoryStream, timeframe: Timeframe, ports: ReadCandlesPorts) {
  await ports.listings.of(stream)
  return knownFirst(stream, timeframe, ports)
}

function knownFirst(stream: MemoryStream, timeframe: Timeframe, { listings }: ReadCandlesPorts): number | undefined {
  const listed = listings.known(stream)
  return listed === undefined ? undefined : calendarOf(stream.instrument).startOf(timeframe, listed)
}
