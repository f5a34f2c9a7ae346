// https://developers.binance.com/docs/binance-spot-api-docs/rest-api
import { TIMEFRAME_MS, type Timeframe } from '../../src/market/timeframe.ts'
import type { HttpAnswer } from './http-source.ts'

/** Binance's REST API over what a test puts into it, with the edges of the real one: pages, and an hour's reach. */
export interface FakeBinance {
  time: number
  readonly trades: Record<string, unknown>[]
  readonly klines: (number | string)[][]
  readonly answer: (request: URL) => HttpAnswer
  list(symbol: string, details?: { status?: string; tickSize?: string; stepSize?: string }): void
  /** Adds aggregate trades with ids from 0, the first at the time of the beginning. */
  trade(count: number, pace?: { everyMs: number }): void
  /** Adds klines, the last of them ending at the time of the beginning. */
  kline(timeframe: Timeframe, count: number): void
}

const HOUR_MS = 3_600_000

export function createFakeBinance(begin: number): FakeBinance {
  const listed = new Map<string, unknown>()
  const fake: FakeBinance = {
    time: begin,
    trades: [],
    klines: [],

    answer({ pathname, searchParams }) {
      if (pathname === '/api/v3/exchangeInfo') return exchangeInfo(listed, searchParams)
      if (pathname === '/api/v3/aggTrades') return { body: aggTrades(fake.trades, searchParams) }
      if (pathname === '/api/v3/klines') return { body: klines(fake.klines, searchParams) }
      if (pathname === '/api/v3/time') return { body: { serverTime: fake.time } }
      return { status: 404, body: 'not found' }
    },

    list(symbol, { status = 'TRADING', tickSize = '0.01000000', stepSize } = {}) {
      const filters: object[] = [
        { filterType: 'PRICE_FILTER', tickSize },
        { filterType: 'ICEBERG_PARTS', limit: 10 },
      ]
      if (stepSize) filters.push({ filterType: 'LOT_SIZE', stepSize })
      listed.set(symbol, { symbol, status, filters })
    },

    trade(count, { everyMs } = { everyMs: 100 }) {
      for (let a = 0; a < count; a++) {
        const p = (100 + a / 100).toFixed(8)
        fake.trades.push({ a, p, q: '0.50000000', f: 2 * a, l: 2 * a + 1, T: begin + a * everyMs, m: false, M: true })
      }
    },

    kline(timeframe, count) {
      const length = TIMEFRAME_MS[timeframe]
      const prices = ['61828.00000000', '61860.80000000', '61583.22000000', '61685.99000000', '199.42863000']
      const sums = ['12304668.02540550', 8_863, '90.18301000', '5563967.33325070', '0']
      for (let n = count; n > 0; n--) {
        const time = begin - n * length
        fake.klines.push([time, ...prices, time + length - 1, ...sums])
      }
    },
  }
  return fake
}

/** One unknown symbol spoils the answer; so does one with a character that no symbol has. */
function exchangeInfo(listed: ReadonlyMap<string, unknown>, query: URLSearchParams): HttpAnswer {
  const symbols: readonly string[] = JSON.parse(query.get('symbols') ?? '[]')
  if (!symbols.every((symbol) => /^[A-Z0-9]+$/.test(symbol))) {
    return { status: 400, body: { code: -1100, msg: "Illegal characters found in parameter 'symbols'." } }
  }
  if (!symbols.every((symbol) => listed.has(symbol))) {
    return { status: 400, body: { code: -1121, msg: 'Invalid symbol.' } }
  }
  return { body: { timezone: 'UTC', symbols: symbols.map((symbol) => listed.get(symbol)) } }
}

function aggTrades(trades: readonly Record<string, unknown>[], query: URLSearchParams): unknown {
  const limit = Math.min(1_000, Number(query.get('limit') ?? 500))
  const { fromId, startTime } = Object.fromEntries(query)
  if (fromId !== undefined) return trades.filter(({ a }) => Number(a) >= Number(fromId)).slice(0, limit)
  if (startTime === undefined) return trades.slice(-limit)
  const start = Number(startTime)
  return trades.filter(({ T }) => Number(T) >= start && Number(T) < start + HOUR_MS).slice(0, limit)
}

function klines(rows: readonly (readonly (number | string)[])[], query: URLSearchParams): unknown {
  const limit = Math.min(1_000, Number(query.get('limit') ?? 500))
  const endTime = Number(query.get('endTime') ?? Number.POSITIVE_INFINITY)
  return rows.filter(([openTime]) => Number(openTime) <= endTime).slice(-limit)
}
