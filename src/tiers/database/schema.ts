import type { Generated } from 'kysely'
import type { AssetClass } from '../../market/instrument.ts'
import type { Side } from '../../market/tick.ts'
import type { Timeframe } from '../../market/timeframe.ts'

/** The tables as Kysely sees them. Times are read as Unix ms (see reads.ts) and written as binary, so they are opaque. */
export interface Tables {
  readonly instruments: InstrumentTable
  readonly ticks: TickTable
  /** The rows of days that have no partition yet. */
  readonly ticks_default: TickTable
  readonly candles: CandleTable
  readonly candle_coverage: CandleCoverageTable
  readonly gaps: GapTable
  readonly observations: ObservationTable
}

export interface InstrumentTable {
  readonly id: Generated<number>
  readonly asset_class: AssetClass
  readonly symbol: string
  readonly source: string
  readonly source_symbol: string
  readonly price_digits: number
  readonly size_digits: number
  /** JSON of `InstrumentAbout`. */
  readonly about: unknown
}

export interface TickTable {
  readonly instrument_id: number
  readonly id: number
  readonly ts: Date
  readonly price: number
  readonly size: number | null
  readonly side: number | null
  readonly trades: number
  readonly received: Date
  readonly backfilled: boolean
}

export interface CandleTable {
  readonly instrument_id: number
  readonly timeframe: number
  readonly open_time: Date
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
  readonly quote_volume: number
  readonly buy_volume: number
  readonly trades: number
  readonly first_id: number | null
  readonly last_id: number | null
  readonly final: boolean
  readonly revision: number
}

/** Ranges of buckets of which everything that the source has is stored. */
export interface CandleCoverageTable {
  readonly instrument_id: number
  readonly timeframe: number
  readonly from_time: Date
  readonly to_time: Date
}

/** Values of series: one row for each value that a period was ever published with. */
export interface ObservationTable {
  readonly instrument_id: number
  readonly id: number
  readonly period: Date
  readonly vintage: Date
  readonly value: number | null
  readonly known_at: Date
  readonly received: Date
  readonly backfilled: boolean
}

export interface GapTable {
  readonly instrument_id: number
  readonly from_id: number
  readonly to_id: number
  readonly status: 'open' | 'filled' | 'unfillable'
  readonly reason: string | null
  readonly noticed_at: Generated<Date>
  readonly updated_at: Generated<Date>
}

/** How a timeframe is stored. A code is never given to another timeframe: rows of old databases hold it. */
export const TIMEFRAME_CODES = {
  '1s': 1,
  '1m': 2,
  '5m': 3,
  '15m': 4,
  '30m': 5,
  '1h': 6,
  '4h': 7,
  '1D': 8,
  '1W': 9,
} as const satisfies Record<Timeframe, number>

/** How the taker's side is stored; unknown is null. */
export const SIDE_CODES = { buy: 1, sell: -1 } as const satisfies Record<Side, number>

export function sideOfCode(code: number | null): Side | undefined {
  if (code === null) return undefined
  return code === SIDE_CODES.buy ? 'buy' : 'sell'
}
