import { GatewayError } from '../../base/errors.ts'
import type { Update } from '../../market/tick.ts'
import type { ConnectionSource, Query } from './connection.ts'

/** A tick of a series with the number its instrument has in this database. */
export interface StoredObservation {
  readonly instrumentId: number
  readonly observation: Update
}

/** What the database has under an id. */
interface StoredContent {
  readonly instrument_id: number
  readonly id: number
  readonly period: string
  readonly vintage: string
  readonly value: number | null
}

/** Writes observations; of one id the first content stays. They are few: a statement of rows is fast enough. */
export function writeObservations(rows: readonly StoredObservation[]): readonly Query[] {
  if (rows.length === 0) return []
  const parameters = [
    rows.map(({ instrumentId }) => instrumentId),
    rows.map(({ observation }) => observation.id),
    rows.map(({ observation }) => observation.period),
    rows.map(({ observation }) => observation.vintage),
    rows.map(({ observation }) => observation.price ?? null),
    rows.map(({ observation }) => observation.time),
    rows.map(({ observation }) => observation.received),
    rows.map(({ observation }) => observation.backfilled),
  ]
  return [{ sql: INSERT, parameters }]
}

const INSERT = `
  insert into observations (instrument_id, id, period, vintage, value, known_at, received, backfilled)
  select instrument_id, id, period::date, vintage::date, value,
    timestamptz 'epoch' + known_at * interval '1 millisecond', timestamptz 'epoch' + received * interval '1 millisecond',
    backfilled
  from unnest($1::int4[], $2::int8[], $3::text[], $4::text[], $5::float8[], $6::float8[], $7::float8[], $8::bool[])
    as given (instrument_id, id, period, vintage, value, known_at, received, backfilled)
  on conflict do nothing`

/** Those whose id is stored with another content, which stays, and what that is. */
export async function findObservationConflicts(
  source: ConnectionSource,
  rows: readonly StoredObservation[],
): Promise<readonly { readonly row: StoredObservation; readonly reason: string }[]> {
  if (rows.length === 0) return []
  const connection = await source.acquire()
  try {
    const answer = await connection.query(CONTENTS, [
      rows.map(({ instrumentId }) => instrumentId),
      rows.map(({ observation }) => observation.id),
    ])
    const stored = new Map<string, StoredContent>()
    for (const each of answer.rows as readonly StoredContent[]) stored.set(`${each.instrument_id} ${each.id}`, each)
    return rows.flatMap((row) => {
      const there = stored.get(`${row.instrumentId} ${row.observation.id}`)
      if (there === undefined || isSame(row.observation, there)) return []
      const { period, vintage, value } = there
      const told = JSON.stringify({ period, vintage, value })
      return [{ row, reason: `its id is stored with another content: ${told}` }]
    })
  } finally {
    source.release(connection)
  }
}

function isSame({ period, vintage, price }: Update, stored: StoredContent): boolean {
  return period === stored.period && vintage === stored.vintage && (price ?? null) === stored.value
}

const CONTENTS = `
  select stored.instrument_id, stored.id, to_char(period, 'YYYY-MM-DD') as period,
    to_char(vintage, 'YYYY-MM-DD') as vintage, value
  from unnest($1::int4[], $2::int8[]) as wanted (instrument_id, id)
  join observations as stored on stored.instrument_id = wanted.instrument_id and stored.id = wanted.id`

/** @throws GatewayError row_refused for one that no series may hold. */
export function assertStorableObservation({ symbol, id, price, period, vintage, time, received }: Update): void {
  const refuse = (breach: string) => {
    throw new GatewayError('row_refused', `observation ${id} of ${symbol}: ${breach}`)
  }
  if (!Number.isSafeInteger(id)) refuse('id must be an integer below 2^53')
  if (price !== undefined && !Number.isFinite(price)) refuse(`value must be a finite number, was ${price}`)
  if (!isDay(period)) refuse(`period must be a day (YYYY-MM-DD), was ${period}`)
  if (!isDay(vintage)) refuse(`vintage must be a day (YYYY-MM-DD), was ${vintage}`)
  if (!Number.isInteger(time)) refuse(`time must be Unix ms, was ${time}`)
  if (!Number.isInteger(received)) refuse(`received must be Unix ms, was ${received}`)
}

/** A day of the calendar: no 30 February. */
function isDay(text: string | undefined): boolean {
  if (text === undefined || !/^\d{4}-\d\d-\d\d$/.test(text)) return false
  const time = Date.parse(text)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}
