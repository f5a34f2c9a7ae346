import { type Kysely, type SelectQueryBuilder, sql } from 'kysely'
import type { Candle } from '../../market/candle.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import type { TimeRange } from './database.ts'
import { unixMs } from './reads.ts'
import { type Tables, TIMEFRAME_CODES } from './schema.ts'

/** The newest candles that begin before `before` (Unix ms; default: all), ascending. */
export async function readCandles(
  database: Kysely<Tables>,
  instrumentId: number,
  timeframe: Timeframe,
  limit: number,
  before?: number,
): Promise<readonly Candle[]> {
  const all = candlesOf(database, instrumentId, timeframe)
  const those = before === undefined ? all : all.where('open_time', '<', new Date(before))
  const newestFirst = await readPage(database, those.orderBy('open_time', 'desc').limit(limit))
  return newestFirst.reverse()
}

export function readCandlesIn(
  database: Kysely<Tables>,
  instrumentId: number,
  timeframe: Timeframe,
  { from, to }: TimeRange,
  limit: number,
): Promise<readonly Candle[]> {
  const page = candlesOf(database, instrumentId, timeframe)
    .where('open_time', '>=', new Date(from))
    .where('open_time', '<', new Date(to))
    .orderBy('open_time')
    .limit(limit)
  return readPage(database, page)
}

function candlesOf(database: Kysely<Tables>, instrumentId: number, timeframe: Timeframe) {
  return database
    .selectFrom('candles')
    .select(['open', 'high', 'low', 'close', 'volume', 'quote_volume', 'buy_volume', 'trades'])
    .select(['first_id', 'last_id', 'final', 'revision', unixMs('open_time').as('time')])
    .where('instrument_id', '=', instrumentId)
    .where('timeframe', '=', TIMEFRAME_CODES[timeframe])
}

/**
 * The rows as one text of JSON: of a deep history the gateway's thread takes a third of what thirteen values a row would
 * cost it one by one. It is an array of doubles, which the server makes as quickly as rows: integers are below 2^53.
 */
async function readPage<Columns>(
  database: Kysely<Tables>,
  page: SelectQueryBuilder<Tables, 'candles', Columns>,
): Promise<Candle[]> {
  const { rows } = await sql<{ readonly text: string | null }>`
    select array_to_json(array_agg(array[
      time, open, high, low, close, volume, quote_volume, buy_volume, trades, first_id, last_id, final::int, revision
    ]))::text as text
    from (${page}) as page`.execute(database)
  const packed: readonly PackedCandle[] = JSON.parse(rows[0]?.text ?? '[]')
  return packed.map(toCandle)
}

type PackedCandle = readonly [
  time: number,
  open: number,
  high: number,
  low: number,
  close: number,
  volume: number,
  quoteVolume: number,
  buyVolume: number,
  trades: number,
  firstId: number | null,
  lastId: number | null,
  final: 0 | 1,
  revision: number,
]

/** Field by field: to spread the rest of a row into an object is most of what it would take to read it. */
function toCandle(row: PackedCandle): Candle {
  return {
    time: row[0],
    open: row[1],
    high: row[2],
    low: row[3],
    close: row[4],
    volume: row[5],
    quoteVolume: row[6],
    buyVolume: row[7],
    trades: row[8],
    firstId: row[9],
    lastId: row[10],
    final: row[11] === 1,
    revision: row[12],
  }
}
