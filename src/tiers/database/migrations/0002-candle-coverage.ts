import { type Kysely, sql } from 'kysely'

/**
 * Times between which the source was asked for every candle of an instrument and a timeframe, and has given all it had:
 * what is not stored there was never traded. Ranges that meet are one row.
 */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql
    .raw(
      `create table candle_coverage (
    instrument_id int not null,
    timeframe smallint not null,
    from_time timestamptz not null,
    to_time timestamptz not null,
    primary key (instrument_id, timeframe, from_time)
  )`,
    )
    .execute(database)
}
