import { flatKline } from './kline.ts'
import type { Kline } from './market.ts'

const SECOND = 1_000
/** In which seconds of a made-up minute something was traded. */
const TRADED = [0, 20, 40, 59]

/**
 * The second at `openTime` of a minute that was made up whole: its trades happened in four of its seconds, which opened
 * the minute, reached its high and its low, and closed it. Joined, its seconds are the minute.
 */
export function secondOfPast(minute: Kline, openTime: number): Kline {
  const second = (openTime - minute.openTime) / SECOND
  const isTraded = TRADED.includes(second)
  // Too few trades to go round are all in the first second.
  if (minute.trades < TRADED.length) return second === 0 ? minute : flatKline(openTime, minute.close)
  const place = TRADED.findLastIndex((each) => each <= second)
  const price = [minute.open, minute.high, minute.low, minute.close][place]!
  if (!isTraded) return flatKline(openTime, price)
  return {
    ...flatKline(openTime, price),
    volume: part(minute.volume, place),
    quoteVolume: partOf(minute.quoteVolume, place),
    trades: part(minute.trades, place),
    buyVolume: part(minute.buyVolume, place),
    buyQuoteVolume: partOf(minute.buyQuoteVolume, place),
  }
}

/** One of four parts whose sum is the whole; a part of less is never more. */
function part(whole: number, place: number): number {
  return Number(partOf(BigInt(whole), place))
}

function partOf(whole: bigint, place: number): bigint {
  const parts = BigInt(TRADED.length)
  return (whole * BigInt(place + 1)) / parts - (whole * BigInt(place)) / parts
}
