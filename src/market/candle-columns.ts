import type { Candle } from './candle.ts'
import { NO_ID, type Piece } from './candle-piece.ts'
import { type Amount, FRACTION_SCALE, joinAmount } from './decimal-sum.ts'

const COLUMNS = [
  'time',
  'open',
  'high',
  'low',
  'close',
  'volume',
  'volumeFraction',
  'quote',
  'quoteFraction',
  'buy',
  'buyFraction',
  'trades',
  'firstId',
  'lastId',
  'revision',
  'final',
] as const

/** Values of the column `final`. A whole candle came from the source and holds every tick of its bucket already. */
export const OPEN = 0
export const FINAL = 1
export const WHOLE = 2

type Column = (typeof COLUMNS)[number]

/** Rows of candles as one typed array a column: 128 bytes a row, no object until somebody reads one. */
export type CandleColumns = { readonly [C in Column]: Float64Array }

export function allocateColumns(rows: number): CandleColumns {
  return Object.fromEntries(COLUMNS.map((column) => [column, new Float64Array(rows)])) as Record<Column, Float64Array>
}

/** Copies rows [from, to) of `source` to `target`, beginning at row `at`; they may be the same columns. */
export function copyRows(source: CandleColumns, from: number, to: number, target: CandleColumns, at: number): void {
  for (const column of COLUMNS) {
    if (source === target) target[column].copyWithin(at, from, to)
    else target[column].set(source[column].subarray(from, to), at)
  }
}

export function readRow(columns: CandleColumns, row: number): Candle {
  const firstId = columns.firstId[row]!
  const lastId = columns.lastId[row]!
  return {
    time: columns.time[row]!,
    open: columns.open[row]!,
    high: columns.high[row]!,
    low: columns.low[row]!,
    close: columns.close[row]!,
    volume: joinAmount(columns.volume[row]!, columns.volumeFraction[row]!),
    quoteVolume: joinAmount(columns.quote[row]!, columns.quoteFraction[row]!),
    buyVolume: joinAmount(columns.buy[row]!, columns.buyFraction[row]!),
    trades: columns.trades[row]!,
    firstId: firstId === NO_ID ? null : firstId,
    lastId: lastId === NO_ID ? null : lastId,
    final: columns.final[row] !== OPEN,
    revision: columns.revision[row]!,
  }
}

/** Makes `row` a new candle of this piece alone. */
export function startRow(columns: CandleColumns, row: number, time: number, piece: Piece): void {
  columns.time[row] = time
  columns.open[row] = piece.open
  columns.high[row] = piece.high
  columns.low[row] = piece.low
  columns.close[row] = piece.close
  columns.volume[row] = piece.volume.whole
  columns.volumeFraction[row] = piece.volume.fraction
  columns.quote[row] = piece.quote.whole
  columns.quoteFraction[row] = piece.quote.fraction
  columns.buy[row] = piece.buy.whole
  columns.buyFraction[row] = piece.buy.fraction
  columns.trades[row] = piece.trades
  columns.firstId[row] = piece.firstId
  columns.lastId[row] = piece.lastId
  columns.revision[row] = 0
  columns.final[row] = OPEN
}

/** The first of the rows [start, end), which ascend, whose time is at or after `time`; `end` when there is none. */
export function rowAtOrAfter({ time: times }: CandleColumns, start: number, end: number, time: number): number {
  let low = start
  let high = end
  while (low < high) {
    const middle = (low + high) >>> 1
    if (times[middle]! < time) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * Folds a piece into the row. Open and close go by id, so that a trade that comes late finds its place; a row that began
 * with the source's candles has no first id, and nothing comes before them.
 */
export function foldIntoRow(columns: CandleColumns, row: number, piece: Piece): void {
  if (piece.high > columns.high[row]!) columns.high[row] = piece.high
  if (piece.low < columns.low[row]!) columns.low[row] = piece.low
  if (piece.firstId !== NO_ID && piece.firstId < columns.firstId[row]!) {
    columns.open[row] = piece.open
    columns.firstId[row] = piece.firstId
  }
  if (piece.lastId === NO_ID || piece.lastId > columns.lastId[row]!) {
    columns.close[row] = piece.close
    columns.lastId[row] = piece.lastId
  }
  addAmount(columns.volume, columns.volumeFraction, row, piece.volume)
  addAmount(columns.quote, columns.quoteFraction, row, piece.quote)
  addAmount(columns.buy, columns.buyFraction, row, piece.buy)
  columns.trades[row]! += piece.trades
}

function addAmount(whole: Float64Array, fraction: Float64Array, row: number, amount: Amount): void {
  const sum = fraction[row]! + amount.fraction
  if (sum >= FRACTION_SCALE) {
    fraction[row] = sum - FRACTION_SCALE
    whole[row]! += amount.whole + 1
  } else {
    fraction[row] = sum
    whole[row]! += amount.whole
  }
}
