/**
 * A place in an instrument's stream: the `id` of a tick, an integer below 2^53. It grows strictly along the stream and
 * comes from the source's data alone, so that every node and every restart arrives at the same one.
 */
export type Cursor = number

export type Side = 'buy' | 'sell'

/** One timestamped price of one instrument: what a feed yields and every tier stores. Times are Unix ms. */
export interface Tick {
  readonly symbol: string
  /** The tick's own cursor. Binance: the aggregate-trade id. */
  readonly id: Cursor
  /** Undefined: an observation without a value. No other tick is without. */
  readonly price: number | undefined
  /** In units of the instrument; undefined where the source reports prices without sizes. */
  readonly size: number | undefined
  /** The taker's side (the aggressor's), not the resting order's. */
  readonly side: Side | undefined
  /**
   * Raw trades in this one: an aggregate trade of Binance holds several at one price. A polled source does not say: one.
   * None: a price outside of its market's regular hours, which belongs to no candle.
   */
  readonly trades: number
  /** When it happened, by the source's clock. */
  readonly time: number
  /** When this process received it. Never overwritten afterwards. */
  readonly received: number
  /** Of an observation: the first day that it describes, and the day it was published so; `YYYY-MM-DD`. */
  readonly period?: string
  readonly vintage?: string
  /** It was in the source's past when it was asked for: a fact, not news. */
  readonly isPast?: true
}

/** A tick with a price that belongs to candles. */
export type CandleTick = Tick & { readonly price: number }

export function isInCandles(tick: Tick): tick is CandleTick {
  return tick.price !== undefined && tick.trades > 0
}

/** A tick in its place: what memory keeps, the database stores and clients get. */
export interface Update extends Tick {
  /** The id of the tick before it on the stream; null on the very first. */
  readonly prev: Cursor | null
  /** It came late, by asking the source again: a fact, not news. */
  readonly backfilled: boolean
}
