import { printSteps, printSum } from './decimal.ts'
import { exchangeInfo } from './exchange-info.ts'
import type { History } from './history.ts'
import { isInterval, joinKlines, klineRow } from './kline.ts'
import type { SimulatedMarket } from './market.ts'
import { Refusal, type RestQuery } from './rest-query.ts'

/** What the answers are made of. */
export interface RestSource {
  readonly markets: ReadonlyMap<string, SimulatedMarket>
  readonly historyOf: (market: SimulatedMarket) => History
  readonly weightLimit: number
  /** The exchange's clock, Unix ms. */
  readonly clock: (now: number) => number
}

/** One path of the API. */
export interface RestRoute {
  readonly parameters: readonly string[]
  readonly weight: (query: RestQuery) => number
  /** The body, to be sent as JSON. @throws Refusal */
  readonly answer: (query: RestQuery, source: RestSource, now: number) => unknown
}

/**
 * The market data of https://developers.binance.com/docs/binance-spot-api-docs/rest-api that we speak, by path.
 */
export const ROUTES: ReadonlyMap<string, RestRoute> = new Map<string, RestRoute>([
  ['/api/v3/ping', { parameters: [], weight: () => 1, answer: () => ({}) }],
  [
    '/api/v3/time',
    { parameters: [], weight: () => 1, answer: (_query, { clock }, now) => ({ serverTime: clock(now) }) },
  ],
  [
    '/api/v3/exchangeInfo',
    { parameters: ['symbol', 'symbols', 'permissions', 'showPermissionSets'], weight: () => 20, answer: info },
  ],
  [
    '/api/v3/klines',
    {
      parameters: ['symbol', 'interval', 'startTime', 'endTime', 'timeZone', 'limit'],
      weight: () => 2,
      answer: klines,
    },
  ],
  [
    '/api/v3/aggTrades',
    { parameters: ['symbol', 'fromId', 'startTime', 'endTime', 'limit'], weight: () => 4, answer: aggTrades },
  ],
  [
    '/api/v3/ticker/price',
    { parameters: ['symbol', 'symbols'], weight: (query) => (query.optionalSymbol() ? 2 : 4), answer: prices },
  ],
  [
    '/api/v3/ticker/24hr',
    { parameters: ['symbol', 'symbols', 'type'], weight: (query) => (query.optionalSymbol() ? 2 : 80), answer: days },
  ],
])

function info(query: RestQuery, { markets, clock, weightLimit }: RestSource, now: number) {
  return exchangeInfo(askedMarkets(query, markets), clock(now), weightLimit)
}

function klines(query: RestQuery, { markets, historyOf }: RestSource, now: number) {
  const market = marketNamed(query.requiredSymbol(), markets)
  const interval = query.required('interval')
  if (!isInterval(interval)) throw new Refusal(-1120, 'Invalid interval.')
  const timeZone = query.optional('timeZone') ?? '0'
  // Buckets in another zone are the one part of this call that is not simulated.
  if (!/^[+-]?0{1,2}(:00)?$/.test(timeZone))
    throw new Refusal(-1130, "Data sent for parameter 'timeZone' is not valid.")
  const range = { startTime: query.whole('startTime'), endTime: query.whole('endTime'), limit: query.limit() }
  return historyOf(market)
    .klines(interval, range, now)
    .map((kline) => klineRow(market, interval, kline))
}

function aggTrades(query: RestQuery, { markets }: RestSource, now: number) {
  const market = marketNamed(query.requiredSymbol(), markets)
  const [fromId, startTime, endTime] = [query.whole('fromId'), query.whole('startTime'), query.whole('endTime')]
  const limit = query.limit()
  if (fromId !== undefined && (startTime !== undefined || endTime !== undefined)) {
    throw new Refusal(-1128, 'Combination of optional parameters invalid.')
  }
  const next = market.nextId(now)
  const end = endTime === undefined ? next : Math.min(next, market.idAt(endTime + 1))
  const first = fromId ?? (startTime === undefined ? end - limit : market.idAt(startTime))
  const start = Math.max(market.firstId, first)
  return Array.from({ length: Math.max(0, Math.min(limit, end - start)) }, (_, offset) => {
    const { id, price, size, firstTradeId, lastTradeId, time, buyerIsMaker } = market.trade(start + offset)
    return { a: id, p: price, q: size, f: firstTradeId, l: lastTradeId, T: time, m: buyerIsMaker, M: true }
  })
}

function prices(query: RestQuery, { markets }: RestSource, now: number) {
  const rows = askedMarkets(query, markets)
    .filter((market) => market.nextId(now) > market.firstId)
    .map((market) => ({ symbol: market.symbol, price: market.trade(market.nextId(now) - 1).price }))
  return query.optionalSymbol() ? rows[0] : rows
}

/** Rolling days, in whole minutes. */
function days(query: RestQuery, { markets, historyOf }: RestSource, now: number) {
  const rows = askedMarkets(query, markets)
    .filter((market) => market.nextId(now) > market.firstId)
    .map((market) => dayOf(market, historyOf(market), now))
  return query.optionalSymbol() ? rows[0] : rows
}

const DAY_MINUTES = 1440

function dayOf(market: SimulatedMarket, history: History, now: number) {
  const { symbol, priceDigits, sizeDigits } = market
  const day = history.klines('1m', { limit: DAY_MINUTES }, now).reduce(joinKlines)
  const last = market.trade(market.nextId(now) - 1)
  const change = last.priceSteps - day.open
  const price = (steps: number) => (steps < 0 ? `-${printSteps(-steps, priceDigits)}` : printSteps(steps, priceDigits))
  const average = day.volume === 0 ? 0 : Math.round(Number(day.quoteVolume) / day.volume)
  return {
    symbol,
    priceChange: price(change),
    priceChangePercent: ((change / day.open) * 100).toFixed(3),
    weightedAvgPrice: price(average),
    lastPrice: last.price,
    lastQty: last.size,
    openPrice: price(day.open),
    highPrice: price(day.high),
    lowPrice: price(day.low),
    volume: printSteps(day.volume, sizeDigits),
    quoteVolume: printSum(day.quoteVolume, priceDigits + sizeDigits),
    openTime: day.openTime,
    closeTime: market.clock(now),
    firstId: day.firstTradeId,
    lastId: day.lastTradeId,
    count: day.trades,
  }
}

function marketNamed(symbol: string, markets: RestSource['markets']): SimulatedMarket {
  const market = markets.get(symbol)
  if (!market) throw new Refusal(-1121, 'Invalid symbol.')
  return market
}

function askedMarkets(query: RestQuery, markets: RestSource['markets']): readonly SimulatedMarket[] {
  const symbol = query.optionalSymbol()
  const symbols = query.symbols()
  if (symbol !== undefined && symbols !== undefined) {
    throw new Refusal(-1128, 'Combination of optional parameters invalid.')
  }
  const names = symbol === undefined ? symbols : [symbol]
  return names ? names.map((name) => marketNamed(name, markets)) : [...markets.values()]
}
