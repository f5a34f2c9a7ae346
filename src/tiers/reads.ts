import { type Kysely, type SelectQueryBuilder, sql } from 'kysely'
import type { Candle } from '../market/candle.ts'
import type { Instrument } from '../market/instrument.ts'
import type { Cursor, Update } from '../market/tick.ts'
import type { Timeframe } from '../market/timeframe.ts'
import type { Gap } from './database.ts'
import { sideOfCode, type Tables, TIMEFRAME_CODES } from './schema.ts'

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

/** One statement for the page and for the id before its first row, so that both are of one moment. */
async function readTicks(
  database: Kysely<Tables>,
  { instrumentId, symbol }: StreamKey,
  choose: (page: Page) => Page,
): Promise<readonly Update[]> {
  const rows = await database
    .with('page', (query) =>
      choose(
        query
          .selectFrom('ticks')
          .select(['id', 'price', 'size', 'side', 'trades', 'backfilled'])
          .select([unixMs('ts').as('time'), unixMs('received').as('received_ms')])
          .where('instrument_id', '=', instrumentId),
      ),
    )
    .selectFrom('page')
    .selectAll()
    .select((query) =>
      query
        .selectFrom('ticks as earlier')
        .select('earlier.id')
        .where('earlier.instrument_id', '=', instrumentId)
        .where('earlier.id', '<', query.selectFrom('page').select(sql<number>`min(id)`.as('first')))
        .orderBy('earlier.id', 'desc')
        .limit(1)
        .as('before_page'),
    )
    .orderBy('id')
    .execute()
  return rows.map((row, index) => ({
    symbol,
    id: row.id,
    prev: rows[index - 1]?.id ?? row.before_page,
    price: row.price,
    size: row.size ?? undefined,
    side: sideOfCode(row.side),
    trades: row.trades,
    time: row.time,
    received: row.received_ms,
    backfilled: row.backfilled,
  }))
}

export async function readCandles(
  database: Kysely<Tables>,
  instrumentId: number,
  timeframe: Timeframe,
  limit: number,
): Promise<readonly Candle[]> {
  const rows = await database
    .selectFrom('candles')
    .select(['open', 'high', 'low', 'close', 'volume', 'quote_volume', 'buy_volume', 'trades'])
    .select(['first_id', 'last_id', 'final', 'revision', unixMs('open_time').as('time')])
    .where('instrument_id', '=', instrumentId)
    .where('timeframe', '=', TIMEFRAME_CODES[timeframe])
    .orderBy('open_time', 'desc')
    .limit(limit)
    .execute()
  return rows.reverse().map(({ quote_volume, buy_volume, first_id, last_id, ...same }) => ({
    ...same,
    quoteVolume: quote_volume,
    buyVolume: buy_volume,
    firstId: first_id,
    lastId: last_id,
  }))
}

/** Microseconds over a million as a double, then rounded: exact for every time that was whole milliseconds. */
function unixMs(column: 'ts' | 'received' | 'open_time') {
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
