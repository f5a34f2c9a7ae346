import { printSteps, printSum } from './decimal.ts'
import { INTERVAL_MS, type Interval } from './kline.ts'
import type { Kline, MarketFacts, TradeSteps } from './market.ts'

/** The payload of `@aggTrade`. Concatenated, as it is made by the hundred thousand; every part is ASCII and safe. */
export function aggTradePayload(facts: MarketFacts, trade: TradeSteps, eventTime: number): string {
  const { id, priceSteps, sizeSteps, firstTradeId, lastTradeId, time, buyerIsMaker } = trade
  const price = printSteps(priceSteps, facts.priceDigits)
  const size = printSteps(sizeSteps, facts.sizeDigits)
  return (
    `{"e":"aggTrade","E":${eventTime},"s":"${facts.symbol}","a":${id},"p":"${price}","q":"${size}",` +
    `"f":${firstTradeId},"l":${lastTradeId},"T":${time},"m":${buyerIsMaker},"M":true}`
  )
}

/** The payload of `@kline_<interval>`. */
export function klinePayload(
  facts: MarketFacts,
  interval: Interval,
  kline: Kline,
  { eventTime, closed }: { readonly eventTime: number; readonly closed: boolean },
): string {
  const { symbol, priceDigits, sizeDigits } = facts
  const k = {
    t: kline.openTime,
    T: kline.openTime + INTERVAL_MS[interval] - 1,
    s: symbol,
    i: interval,
    f: kline.firstTradeId,
    L: kline.lastTradeId,
    o: printSteps(kline.open, priceDigits),
    c: printSteps(kline.close, priceDigits),
    h: printSteps(kline.high, priceDigits),
    l: printSteps(kline.low, priceDigits),
    v: printSteps(kline.volume, sizeDigits),
    n: kline.trades,
    x: closed,
    q: printSum(kline.quoteVolume, priceDigits + sizeDigits),
    V: printSteps(kline.buyVolume, sizeDigits),
    Q: printSum(kline.buyQuoteVolume, priceDigits + sizeDigits),
    B: '0',
  }
  return JSON.stringify({ e: 'kline', E: eventTime, s: symbol, k })
}

/** What a combined connection gets of a stream's payload. */
export function inEnvelope(stream: string, payload: string): string {
  return `{"stream":"${stream}","data":${payload}}`
}
