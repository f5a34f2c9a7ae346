import { GatewayError } from '../../base/errors.ts'
import type { Candle } from '../../market/candle.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import type { Query } from './connection.ts'
import { TIMEFRAME_CODES } from './schema.ts'

/** A candle with the number its instrument has in this database. */
export interface StoredCandle {
  readonly instrumentId: number
  readonly timeframe: Timeframe
  readonly candle: Candle
}

/** So many take a server some tenths of a second, and the gateway's thread some hundredths to encode. */
const ROWS_IN_A_STATEMENT = 10_000

/** Writes candles, sorted by key so that two writers cannot wait for each other in a circle. */
export function* writeCandles(rows: readonly StoredCandle[]): Generator<Query> {
  const sorted = rows.toSorted(
    (a, b) =>
      a.instrumentId - b.instrumentId ||
      TIMEFRAME_CODES[a.timeframe] - TIMEFRAME_CODES[b.timeframe] ||
      a.candle.time - b.candle.time,
  )
  for (let start = 0; start < sorted.length; start += ROWS_IN_A_STATEMENT) {
    yield { sql: UPSERT, parameters: columnsOf(sorted.slice(start, start + ROWS_IN_A_STATEMENT)) }
  }
}

/** @throws GatewayError row_refused for a candle that no chart may show. */
export function assertStorableCandle({ candle, timeframe }: StoredCandle): void {
  for (const [field, value] of Object.entries(candle)) {
    if (typeof value !== 'number' || Number.isFinite(value)) continue
    const what = `the ${timeframe} candle of ${candle.time}`
    throw new GatewayError('row_refused', `${what}: ${field} must be a finite number, was ${value}`)
  }
}

function columnsOf(rows: readonly StoredCandle[]): readonly (readonly unknown[])[] {
  const candles = rows.map(({ candle }) => candle)
  return [
    rows.map(({ instrumentId }) => instrumentId),
    rows.map(({ timeframe }) => TIMEFRAME_CODES[timeframe]),
    candles.map(({ time }) => time),
    candles.map(({ open }) => open),
    candles.map(({ high }) => high),
    candles.map(({ low }) => low),
    candles.map(({ close }) => close),
    candles.map(({ volume }) => volume),
    candles.map(({ quoteVolume }) => quoteVolume),
    candles.map(({ buyVolume }) => buyVolume),
    candles.map(({ trades }) => trades),
    candles.map(({ firstId }) => firstId),
    candles.map(({ lastId }) => lastId),
    candles.map(({ final }) => final),
    candles.map(({ revision }) => revision),
  ]
}

/**
 * Row comparison is lexicographic, false < true: an older state of a candle never replaces a newer one. That it is final
 * counts before its last id: one taken whole from the source has no id, and holds more than what was folded until a stop.
 * A trade found late in an open candle changes none of these: of two states up to one id, that of more trades is newer.
 */
const UPSERT = `
  insert into candles (
    instrument_id, timeframe, open_time, open, high, low, close, volume, quote_volume, buy_volume, trades,
    first_id, last_id, final, revision
  )
  select
    instrument_id, timeframe, timestamptz 'epoch' + ms * interval '1 millisecond', open, high, low, close, volume,
    quote_volume, buy_volume, trades, first_id, last_id, final, revision
  from unnest(
    $1::int4[], $2::int2[], $3::float8[], $4::float8[], $5::float8[], $6::float8[], $7::float8[], $8::float8[],
    $9::float8[], $10::float8[], $11::int8[], $12::int8[], $13::int8[], $14::bool[], $15::int8[]
  ) as given (
    instrument_id, timeframe, ms, open, high, low, close, volume, quote_volume, buy_volume, trades,
    first_id, last_id, final, revision
  )
  on conflict (instrument_id, timeframe, open_time) do update set
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    volume = excluded.volume, quote_volume = excluded.quote_volume, buy_volume = excluded.buy_volume,
    trades = excluded.trades, first_id = excluded.first_id, last_id = excluded.last_id,
    final = excluded.final, revision = excluded.revision
  where (excluded.revision, excluded.final, coalesce(excluded.last_id, -1), excluded.trades)
      > (candles.revision, candles.final, coalesce(candles.last_id, -1), candles.trades)`
