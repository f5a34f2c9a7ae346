import { GatewayError } from '../base/errors.ts'
import type { Candle } from './candle.ts'
import type { Tick } from './tick.ts'
import type { ChartTimeframe } from './timeframe.ts'

/** The candles of one stream as they are now, however they come about. A timeframe that it has not is empty. */
export interface StreamCandles {
  readonly timeframes: readonly ChartTimeframe[]
  /** The newest `count`, ascending; the last may be open. */
  newest(timeframe: ChartTimeframe, count: number): readonly Candle[]
  /** The candle whose bucket is named `time`. */
  at(timeframe: ChartTimeframe, time: number): Candle | undefined
  /** The newest candle whose bucket is named before `time`. */
  before(timeframe: ChartTimeframe, time: number): Candle | undefined
  /** The `time` of the bucket that a tick changes. */
  bucketOf(timeframe: ChartTimeframe, tick: Pick<Tick, 'time' | 'period'>): number
  /** Buckets named before it are over: a candle there is final. -Infinity: not known yet. */
  overUntil(timeframe: ChartTimeframe): number
}

/** Bad_timeframe where a symbol's candles are not to be had in it; undefined: they are. */
export function refuseTimeframe(
  symbol: string,
  timeframe: ChartTimeframe,
  { timeframes }: Pick<StreamCandles, 'timeframes'>,
): GatewayError | undefined {
  if (timeframes.includes(timeframe)) return undefined
  const rule = `the timeframe of ${symbol} must be one of ${timeframes.join(', ')}`
  return new GatewayError('bad_timeframe', `${rule}, was '${timeframe}'`)
}
