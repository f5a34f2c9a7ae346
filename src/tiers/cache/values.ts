import type { MarketRow } from '../../market/market-row.ts'
import type { PriceRow } from '../../market/price.ts'
import type { CandleRows } from './candle-rows.ts'

/** The schema version of every cached value: one of another version is a miss. */
export const VALUE_VERSION = 1

/** `price:{class}:{symbol}`. */
export type PriceValue = PriceRow

/** `prediction:{symbol}`. */
export interface PredictionValue {
  readonly symbol: string
  readonly time: number
  readonly horizon: string
  readonly value: number | readonly number[]
  readonly model: string
  readonly cursor: number
}

/** `market:{scope}`: one row an instrument. */
export interface MarketValue {
  readonly rows: readonly MarketRow[]
}

/** `chart:{symbol}:{timeframe}` and `ws_history:{symbol}:{timeframe}`: the newest rows, ascending, as of `cursor`. */
export interface CandlesValue {
  readonly cursor: number | null
  readonly candles: CandleRows
}
