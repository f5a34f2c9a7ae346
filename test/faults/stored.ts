import type { Timeframe } from '../../src/market/timeframe.ts'
import { TIMEFRAME_CODES } from '../../src/tiers/database/schema.ts'

export interface StoredTick {
  readonly id: number
  readonly price: number
  readonly size: number
  readonly side: 'buy' | 'sell'
  readonly time: number
}

export interface StoredCandle {
  readonly time: number
  /** `[open, high, low, close, volume, quote volume, trades, buy volume]` */
  readonly row: readonly number[]
  readonly final: boolean
}

/** What a database holds, read past the gateway. */
export interface Stored {
  /** All ticks, ascending; doubles would be two rows. */
  ticks(symbol: string): Promise<readonly StoredTick[]>
  /** Ascending. */
  candles(symbol: string, timeframe: Timeframe): Promise<readonly StoredCandle[]>
  /** Ids that are still missing, in words. */
  openGaps(): Promise<readonly string[]>
  /** The newest id of each symbol, where it can be read while the gateway runs. */
  newest?(): Promise<ReadonlyMap<string, number>>
}

type Values = readonly (string | number)[]
type Row = Readonly<Record<string, number & string & boolean>>

/** Reads what is stored with `query`, which gives rows by their columns' names. */
export function readStored(query: (text: string, values: Values) => Promise<readonly Row[]>): Required<Stored> {
  return {
    async ticks(symbol) {
      const rows = await query(
        `select t.id::float8 as id, price, size, side, (extract(epoch from ts) * 1000)::float8 as time
         from ticks t join instruments i on i.id = t.instrument_id where symbol = $1 order by t.id`,
        [symbol],
      )
      return rows.map(({ id, price, size, side, time }) => {
        return { id: id!, price: price!, size: size!, side: side === 1 ? 'buy' : 'sell', time: time! }
      })
    },
    async candles(symbol, timeframe) {
      const rows = await query(
        `select (extract(epoch from open_time) * 1000)::float8 as time, open, high, low, close, volume, quote_volume,
         trades::float8 as trades, buy_volume, final
         from candles c join instruments i on i.id = c.instrument_id
         where symbol = $1 and timeframe = $2 order by open_time`,
        [symbol, TIMEFRAME_CODES[timeframe]],
      )
      return rows.map(({ time, final, ...row }) => ({
        time: time!,
        row: COLUMNS.map((column) => row[column]!),
        final: final!,
      }))
    },
    async newest() {
      const rows = await query(
        `select symbol, max(t.id)::float8 as id from ticks t join instruments i on i.id = t.instrument_id group by symbol`,
        [],
      )
      return new Map(rows.map(({ symbol, id }) => [symbol!, id!]))
    },
    async openGaps() {
      const rows = await query(
        `select symbol || ' ' || from_id || '-' || to_id || ' ' || status || ' ' || coalesce(reason, '') as gap
         from gaps g join instruments i on i.id = g.instrument_id where status <> 'filled'`,
        [],
      )
      return rows.map(({ gap }) => gap!)
    },
  }
}

const COLUMNS = ['open', 'high', 'low', 'close', 'volume', 'quote_volume', 'trades', 'buy_volume'] as const
