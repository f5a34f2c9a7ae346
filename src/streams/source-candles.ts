import type { Feed } from '../feed.ts'
import { type Calendar, calendarOf } from '../market/calendar.ts'
import type { Candle } from '../market/candle.ts'
import type { Instrument } from '../market/instrument.ts'
import { TIMEFRAME_MS, TIMEFRAMES, type Timeframe } from '../market/timeframe.ts'
import { candlesKeptSince } from '../tiers/database/candle-retention.ts'
import type { TimeRange } from '../tiers/database/database.ts'

/** Some buckets of one timeframe, and what the source has of them. */
export interface SourcePart {
  readonly timeframe: Timeframe
  /** Whole buckets, at most `MOST_BUCKETS`. */
  readonly range: TimeRange
  /** By time, ascending; the last may be open. None without a trade. */
  readonly candles: ReadonlyMap<number, Candle>
}

/** The most that Binance gives at once. */
export const MOST_BUCKETS = 1_000

/**
 * Asks the source, politely, for its candles of a range in every timeframe, as far as they are kept, part by part; for
 * none after `now` (Unix ms). The longest come first: before the first of them the instrument was not traded, and the
 * shorter ones are not asked for. Ends when `signal` aborts. @throws GatewayError feed_broken
 */
export async function* sourceCandles(
  instrument: Instrument,
  range: TimeRange,
  feed: Pick<Feed, 'candles'>,
  now: number,
  signal: AbortSignal,
): AsyncGenerator<SourcePart> {
  const to = Math.min(range.to, now)
  const calendar = calendarOf(instrument)
  let listed: number | undefined
  for (const timeframe of TIMEFRAMES.toReversed()) {
    const from = Math.max(range.from, candlesKeptSince(timeframe, now), listed ?? Number.NEGATIVE_INFINITY)
    let first: number | undefined
    for (const part of bucketParts(timeframe, { from, to }, calendar)) {
      if (signal.aborted) return
      const candles = await candlesIn(instrument, timeframe, part, feed, signal)
      first ??= candles.keys().next().value
      yield { timeframe, range: part, candles }
    }
    listed ??= first === undefined ? to : calendar.beginOf(timeframe, first)
  }
}

/** The buckets that overlap a range of moments, as ranges of whole ones, by the times that name them. */
function* bucketParts(timeframe: Timeframe, { from, to }: TimeRange, calendar: Calendar): Generator<TimeRange> {
  const length = TIMEFRAME_MS[timeframe]
  if (from >= to) return
  const end = calendar.startOf(timeframe, to - 1) + length
  for (let start = calendar.startOf(timeframe, from); start < end; start += length * MOST_BUCKETS) {
    yield { from: start, to: Math.min(start + length * MOST_BUCKETS, end) }
  }
}

/** The source's candles of a range of whole buckets, at most `MOST_BUCKETS`, by time. @throws GatewayError feed_broken */
export async function candlesIn(
  instrument: Instrument,
  timeframe: Timeframe,
  { from, to }: TimeRange,
  feed: Pick<Feed, 'candles'>,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Candle>> {
  const limit = (to - from) / TIMEFRAME_MS[timeframe]
  const candles = (await feed.candles?.(instrument, timeframe, { before: to, limit }, signal, 'polite')) ?? []
  // A source that has no row for a quiet bucket answers with older ones instead.
  const those = candles.filter(({ time, trades }) => time >= from && time < to && trades > 0)
  return new Map(those.map((candle) => [candle.time, candle]))
}
