import { GatewayError } from '../../base/errors.ts'
import type { Update } from '../../market/tick.ts'
import type { Statement } from './connection.ts'
import { CopyTuples, tupleBytes } from './copy-tuples.ts'
import { SIDE_CODES } from './schema.ts'
import { countTicks, type TickGroup } from './tick-groups.ts'

/**
 * Writes ticks whose ids are not stored: straight into the table, which is the fastest way there is.
 * Fails with SQLSTATE 23505 when another process stored one of them meanwhile.
 */
export function writeNewTicks(ticks: readonly TickGroup[]): readonly Statement[] {
  return ticks.length === 0 ? [] : [{ table: 'ticks', tuples: encodeTicks(ticks) }]
}

/**
 * Writes ticks of which some may be stored, nobody knows which: of one id the first content stays, also when the times differ (the primary
 * key holds the time, so it alone would not notice).
 */
export function writeMaybeStoredTicks(ticks: readonly TickGroup[]): readonly Statement[] {
  if (ticks.length === 0) return []
  return [
    { sql: 'create temp table if not exists tick_stage (like ticks) on commit delete rows' },
    { table: 'tick_stage', tuples: encodeTicks(ticks) },
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

export function isStorableTick(update: Update): boolean {
  return breachOf(update) === undefined
}

/** @throws GatewayError row_refused for a tick that no stream may hold. */
export function assertStorableTick(update: Update): void {
  const breach = breachOf(update)
  if (breach !== undefined) throw new GatewayError('row_refused', `tick ${update.id} of ${update.symbol}: ${breach}`)
}

/** On the path of every tick: no text is made unless something is wrong. */
function breachOf({ id, price, size, trades, time, received }: Update): string | undefined {
  if (!Number.isSafeInteger(id)) return 'id must be an integer below 2^53'
  if (!Number.isFinite(price)) return `price must be a finite number, was ${price}`
  if (size !== undefined && !Number.isFinite(size)) return `size must be a finite number, was ${size}`
  if (!Number.isInteger(time)) return `time must be Unix ms, was ${time}`
  if (!Number.isInteger(received)) return `received must be Unix ms, was ${received}`
  if (trades !== (trades | 0)) return `trades must be a 32-bit integer, was ${trades}`
  return undefined
}

const FIELDS = { instrumentId: 4, id: 8, ts: 8, price: 8, size: 8, side: 2, trades: 4, received: 8, backfilled: 1 }
const FIELD_COUNT = Object.keys(FIELDS).length
const ROW_BYTES = tupleBytes(Object.values(FIELDS))

/** So many rows are one piece: the server stores a piece while the next is made. */
const ROWS_IN_A_PIECE = 1_000

function* encodeTicks(ticks: readonly TickGroup[]): Generator<Uint8Array<ArrayBuffer>> {
  let left = countTicks(ticks)
  let tuples = new CopyTuples(Math.min(left, ROWS_IN_A_PIECE), ROW_BYTES)
  tuples.header()
  for (const { instrumentId, updates } of ticks) {
    for (const update of updates) {
      if (tuples.isFull) {
        yield tuples.bytes()
        tuples = new CopyTuples(Math.min(left, ROWS_IN_A_PIECE), ROW_BYTES)
      }
      encodeTick(tuples, instrumentId, update)
      left -= 1
    }
  }
  tuples.trailer()
  yield tuples.bytes()
}

/** In the order of the table's columns. */
function encodeTick(tuples: CopyTuples, instrumentId: number, update: Update): void {
  tuples.row(FIELD_COUNT)
  tuples.int4(instrumentId)
  tuples.int8(update.id)
  tuples.time(update.time)
  tuples.float8(update.price ?? Number.NaN)
  if (update.size === undefined) tuples.null()
  else tuples.float8(update.size)
  if (update.side === undefined) tuples.null()
  else tuples.int2(SIDE_CODES[update.side])
  tuples.int4(update.trades)
  tuples.time(update.received)
  tuples.bool(update.backfilled)
}
