import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createYahooFeed } from '../../feeds/yahoo.ts'
import { isGatewayError } from '../../src/base/errors.ts'
import type { Candle } from '../../src/market/candle.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import type { Tick } from '../../src/market/tick.ts'
import type { Timeframe } from '../../src/market/timeframe.ts'
import { type FakeYahoo, startFakeYahoo } from '../fakes/yahoo-source.ts'
import { recordingsDirectory } from './recordings-dir.ts'
import { readExchanges, type YahooExchange } from './yahoo-exchanges.ts'

const directory = join(recordingsDirectory(), 'yahoo')

/** The timeframes that are made of an interval. */
const TIMEFRAMES: Readonly<Record<string, readonly Timeframe[]>> = {
  '1m': ['1m'],
  '30m': ['30m', '1h', '4h'],
  '1d': ['1D', '1W'],
}

describe('recorded exchanges of Yahoo', () => {
  let yahoo: FakeYahoo
  let exchanges: readonly YahooExchange[]
  const figures = {
    quotes: 0,
    rows: 0,
    ticks: 0,
    refusedRows: 0,
    charts: 0,
    candles: 0,
    emptyCharts: 0,
    refusedCharts: 0,
  }
  beforeAll(async () => {
    yahoo = await startFakeYahoo()
    exchanges = await readExchanges(directory)
  })
  afterAll(async () => {
    await yahoo?.close()
    console.info(`${exchanges.length} recorded exchanges of Yahoo: ${JSON.stringify(figures)}`)
  })

  /** Has Yahoo answer as it did. */
  function replay({ status, body, date }: YahooExchange): void {
    const headers = date === undefined ? {} : { Date: date }
    yahoo.trouble = (route) => (route === 'quote' || route === 'chart' ? { status, body, headers } : undefined)
  }

  test('every row of quotes is ticks with a price, or refused', async () => {
    for (const exchange of exchanges.filter(({ url }) => url.pathname.includes('/finance/quote'))) {
      replay(exchange)
      figures.quotes++
      const { feed, symbols } = feedOf((exchange.url.searchParams.get('symbols') ?? '').split(','), yahoo.url)
      const { instruments, refused } = await feed.resolve(new AbortController().signal)
      expect(instruments.length + refused.length, exchange.file).toBe(symbols.length)
      if (instruments.length === 0) continue
      const { ticks, skipped, states } = await pollOnce(feed, instruments)
      figures.rows += instruments.length
      figures.ticks += ticks.length
      figures.refusedRows += skipped
      expect(ticks.length + skipped, exchange.file).toBe(instruments.length)
      for (const { price, id, time } of ticks) {
        expect(price, exchange.file).toBeGreaterThan(0)
        expect([Number.isFinite(price), Number.isSafeInteger(id), Number.isSafeInteger(time)]).toEqual([
          true,
          true,
          true,
        ])
      }
      expect(states.every((market) => /^[A-Z]+$/.test(market))).toBe(true)
    }
    expect(figures.ticks).toBeGreaterThan(0)
  })

  test('every chart is candles in order, or nothing, or refused', async () => {
    for (const exchange of exchanges.filter(({ url }) => url.pathname.includes('/finance/chart/'))) {
      replay(exchange)
      figures.charts++
      const symbol = decodeURIComponent(basename(exchange.url.pathname))
      const { feed } = feedOf([symbol], yahoo.url)
      const zone = /"exchangeTimezoneName":\s?"([^"]+)"/.exec(exchange.body)?.[1]
      const instrument = instrumentOf(symbol, zone)
      for (const timeframe of TIMEFRAMES[exchange.url.searchParams.get('interval') ?? ''] ?? []) {
        const signal = new AbortController().signal
        const asked = feed.candles(instrument, timeframe, { limit: 5_000 }, signal)
        const answer = await asked.catch((error: unknown) => error)
        if (!Array.isArray(answer)) {
          expect([exchange.status, isGatewayError(answer, 'feed_refused')], exchange.file).toEqual([404, true])
          figures.refusedCharts++
          break
        }
        judge(answer, exchange)
        if (timeframe === '1D') expect(answer.length, exchange.file).toBe(daysOf(exchange.body))
        figures.candles += answer.length
        if (answer.length === 0) figures.emptyCharts++
      }
    }
    expect(figures.candles).toBeGreaterThan(0)
  })
})

function instrumentOf(symbol: string, timeZone: string | undefined): Instrument {
  const steps = { priceDigits: 2, sizeDigits: 0 }
  const about = timeZone === undefined ? {} : { about: { timeZone } }
  return { symbol, sourceSymbol: symbol, assetClass: 'stock', source: 'yahoo', ...steps, ...about }
}

function feedOf(names: readonly string[], yahooUrl: string) {
  const symbols = [...new Set(names)].map((symbol) => ({ symbol, sourceSymbol: symbol }))
  return { symbols, feed: createYahooFeed({ symbols, yahooUrl, pollMs: 1 }) }
}

async function pollOnce(feed: ReturnType<typeof feedOf>['feed'], instruments: readonly Instrument[]) {
  const controller = new AbortController()
  const ticks: Tick[] = []
  const states: string[] = []
  let skipped = 0
  const events = { connected() {}, state: (_: string, { market }: { market: string }) => states.push(market) }
  for await (const batch of feed.receive(instruments, events, controller.signal)) {
    for (const { raw, received } of batch) {
      try {
        ticks.push(...feed.normalize(raw, received))
      } catch (error) {
        if (!isGatewayError(error, 'feed_payload')) throw error
        skipped++
      }
    }
    controller.abort()
  }
  return { ticks, states, skipped }
}

function judge(candles: readonly Candle[], { file }: YahooExchange): void {
  candles.forEach((candle, n) => {
    const { time, open, high, low, close, volume } = candle
    expect([open, high, low, close, volume].every(Number.isFinite), file).toBe(true)
    expect(low, file).toBeLessThanOrEqual(Math.min(open, close))
    expect(high, file).toBeGreaterThanOrEqual(Math.max(open, close))
    expect(time % 60_000, file).toBe(0)
    if (n > 0) expect(time, file).toBeGreaterThan(candles[n - 1]!.time)
  })
}

/** Of a chart of days: how many rows have prices. */
function daysOf(body: string): number {
  const [chart] = JSON.parse(body).chart.result ?? []
  return (chart?.indicators.quote[0].close ?? []).filter((close: unknown) => close !== null).length
}
