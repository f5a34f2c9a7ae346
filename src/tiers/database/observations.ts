import { type Kysely, sql } from 'kysely'
import type { Observation } from '../../market/observation.ts'
import { unixMs } from './reads.ts'
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
