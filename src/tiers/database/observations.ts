import { type Kysely, sql } from 'kysely'
import type { Observation } from '../../market/observation.ts'
import type { Cursor, Update } from '../../market/tick.ts'
import { type StreamKey, unixMs } from './reads.ts'
import type { Tables } from './schema.ts'

/** By period, then vintage; with `asOf` (YYYY-MM-DD) of each period only the newest that was known on that day. */
export async function readObservations(
  database: Kysely<Tables>,
  instrumentId: number,
  asOf?: string,
): Promise<readonly Observation[]> {
  const all = database
    .selectFrom('observations')
    .select(['id', 'value', unixMs('known_at').as('knownAt')])
    .select([dayText('period').as('period'), dayText('vintage').as('vintage')])
    .where('instrument_id', '=', instrumentId)
  const chosen =
    asOf === undefined
      ? all.orderBy('observations.period').orderBy('observations.vintage').orderBy('id')
      : all
          .where('observations.vintage', '<=', sql<Date>`${asOf}::date`)
          .distinctOn('observations.period')
          .orderBy('observations.period')
          .orderBy('observations.vintage', 'desc')
          .orderBy('id', 'desc')
  const rows = await chosen.execute()
  return rows.map(({ value, ...row }) => ({ ...row, value: value ?? undefined }))
}

function dayText(column: 'period' | 'vintage') {
  return sql<string>`to_char(${sql.ref(`observations.${column}`)}, 'YYYY-MM-DD')`
}

/** The oldest `limit` with id > `after`, ascending, as ticks. */
export async function readObservationsAfter(
  database: Kysely<Tables>,
  key: StreamKey,
  after: Cursor,
  limit: number,
): Promise<readonly Update[]> {
  const { rows } = await sql<StoredTick>`
    ${SELECT_TICKS} where instrument_id = ${key.instrumentId} and id > ${after} order by id limit ${limit}
  `.execute(database)
  return rows.map((row) => toUpdate(key.symbol, row))
}

/** The newest `limit` with id < `before` (default: all), ascending, as ticks. */
export async function readObservationsBefore(
  database: Kysely<Tables>,
  key: StreamKey,
  before: Cursor | undefined,
  limit: number,
): Promise<readonly Update[]> {
  const bounded = before === undefined ? sql`` : sql`and id < ${before}`
  const { rows } = await sql<StoredTick>`
    ${SELECT_TICKS} where instrument_id = ${key.instrumentId} ${bounded} order by id desc limit ${limit}
  `.execute(database)
  return rows.reverse().map((row) => toUpdate(key.symbol, row))
}

/** The oldest that was known at `time` (Unix ms) or later, by id. */
export async function findObservationFrom(
  database: Kysely<Tables>,
  instrumentId: number,
  time: number,
): Promise<Cursor | undefined> {
  const found = await database
    .selectFrom('observations')
    .select('id')
    .where('instrument_id', '=', instrumentId)
    .where('known_at', '>=', sql<Date>`timestamptz 'epoch' + ${time}::float8 * interval '1 millisecond'`)
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  return found?.id
}

interface StoredTick {
  readonly id: number
  readonly prev: number | null
  readonly value: number | null
  readonly period: string
  readonly vintage: string
  readonly time: number
  readonly received_ms: number
  readonly backfilled: boolean
}

const SELECT_TICKS = sql`
  select id, value, backfilled, ${dayText('period')} as period, ${dayText('vintage')} as vintage,
    ${unixMs('known_at')} as time, ${unixMs('received')} as received_ms,
    (select earlier.id from observations as earlier
     where earlier.instrument_id = observations.instrument_id and earlier.id < observations.id
     order by earlier.id desc limit 1) as prev
  from observations`

function toUpdate(symbol: string, { value, received_ms, ...row }: StoredTick): Update {
  const price = value ?? undefined
  return { symbol, ...row, price, size: undefined, side: undefined, trades: 1, received: received_ms }
}
