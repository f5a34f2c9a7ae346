import type { Kysely } from 'kysely'
import type { Candle } from '../../market/candle.ts'
import type { Instrument } from '../../market/instrument.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import { writeCandles } from './candle-writer.ts'
import type { Query } from './connection.ts'
import type { TimeRange } from './database.ts'
import { unixMs } from './reads.ts'
import { type Tables, TIMEFRAME_CODES } from './schema.ts'

/** Every candle of a range that the source has, so far as it is not stored as it is. */
export interface CoveredCandles {
  readonly instrument: Instrument
  readonly timeframe: Timeframe
  /** Whole buckets that are over. */
  readonly range: TimeRange
  readonly candles: readonly Candle[]
}

/** The candles, and that there are no others: in this order, so that a range is never known before its rows. */
export function* writeCoverage(instrumentId: number, { timeframe, range, candles }: CoveredCandles): Generator<Query> {
  yield* writeCandles(candles.map((candle) => ({ instrumentId, timeframe, candle })))
  const key = [instrumentId, TIMEFRAME_CODES[timeframe]]
  yield { sql: GROW, parameters: [...key, range.from, range.to] }
  yield { sql: SWALLOW, parameters: key }
}

/** Ascending; of two gateways that write at once the ranges may overlap. */
export async function readCoverage(
  database: Kysely<Tables>,
  instrumentId: number,
  timeframe: Timeframe,
): Promise<readonly TimeRange[]> {
  return database
    .selectFrom('candle_coverage')
    .select([unixMs('from_time').as('from'), unixMs('to_time').as('to')])
    .where('instrument_id', '=', instrumentId)
    .where('timeframe', '=', TIMEFRAME_CODES[timeframe])
    .orderBy('from_time')
    .execute()
}

/** One range that reaches from the first to the last of those it meets. */
const GROW = `
  with given as (
    select timestamptz 'epoch' + $3::float8 * interval '1 millisecond' as from_time,
      timestamptz 'epoch' + $4::float8 * interval '1 millisecond' as to_time
  ), meeting as (
    select * from given
    union all
    select known.from_time, known.to_time from candle_coverage as known, given
    where known.instrument_id = $1::int4 and known.timeframe = $2::int2
      and known.from_time <= given.to_time and known.to_time >= given.from_time
  )
  insert into candle_coverage (instrument_id, timeframe, from_time, to_time)
  select $1::int4, $2::int2, min(from_time), max(to_time) from meeting
  on conflict (instrument_id, timeframe, from_time) do update set
    to_time = greatest(candle_coverage.to_time, excluded.to_time)`

const SWALLOW = `
  delete from candle_coverage as inner_range using candle_coverage as outer_range
  where inner_range.instrument_id = $1::int4 and inner_range.timeframe = $2::int2
    and outer_range.instrument_id = inner_range.instrument_id and outer_range.timeframe = inner_range.timeframe
    and outer_range.from_time < inner_range.from_time and outer_range.to_time >= inner_range.to_time`
