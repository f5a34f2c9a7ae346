import { GatewayError } from '../base/errors.ts'
import type { Update } from '../market/tick.ts'
import type { Statement } from './connection.ts'
import { CopyTuples, tupleBytes } from './copy-tuples.ts'
import { SIDE_CODES } from './schema.ts'

/** A tick with the number its instrument has in this database. */
export interface TickRow {
  readonly instrumentId: number
  readonly update: Update
}

/**
 * Writes ticks whose ids are above everything stored: straight into the table, which is the fastest way there is.
 * Fails with SQLSTATE 23505 when another process stored one of them meanwhile.
 */
export function writeNewTicks(rows: readonly TickRow[]): readonly Statement[] {
  return rows.length === 0 ? [] : [{ table: 'ticks', tuples: encodeTicks(rows) }]
}

/**
 * Writes ticks of which some may be stored: of one id the first content stays, also when the times differ (the primary
 * key holds the time, so it alone would not notice).
 */
export function writeKnownTicks(rows: readonly TickRow[]): readonly Statement[] {
  if (rows.length === 0) return []
  return [
    { sql: 'create temp table if not exists tick_stage (like ticks) on commit delete rows' },
    { table: 'tick_stage', tuples: encodeTicks(rows) },
    { sql: INSERT_UNKNOWN },
  ]
}

/** The limit keeps the subquery what it is, index lookups: as an anti-join it may be planned as a scan of all ticks. */
const INSERT_UNKNOWN = `
  insert into ticks
  select * from tick_stage as stage
  where (select true from ticks where ticks.instrument_id = stage.instrument_id and ticks.id = stage.id limit 1) is null
  order by stage.instrument_id, stage.id
  on conflict do nothing`

/** Sorts by key, so that neighbors in the index are written together, and keeps the first of each id. */
export function sortTicks(rows: readonly TickRow[]): readonly TickRow[] {
  const sorted = rows.toSorted((a, b) => a.instrumentId - b.instrumentId || a.update.id - b.update.id)
  return sorted.filter((row, index) => {
    const before = sorted[index - 1]
    return before?.instrumentId !== row.instrumentId || before.update.id !== row.update.id
  })
}

/** @throws GatewayError row_refused for a tick that no stream may hold. */
export function assertStorableTick({ id, price, size, trades, time, received, symbol }: Update): void {
  const what = `tick ${id} of ${symbol}`
  if (!Number.isSafeInteger(id)) throw refused(`${what}: id must be an integer below 2^53`)
  if (!Number.isFinite(price)) throw refused(`${what}: price must be a finite number, was ${price}`)
  if (size !== undefined && !Number.isFinite(size)) throw refused(`${what}: size must be a finite number, was ${size}`)
  if (!Number.isInteger(time)) throw refused(`${what}: time must be Unix ms, was ${time}`)
  if (!Number.isInteger(received)) throw refused(`${what}: received must be Unix ms, was ${received}`)
  if (trades !== (trades | 0)) throw refused(`${what}: trades must be a 32-bit integer, was ${trades}`)
}

function refused(message: string): GatewayError {
  return new GatewayError('row_refused', message)
}

const FIELDS = { instrumentId: 4, id: 8, ts: 8, price: 8, size: 8, side: 2, trades: 4, received: 8, backfilled: 1 }
const FIELD_COUNT = Object.keys(FIELDS).length
const ROW_BYTES = tupleBytes(Object.values(FIELDS))

/** In the order of the table's columns. */
function encodeTicks(rows: readonly TickRow[]): Uint8Array<ArrayBuffer> {
  const tuples = new CopyTuples(rows.length, ROW_BYTES)
  for (const { instrumentId, update } of rows) {
    tuples.row(FIELD_COUNT)
    tuples.int4(instrumentId)
    tuples.int8(update.id)
    tuples.time(update.time)
    tuples.float8(update.price)
    if (update.size === undefined) tuples.null()
    else tuples.float8(update.size)
    if (update.side === undefined) tuples.null()
    else tuples.int2(SIDE_CODES[update.side])
    tuples.int4(update.trades)
    tuples.time(update.received)
    tuples.bool(update.backfilled)
  }
  return tuples.finish()
}
