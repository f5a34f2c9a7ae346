const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Every timeframe that has a length, in ms. Buckets are UTC; weeks start on Monday, as Binance's. */
export const TIMEFRAME_MS = {
  '1s': SECOND,
  '1m': MINUTE,
  '5m': 5 * MINUTE,
  '15m': 15 * MINUTE,
  '30m': 30 * MINUTE,
  '1h': HOUR,
  '4h': 4 * HOUR,
  '1D': DAY,
  '1W': 7 * DAY,
} as const

export type Timeframe = keyof typeof TIMEFRAME_MS

export const TIMEFRAMES = Object.keys(TIMEFRAME_MS) as readonly Timeframe[]

/**
 * What a chart may be asked in. `native` is one row per observation of a series, at the first day that it describes: it
 * has no length, no empty buckets and no end, and no other instrument has it.
 */
export type ChartTimeframe = Timeframe | 'native'

export const CHART_TIMEFRAMES: readonly ChartTimeframe[] = [...TIMEFRAMES, 'native']

/** Those of a series. */
export const SERIES_TIMEFRAMES = ['native', '1D', '1W'] as const satisfies readonly ChartTimeframe[]

/** 1 January 1970 was a Thursday: the first Monday is four days later. */
const FIRST_MONDAY = 4 * DAY

/** The first millisecond of the bucket that `time` falls into (UTC). Of an instrument's moments see `Calendar`. */
export function bucketStart(timeframe: Timeframe, time: number): number {
  const length = TIMEFRAME_MS[timeframe]
  const offset = timeframe === '1W' ? FIRST_MONDAY : 0
  return Math.floor((time - offset) / length) * length + offset
}

/** The first millisecond after the bucket that starts at `start`. */
export function bucketEnd(timeframe: Timeframe, start: number): number {
  return start + TIMEFRAME_MS[timeframe]
}

/** Reads a timeframe as users spell it: `h`, `d` and `w` in either case; `m` is minutes only, so `1M` is refused. */
export function parseTimeframe(text: string): ChartTimeframe | undefined {
  const spelled = text.replace(/[dw]$/, (unit) => unit.toUpperCase()).replace(/H$/, 'h')
  return CHART_TIMEFRAMES.find((timeframe) => timeframe === spelled)
}
