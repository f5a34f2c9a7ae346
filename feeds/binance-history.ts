// https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints
import { z } from 'zod'
import { GatewayError } from '../src/base/errors.ts'
import type { Feed, Pace } from '../src/feed.ts'
import type { Candle } from '../src/market/candle.ts'
import type { Instrument } from '../src/market/instrument.ts'
import type { Cursor, Tick } from '../src/market/tick.ts'
import type { Timeframe } from '../src/market/timeframe.ts'
import type { AggTradesQuery, CandlesQuery } from './binance-api.ts'
import type { BinanceClient, Question } from './binance-client.ts'

/** The part of the feed that looks back. */
export type BinanceHistory = Required<Pick<Feed<string>, 'newest' | 'trades' | 'candles'>>

/** A question as the one who has it may ask it: until it is given up, at its pace. */
type Ask = <T>(question: Question, schema: z.ZodType<T>) => Promise<T>

/** The most rows Binance gives at once. */
const PAGE_ROWS = 1_000

/** A kline that has just ended may still lack its last trades. */
const KLINE_SETTLES_MS = 2_000

/** How long one answer of the exchange's clock serves: a warm-up asks for many candles at once. */
const CLOCK_SERVES_MS = 1_000

const INTERVALS: Readonly<Record<Timeframe, string>> = {
  '1s': '1s',
  '1m': '1m',
  '5m': '5m',
  '15m': '15m',
  '30m': '30m',
  '1h': '1h',
  '4h': '4h',
  '1D': '1d',
  '1W': '1w',
}

export function createBinanceHistory(client: BinanceClient, now: () => number): BinanceHistory {
  const exchangeTime = createExchangeClock()
  const asker =
    (signal: AbortSignal, pace?: Pace): Ask =>
    (question, schema) =>
      client.ask(question, schema, signal, pace)
  return {
    async newest(instrument, signal) {
      const page = await askTrades(asker(signal), { symbol: instrument.sourceSymbol, limit: 1 })
      return toTicks(page, instrument, now()).at(-1)
    },

    async *trades(instrument, start, signal, pace) {
      try {
        for await (const page of tradePages(asker(signal, pace), instrument.sourceSymbol, start)) {
          const ticks = toTicks(page, instrument, now())
          if (ticks.length > 0) yield ticks
        }
      } catch (error) {
        // An abort ends an iterable: it is no error of the source.
        if (!signal.aborted) throw error
      }
    },

    async candles({ sourceSymbol }, timeframe, range, signal, pace) {
      const ask = asker(signal, pace)
      // Asked before the klines: what has ended by this time has ended in their answer too.
      const time = await exchangeTime(ask)
      const klines = await askKlines(ask, { symbol: sourceSymbol, interval: INTERVALS[timeframe] }, range)
      // Binance fills a quiet bucket with the last price; a candle without a trade is none of ours.
      return klines.filter(({ trades }) => trades > 0).map((kline) => toCandle(kline, time))
    },
  }
}

async function* tradePages(
  ask: Ask,
  symbol: string,
  start: { readonly after: Cursor } | { readonly from: number },
): AsyncGenerator<readonly BinanceTrade[]> {
  let fromId = 'after' in start ? start.after + 1 : await firstIdFrom(ask, symbol, start.from)
  while (fromId !== undefined) {
    const page = await askTrades(ask, { symbol, limit: PAGE_ROWS, fromId })
    if (page.length > 0) yield page
    fromId = page.length < PAGE_ROWS ? undefined : page.at(-1)!.aggId + 1
  }
}

/** The id of the first trade at or after `from` (Unix ms). */
async function firstIdFrom(ask: Ask, symbol: string, from: number) {
  const [first] = await askTrades(ask, { symbol, limit: 1, startTime: from })
  if (first) return first.aggId
  const [newest] = await askTrades(ask, { symbol, limit: 1 })
  if (!newest || newest.timestamp < from) return undefined
  // Binance looks no further than an hour from startTime when it was quiet for longer, so the id is found by halving.
  let low = 0
  let high = newest.aggId
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const [trade] = await askTrades(ask, { symbol, limit: 1, fromId: middle })
    if (trade && trade.timestamp >= from) high = middle
    else low = middle + 1
  }
  return high
}

/** @throws GatewayError feed_broken when ids do not rise from the one that was asked for: we would go in circles. */
async function askTrades(ask: Ask, query: AggTradesQuery) {
  const question: Question = { name: 'aggTrades', weight: 4, call: (api) => api.aggTrades(query) }
  const page = await ask(question, BinanceTrades)
  let least = query.fromId ?? 0
  for (const { aggId } of page) {
    if (aggId < least) throw new GatewayError('feed_broken', `ids of aggTrades must rise from ${least}, was ${aggId}`)
    least = aggId + 1
  }
  return page
}

/** Leaves out the rows of nothing that Binance keeps for trades it took back (no raw trades, or no quantity). */
function toTicks(page: readonly BinanceTrade[], { symbol }: Instrument, received: number): readonly Tick[] {
  return page
    .filter((row) => row.price > 0 && row.quantity > 0 && row.firstId >= 0 && row.lastId >= row.firstId)
    .map((trade) => ({
      symbol,
      id: trade.aggId,
      price: trade.price,
      size: trade.quantity,
      side: trade.isBuyerMaker ? 'sell' : 'buy',
      trades: trade.lastId - trade.firstId + 1,
      time: trade.timestamp,
      received,
    }))
}

/**
 * The exchange's clock, which a simulated exchange keeps on another day than ours. An answer is used again as it was:
 * too early by a moment calls a candle open that is final, too late would do worse.
 */
function createExchangeClock(): (ask: Ask) => Promise<number> {
  let known: { readonly time: number; readonly askedAt: number } | undefined
  return async (ask) => {
    if (known && performance.now() - known.askedAt < CLOCK_SERVES_MS) return known.time
    const askedAt = performance.now()
    const time = await ask({ name: 'time', weight: 1, call: (api) => api.time() }, UnixMs)
    known = { time, askedAt }
    return time
  }
}

/** Pages backwards from the newest, or from the one before `before`. Ascending. */
async function askKlines(
  ask: Ask,
  query: Pick<CandlesQuery, 'symbol' | 'interval'>,
  { before, limit }: { readonly before?: number; readonly limit: number },
): Promise<readonly BinanceKline[]> {
  const pages: (readonly BinanceKline[])[] = []
  let end = before === undefined ? {} : { endTime: before - 1 }
  for (let missing = limit; missing > 0; ) {
    const asked: CandlesQuery = { ...query, ...end, limit: Math.min(missing, PAGE_ROWS) }
    const page = await ask({ name: 'klines', weight: 2, call: (api) => api.candles(asked) }, BinanceKlines)
    pages.unshift(page)
    const oldest = page[0]
    if (page.length < asked.limit || oldest === undefined) break
    missing -= page.length
    end = { endTime: oldest.openTime - 1 }
  }
  return pages.flat()
}

function toCandle(kline: BinanceKline, exchangeTime: number): Candle {
  return {
    time: kline.openTime,
    open: kline.open,
    high: kline.high,
    low: kline.low,
    close: kline.close,
    volume: kline.volume,
    quoteVolume: kline.quoteVolume,
    buyVolume: kline.baseAssetVolume,
    trades: kline.trades,
    firstId: null,
    lastId: null,
    final: kline.closeTime + KLINE_SETTLES_MS < exchangeTime,
    revision: 0,
  }
}

// --- rows as binance-api-node names them; numbers over 15 digits come as its json-bigint's objects: refused here ---

const UnixMs = z.int().nonnegative()
const Decimal = z.string().min(1).transform(Number).pipe(z.number().nonnegative())

const BinanceTrade = z.object({
  aggId: z.int().nonnegative(),
  price: Decimal,
  quantity: Decimal,
  /** First and last raw trade; -1 in a row of nothing. */
  firstId: z.int(),
  lastId: z.int(),
  timestamp: UnixMs,
  isBuyerMaker: z.boolean(),
})
type BinanceTrade = z.infer<typeof BinanceTrade>
const BinanceTrades = z.array(BinanceTrade)

const BinanceKline = z.object({
  openTime: UnixMs,
  closeTime: UnixMs,
  open: Decimal,
  high: Decimal,
  low: Decimal,
  close: Decimal,
  volume: Decimal,
  quoteVolume: Decimal,
  /** Of the base asset, bought by takers: the package's name leaves that out. */
  baseAssetVolume: Decimal,
  trades: z.int().nonnegative(),
})
type BinanceKline = z.infer<typeof BinanceKline>
const BinanceKlines = z.array(BinanceKline)
