import type { Candle } from './candle.ts'
import { type ChartTimeframe, TIMEFRAME_MS, type Timeframe } from './timeframe.ts'

/** At most so many empty buckets are filled at once, the newest of them: a source's clock may jump over years. */
const MOST_EMPTY = 1_000

/** What filling needs of one instrument's candles, as they are now. Buckets go by their `time`, which names them. */
export interface CandleReads {
  candleAt(timeframe: Timeframe, time: number): Candle | undefined
  candleBefore(timeframe: Timeframe, time: number): Candle | undefined
  /** Buckets named before it are over. */
  overUntil(timeframe: Timeframe): number
}

/**
 * A bucket without a trade as a candle: the close of `before` carried through it, as the exchange's klines have it. Its
 * revision is that of the candle it repeats, so it rises when that one's close is revised; a trade that comes late into
 * the bucket itself makes a candle with a higher one.
 */
function carryClose({ close, revision }: Candle, time: number, final: boolean): Candle {
  const prices = { open: close, high: close, low: close, close }
  const sums = { volume: 0, quoteVolume: 0, buyVolume: 0, trades: 0 }
  return { time, ...prices, ...sums, firstId: null, lastId: null, final, revision }
}

/** The buckets that start in [`from`, `to`) and have no trade, ascending; none before the first candle. */
export function emptyBuckets(reads: CandleReads, timeframe: Timeframe, from: number, to: number): readonly Candle[] {
  const length = TIMEFRAME_MS[timeframe]
  const over = reads.overUntil(timeframe)
  const start = Math.max(from, to - MOST_EMPTY * length)
  const empty: Candle[] = []
  let before = start < to ? reads.candleBefore(timeframe, start) : undefined
  for (let time = start; time < to; time += length) {
    const candle = reads.candleAt(timeframe, time)
    if (candle !== undefined) before = candle
    else if (before !== undefined) empty.push(carryClose(before, time, time < over))
  }
  return empty
}

/** The empty buckets that carry the close of the candle at `time`, up to `to`. */
export function emptyAfter(reads: CandleReads, timeframe: Timeframe, time: number, to: number): readonly Candle[] {
  const length = TIMEFRAME_MS[timeframe]
  const first = time + length
  const most = Math.min(to, first + MOST_EMPTY * length)
  let end = first
  while (end < most && reads.candleAt(timeframe, end) === undefined) end += length
  return emptyBuckets(reads, timeframe, first, end)
}

/** `rows` (ascending) with every empty bucket between them, and after them up to `over`: the newest `count`. */
export function fillRows(
  rows: readonly Candle[],
  timeframe: ChartTimeframe,
  over: number,
  count: number,
): readonly Candle[] {
  if (timeframe === 'native') return rows.slice(-count)
  const length = TIMEFRAME_MS[timeframe]
  const newest = rows.at(-1)?.time ?? Number.NEGATIVE_INFINITY
  const filled: Candle[] = []
  let place = rows.length - 1
  for (let time = Math.max(newest, over - length); place >= 0 && filled.length < count; time -= length) {
    const row = rows[place]!
    filled.push(row.time === time ? row : carryClose(row, time, time < over))
    if (row.time === time) place -= 1
  }
  return filled.reverse()
}
