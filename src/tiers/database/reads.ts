import { type Kysely, type SelectQueryBuilder, sql } from 'kysely'
import type { Instrument } from '../../market/instrument.ts'
import type { Cursor, Update } from '../../market/tick.ts'
import type { Gap } from './database.ts'
import { sideOfCode, type Tables } from './schema.ts'

/** One stored instrument, as its reads name it. */
export interface StreamKey {
  readonly instrumentId: number
  readonly symbol: string
}

export function readTicksAfter(
  database: Kysely<Tables>,
  key: StreamKey,
  after: Cursor,
  limit: number,
): Promise<readonly Update[]> {
  return readTicks(database, key, (page) => page.where('id', '>', after).orderBy('id').limit(limit))
}

export function readTicksBefore(
  database: Kysely<Tables>,
  key: StreamKey,
  before: Cursor | undefined,
  limit: number,
): Promise<readonly Update[]> {
  return readTicks(database, key, (page) => {
    const bounded = before === undefined ? page : page.where('id', '<', before)
    return bounded.orderBy('id', 'desc').limit(limit)
  })
}

type Page = SelectQueryBuilder<Tables, 'ticks', TickColumns>

interface TickColumns {
  readonly id: number
  readonly price: number
  readonly size: number | null
  readonly side: number | null
  readonly trades: number
  readonly backfilled: boolean
  readonly time: number
  readonly received_ms: number
}

/** A page's rows in the order of the ids, as read-candles.ts has them, with the id before the first of them. */
interface PackedPage {
  readonly text: string | null
  readonly before_page: number | null
}

type PackedTick = readonly [
  id: number,
  price: number,
  size: number | null,
  side: number | null,
  trades: number,
  time: number,
  received: number,
  backfilled: 0 | 1,
]

/** One statement for the page and for the id before its first row, so that both are of one moment. */
async function readTicks(
  database: Kysely<Tables>,
  { instrumentId, symbol }: StreamKey,
  choose: (page: Page) => Page,
): Promise<readonly Update[]> {
  const page = choose(
    database
      .selectFrom('ticks')
      .select(['id', 'price', 'size', 'side', 'trades', 'backfilled'])
      .select([unixMs('ts').as('time'), unixMs('received').as('received_ms')])
      .where('instrument_id', '=', instrumentId),
  )
  const { rows } = await sql<PackedPage>`
    with page as (${page})
    select
      (select array_to_json(array_agg(
        array[id, price, size, side, trades, time, received_ms, backfilled::int] order by id
      ))::text from page) as text,
      (select earlier.id from ticks as earlier
       where earlier.instrument_id = ${instrumentId} and earlier.id < (select min(id) from page)
       order by earlier.id desc limit 1) as before_page`.execute(database)
  const packed: readonly PackedTick[] = JSON.parse(rows[0]?.text ?? '[]')
  let prev = rows[0]?.before_page ?? null
  return packed.map((row) => {
    const update = toUpdate(symbol, row, prev)
    prev = update.id
    return update
  })
}

function toUpdate(symbol: string, row: PackedTick, prev: Cursor | null): Update {
  return {
    symbol,
    id: row[0],
    prev,
    price: row[1],
    size: row[2] ?? undefined,
    side: sideOfCode(row[3]),
    trades: row[4],
    time: row[5],
    received: row[6],
    backfilled: row[7] === 1,
  }
}

/** Microseconds over a million as a double, then rounded: exact for every time that was whole milliseconds. */
export function unixMs(column: 'ts' | 'received' | 'known_at' | 'open_time' | 'from_time' | 'to_time') {
  return sql<number>`round(date_part('epoch', ${sql.ref(column)}) * 1000)`
}

export async function readGaps(
  database: Kysely<Tables>,
  instrumentId: number,
  instrument: Instrument,
): Promise<readonly Gap[]> {
  const rows = await database
    .selectFrom('gaps')
    .select(['from_id', 'to_id', 'status', 'reason'])
    .where('instrument_id', '=', instrumentId)
    .orderBy('from_id')
    .execute()
  return rows.map(({ from_id, to_id, status, reason }) => ({
    instrument,
    from: from_id,
    to: to_id,
    status,
    reason: reason ?? undefined,
  }))
}
