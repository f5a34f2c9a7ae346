import type { Candle } from './candle.ts'
import { type Amount, addAmount, splitAmount, splitProduct } from './decimal-sum.ts'
import type { CandleTick } from './tick.ts'

/** No id: the candle was taken whole from the source. */
export const NO_ID = -1

/** What is folded into a candle: some ticks of one second, or a whole candle of a shorter timeframe. Reused. */
export interface Piece {
  open: number
  high: number
  low: number
  close: number
  readonly volume: Amount
  readonly quote: Amount
  readonly buy: Amount
  trades: number
  firstId: number
  lastId: number
}

export function emptyPiece(): Piece {
  const amount = () => ({ whole: 0, fraction: 0 })
  return {
    open: 0,
    high: 0,
    low: 0,
    close: 0,
    volume: amount(),
    quote: amount(),
    buy: amount(),
    trades: 0,
    firstId: NO_ID,
    lastId: NO_ID,
  }
}

/** Decimals of an instrument's steps, on which amounts are read back from doubles without a rounding error. */
export interface Steps {
  readonly priceDigits: number
  readonly sizeDigits: number
}

export function loadCandle(piece: Piece, candle: Candle, { priceDigits, sizeDigits }: Steps): void {
  piece.open = candle.open
  piece.high = candle.high
  piece.low = candle.low
  piece.close = candle.close
  splitAmount(candle.volume, sizeDigits, piece.volume)
  splitAmount(candle.quoteVolume, priceDigits + sizeDigits, piece.quote)
  splitAmount(candle.buyVolume, sizeDigits, piece.buy)
  piece.trades = candle.trades
  piece.firstId = candle.firstId ?? NO_ID
  piece.lastId = candle.lastId ?? NO_ID
}

export function loadTick(piece: Piece, tick: CandleTick, { priceDigits, sizeDigits }: Steps): void {
  const size = tick.size ?? 0
  piece.open = piece.high = piece.low = piece.close = tick.price
  splitAmount(size, sizeDigits, piece.volume)
  splitProduct(tick.price, priceDigits, size, sizeDigits, piece.quote)
  const bought = tick.side === 'buy'
  piece.buy.whole = bought ? piece.volume.whole : 0
  piece.buy.fraction = bought ? piece.volume.fraction : 0
  piece.trades = tick.trades
  piece.firstId = piece.lastId = tick.id
}

/** Adds a piece that comes after (by id) everything `piece` holds. */
export function extendPiece(piece: Piece, next: Piece): void {
  if (next.high > piece.high) piece.high = next.high
  if (next.low < piece.low) piece.low = next.low
  piece.close = next.close
  addAmount(piece.volume, next.volume)
  addAmount(piece.quote, next.quote)
  addAmount(piece.buy, next.buy)
  piece.trades += next.trades
  piece.lastId = next.lastId
}
