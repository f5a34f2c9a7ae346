import { TIMEFRAME_MS, type Timeframe } from '../../market/timeframe.ts'

const DAY = TIMEFRAME_MS['1D']

/** How long candles are kept; longer timeframes for ever. */
export const CANDLE_RETENTION = [
  { timeframe: '1s', days: 1 },
  { timeframe: '1m', days: 90 },
] as const satisfies readonly { readonly timeframe: Timeframe; readonly days: number }[]

/** Candles of this timeframe that began before it are not kept (Unix ms). */
export function candlesKeptSince(timeframe: Timeframe, now: number): number {
  const rule = CANDLE_RETENTION.find((each) => each.timeframe === timeframe)
  return rule === undefined ? Number.NEGATIVE_INFINITY : now - rule.days * DAY
}
