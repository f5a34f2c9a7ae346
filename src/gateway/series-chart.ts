import type { Chart, ChartRange } from '../http/chart.ts'
import { type Candle, toOhlcvRow } from '../market/candle.ts'
import type { SeriesCandles } from '../market/series-candles.ts'
import type { Cursor } from '../market/tick.ts'
import type { ChartTimeframe } from '../market/timeframe.ts'

/** A chart of a series: memory has all that there is of it. A timeframe that it has not is empty. */
export function seriesChart(
  series: SeriesCandles,
  cursor: Cursor | null,
  timeframe: ChartTimeframe,
  { from, to = Number.POSITIVE_INFINITY, limit }: ChartRange,
): Chart {
  // One more tells whether there is more.
  if (from === undefined) {
    const found = series.newestBefore(timeframe, to, limit + 1)
    const candles = found.slice(-limit)
    return toChart(candles, cursor, found.length > limit ? candles[0]!.time : null)
  }
  const found = series.oldestIn(timeframe, from, to, limit + 1)
  return toChart(found.slice(0, limit), cursor, found[limit]?.time ?? null)
}

function toChart(candles: readonly Candle[], cursor: Cursor | null, next: number | null): Chart {
  return { candles: candles.map(toOhlcvRow), cursor, isWhole: true, tier: 'memory', ageMs: 0, next }
}
