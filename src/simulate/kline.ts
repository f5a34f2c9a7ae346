import { exactProduct, printSteps, printSum } from './decimal.ts'
import type { Kline, MarketFacts, TradeSteps } from './market.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** The exchange's kline intervals and their lengths in ms. Buckets are UTC; weeks start on Monday. */
export const INTERVAL_MS = {
  '1s': SECOND,
  '1m': MINUTE,
  '3m': 3 * MINUTE,
  '5m': 5 * MINUTE,
  '15m': 15 * MINUTE,
  '30m': 30 * MINUTE,
  '1h': HOUR,
  '2h': 2 * HOUR,
  '4h': 4 * HOUR,
  '6h': 6 * HOUR,
  '8h': 8 * HOUR,
  '12h': 12 * HOUR,
  '1d': DAY,
  '3d': 3 * DAY,
  '1w': 7 * DAY,
} as const

export type Interval = keyof typeof INTERVAL_MS

export function isInterval(text: string): text is Interval {
  return Object.hasOwn(INTERVAL_MS, text)
}

/** The first millisecond of the bucket that `time` falls into. The epoch was a Thursday: weeks are four days off. */
export function openTimeOf(interval: Interval, time: number): number {
  const offset = interval === '1w' ? 4 * DAY : 0
  const length = INTERVAL_MS[interval]
  return Math.floor((time - offset) / length) * length + offset
}

/** A bucket in which nothing traded stands at the price before it. */
export function flatKline(openTime: number, price: number): Kline {
  return {
    openTime,
    open: price,
    high: price,
    low: price,
    close: price,
    volume: 0,
    quoteVolume: 0n,
    trades: 0,
    buyVolume: 0,
    buyQuoteVolume: 0n,
    firstTradeId: -1,
    lastTradeId: -1,
  }
}

/** A bucket that holds one trade. */
function klineOfTrade(openTime: number, trade: TradeSteps): Kline {
  const { priceSteps, sizeSteps, firstTradeId, lastTradeId, buyerIsMaker } = trade
  const quoteVolume = exactProduct(priceSteps, sizeSteps)
  return {
    openTime,
    open: priceSteps,
    high: priceSteps,
    low: priceSteps,
    close: priceSteps,
    volume: sizeSteps,
    quoteVolume,
    trades: lastTradeId - firstTradeId + 1,
    buyVolume: buyerIsMaker ? 0 : sizeSteps,
    buyQuoteVolume: buyerIsMaker ? 0n : quoteVolume,
    firstTradeId,
    lastTradeId,
  }
}

/** The two one after the other, as one bucket that opens where `earlier` does. One without trades says nothing. */
export function joinKlines(earlier: Kline, later: Kline): Kline {
  if (later.trades === 0) return earlier
  if (earlier.trades === 0) return { ...later, openTime: earlier.openTime }
  return {
    openTime: earlier.openTime,
    open: earlier.open,
    high: Math.max(earlier.high, later.high),
    low: Math.min(earlier.low, later.low),
    close: later.close,
    volume: earlier.volume + later.volume,
    quoteVolume: earlier.quoteVolume + later.quoteVolume,
    trades: earlier.trades + later.trades,
    buyVolume: earlier.buyVolume + later.buyVolume,
    buyQuoteVolume: earlier.buyQuoteVolume + later.buyQuoteVolume,
    firstTradeId: earlier.firstTradeId === -1 ? later.firstTradeId : earlier.firstTradeId,
    lastTradeId: later.lastTradeId,
  }
}

/** The bucket with one more trade in it. */
export function addTrade(kline: Kline, trade: TradeSteps): Kline {
  return joinKlines(kline, klineOfTrade(kline.openTime, trade))
}

/** The twelve fields of REST `klines`, the last of which means nothing. */
export function klineRow(facts: MarketFacts, interval: Interval, kline: Kline): readonly (number | string)[] {
  const { priceDigits, sizeDigits } = facts
  return [
    kline.openTime,
    printSteps(kline.open, priceDigits),
    printSteps(kline.high, priceDigits),
    printSteps(kline.low, priceDigits),
    printSteps(kline.close, priceDigits),
    printSteps(kline.volume, sizeDigits),
    kline.openTime + INTERVAL_MS[interval] - 1,
    printSum(kline.quoteVolume, priceDigits + sizeDigits),
    kline.trades,
    printSteps(kline.buyVolume, sizeDigits),
    printSum(kline.buyQuoteVolume, priceDigits + sizeDigits),
    '0',
  ]
}
