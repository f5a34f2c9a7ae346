import type { Query } from './connection.ts'
import type { Gap } from './database.ts'

/** A gap with the number its instrument has in this database. */
export interface StoredGap {
  readonly instrumentId: number
  readonly gap: Gap
}

/** Writes gaps; what is said last of one first id is what is known of it. */
export function writeGaps(rows: readonly StoredGap[]): readonly Query[] {
  if (rows.length === 0) return []
  const newest = [...new Map(rows.map((row) => [`${row.instrumentId}:${row.gap.from}`, row])).values()].toSorted(
    (a, b) => a.instrumentId - b.instrumentId || a.gap.from - b.gap.from,
  )
  const parameters = [
    newest.map(({ instrumentId }) => instrumentId),
    newest.map(({ gap }) => gap.from),
    newest.map(({ gap }) => gap.to),
    newest.map(({ gap }) => gap.status),
    newest.map(({ gap }) => gap.reason ?? null),
  ]
  return [{ sql: UPSERT, parameters }]
}

const UPSERT = `
  insert into gaps (instrument_id, from_id, to_id, status, reason)
  select * from unnest($1::int4[], $2::int8[], $3::int8[], $4::text[], $5::text[])
  on conflict (instrument_id, from_id) do update set
    to_id = excluded.to_id, status = excluded.status, reason = excluded.reason, updated_at = now()`
