import type { Cursor } from './tick.ts'

/** One candle. `time` is its first millisecond; sums are in units of the instrument and, for quoteVolume, its price. */
export interface Candle {
  readonly time: number
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
  readonly quoteVolume: number
  /** Volume of trades whose taker bought. */
  readonly buyVolume: number
  /** Raw trades, not aggregates. */
  readonly trades: number
  /** The first and last tick folded in; null where the candle was taken whole from the source. */
  readonly firstId: Cursor | null
  readonly lastId: Cursor | null
  /** Its bucket is over: only a higher `revision` changes it. */
  readonly final: boolean
  readonly revision: number
}

/** ccxt's OHLCV order: `[time, open, high, low, close, volume]`. */
export type OhlcvRow = readonly [number, number, number, number, number, number]

export function toOhlcvRow({ time, open, high, low, close, volume }: Candle): OhlcvRow {
  return [time, open, high, low, close, volume]
}

/** What a candle says of its bucket, beside where it comes from and what became of it. */
export const CANDLE_NUMBERS = [
  'open',
  'high',
  'low',
  'close',
  'volume',
  'quoteVolume',
  'buyVolume',
  'trades',
] as const satisfies readonly (keyof Candle)[]

export function saysTheSame(a: Candle, b: Candle): boolean {
  return CANDLE_NUMBERS.every((name) => a[name] === b[name])
}
