import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createYahooFeed } from '../../feeds/yahoo.ts'
import { calendarOf } from '../../src/market/calendar.ts'
import type { Candle } from '../../src/market/candle.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import { bucketStart, TIMEFRAMES, type Timeframe } from '../../src/market/timeframe.ts'
import { startYahooSimulator, type YahooSimulator, type YahooSimulatorOptions } from '../../src/simulate/yahoo.ts'
import { chartOf, type FakeYahoo, quoteRow, startFakeYahoo } from '../fakes/yahoo-source.ts'

const MINUTE = 60_000
const DAY = 86_400_000
const about = { timeZone: 'America/New_York' }
const AAPL = instrumentOf('AAPL')

let stops: (() => Promise<void>)[] = []
let signal: AbortSignal
beforeEach(() => {
  signal = new AbortController().signal
})
afterEach(async () => {
  for (const stop of stops) await stop()
  stops = []
})

describe('candles of a simulated market', () => {
  test('each timeframe says what its minutes say, in order, up to the running one', async () => {
    // A Tuesday at a quarter past three in the afternoon of New York, whose clocks changed the Sunday before.
    const simulator = await simulate({ start: Date.parse('2024-03-12T19:17:31Z') })
    const feed = feedOf(simulator.url)
    const minutes = await feed.candles(AAPL, '1m', { limit: 1_500 }, signal)
    expect(minutes).toHaveLength(1_500)
    const from = minutes[0]!.time
    for (const timeframe of ['5m', '15m', '30m', '1h', '4h', '1D'] as const) {
      const whole = fold(minutes, timeframe).filter(({ time }) => time > from)
      const candles = await feed.candles(AAPL, timeframe, { limit: whole.length }, signal)
      // Of the running minute a chart shows no volume yet.
      expect(candles.slice(0, -1).map(toRow)).toEqual(whole.slice(0, -1).map(toRow))
      expect(candles.at(-1)).toMatchObject({ time: whole.at(-1)!.time, open: whole.at(-1)!.open, final: false })
      expect(candles.every(({ final }, n) => final === n < candles.length - 1)).toBe(true)
    }
  })

  test('the oldest candle is whole, or is left out', async () => {
    // 59 days before, at a quarter past noon in New York: a bucket of four hours is cut there.
    const feed = feedOf((await simulate({ start: Date.parse('2024-03-15T17:17:00Z') })).url)
    const candles = await feed.candles(AAPL, '4h', { limit: 1_000 }, signal)
    expect(new Date(candles[0]!.time).toISOString()).toBe('2024-01-16T20:00:00.000Z')
  })

  test('a bucket is final a minute after its end', async () => {
    const final = async (seconds: number) => {
      const feed = feedOf((await simulate({ start: Date.parse('2024-03-12T19:17:00Z') + seconds * 1_000 })).url)
      const candles = await feed.candles(AAPL, '1m', { limit: 10 }, signal)
      return candles.find(({ time }) => time === Date.parse('2024-03-12T19:16Z'))?.final
    }
    expect([await final(30), await final(59), await final(60)]).toEqual([false, false, true])
  })

  test('weeks are of whole exchange days, from the first there is', async () => {
    const simulator = await simulate({
      start: Date.parse('2024-03-12T19:15:31Z'),
      listed: Date.parse('2023-05-10T12:00Z'),
    })
    const feed = feedOf(simulator.url)
    const days = await feed.candles(AAPL, '1D', { limit: 1_000 }, signal)
    expect(new Date(days[0]!.time).toISOString()).toBe('2023-05-10T00:00:00.000Z')
    const weeks = await feed.candles(AAPL, '1W', { limit: 1_000 }, signal)
    expect(weeks.map(toRow)).toEqual(fold(days, '1W').map(toRow))
    const some = await feed.candles(AAPL, '1W', { limit: 20 }, signal)
    expect(some).toEqual(weeks.slice(-20))
  })

  test('`before` and `limit` page back without a hole or a double', async () => {
    const simulator = await simulate({
      start: Date.parse('2024-03-12T19:15:31Z'),
      listed: Date.parse('2023-05-10T12:00Z'),
    })
    const feed = feedOf(simulator.url)
    for (const [timeframe, total, page] of [
      ['1D', 200, 45],
      ['1W', 40, 7],
      ['1h', 150, 40],
      ['1m', 900, 250],
    ] as const) {
      const all = await feed.candles(AAPL, timeframe, { limit: total }, signal)
      const paged: Candle[] = []
      while (paged.length < total) {
        const before = paged[0]?.time ?? all.at(-1)!.time + 1
        const older = await feed.candles(
          AAPL,
          timeframe,
          { before, limit: Math.min(page, total - paged.length) },
          signal,
        )
        expect(older.every(({ time }) => time < before)).toBe(true)
        paged.unshift(...older)
      }
      expect(paged).toEqual(all)
    }
  })

  test('a split and a dividend make no false candle', async () => {
    const events = {
      splits: [{ symbol: 'AAPL', date: '2024-03-06', numerator: 10, denominator: 1 }],
      dividends: [{ symbol: 'AAPL', date: '2024-03-07', amount: 1 }],
    }
    const options = { start: Date.parse('2024-03-12T19:15:31Z'), ...events }
    const feed = feedOf((await simulate(options)).url)
    for (const timeframe of ['1D', '1h'] as const) {
      const candles = await feed.candles(AAPL, timeframe, { limit: 60 }, signal)
      expect(new Set(candles.map(({ time }) => time)).size).toBe(60)
      for (const { open, high, low, close } of candles) {
        expect(high / low).toBeLessThan(1.5)
        expect(Math.max(open, close) / candles.at(-1)!.close).toBeLessThan(3)
      }
    }
  })

  test('a closed market has candles of its sessions only, all of them final but the last day', async () => {
    const simulator = await simulate({ start: Date.parse('2024-03-16T16:00:00Z') })
    const feed = feedOf(simulator.url)
    for (const timeframe of ['1m', '30m', '4h', '1D'] as const) {
      const candles = await feed.candles(AAPL, timeframe, { limit: 30 }, signal)
      expect(candles.at(-1)!.final).toBe(true)
      expect(calendarOf(AAPL).endOf(timeframe, candles.at(-1)!.time)).toBeLessThanOrEqual(
        Date.parse('2024-03-16T04:00Z'),
      )
    }
    const [last] = await feed.candles(AAPL, '1m', { limit: 1 }, signal)
    expect(new Date(last!.time).toISOString()).toBe('2024-03-15T19:59:00.000Z')
    expect(await feed.candles(AAPL, '1W', { limit: 1 }, signal)).toMatchObject([{ final: false }])
  })

  test('a start asks for each chart once, of whose rows several timeframes are made', async () => {
    const simulator = await simulate({ start: Date.parse('2024-03-12T19:15:31Z') })
    const feed = feedOf(simulator.url)
    await feed.resolve(signal)
    for (const timeframe of TIMEFRAMES.toReversed()) await feed.candles(AAPL, timeframe, { limit: 100 }, signal)
    expect(simulator.seen.requests.get('chart')).toBe(5)
  })

  test('nothing is asked for what Yahoo does not have', async () => {
    const simulator = await simulate({ start: Date.parse('2024-03-12T19:15:31Z') })
    const feed = feedOf(simulator.url)
    await feed.resolve(signal)
    expect(await feed.candles(AAPL, '1s', { limit: 100 }, signal)).toEqual([])
    const before = Date.parse('2023-12-01T00:00Z')
    expect(await feed.candles(AAPL, '5m', { before, limit: 100 }, signal)).toEqual([])
    expect(await feed.candles(AAPL, '1D', { limit: 0 }, signal)).toEqual([])
    expect(simulator.seen.requests.get('chart')).toBeUndefined()
  })

  test.each(['cut', 'html', 'consent-page', 429, 500, 503] as const)('a chart with %s is no answer', async (fault) => {
    const simulator = await simulate({})
    simulator.faults.order(fault, { on: 'chart' })
    const asked = feedOf(simulator.url).candles(AAPL, '1D', { limit: 5 }, signal)
    await expect(asked).rejects.toMatchObject({ code: 'feed_broken' })
  })

  test('an unknown symbol is refused', async () => {
    const asked = feedOf((await simulate({})).url).candles(instrumentOf('NOPE'), '1D', { limit: 5 }, signal)
    await expect(asked).rejects.toMatchObject({ code: 'feed_refused', message: expect.stringMatching(/delisted/) })
  })

  test('an abort ends the wait for an answer and for a place', async () => {
    const simulator = await simulate({})
    simulator.faults.order('hang', { on: 'chart' })
    const feed = feedOf(simulator.url)
    const controller = new AbortController()
    const all = Array.from({ length: 5 }, (_, n) =>
      feed.candles(AAPL, '1D', { before: Date.now() - n * DAY, limit: 5 }, controller.signal, 'polite'),
    )
    controller.abort()
    for (const asked of await Promise.allSettled(all)) {
      expect(asked).toMatchObject({ status: 'rejected', reason: { code: 'feed_broken' } })
    }
  })
})

describe('candles of a chart', () => {
  test('a range that Yahoo has nothing in is empty', async () => {
    const description = "Data doesn't exist for startDate = 1577836800, endDate = 1578009600"
    const body = { chart: { result: null, error: { code: 'Bad Request', description } } }
    const { feed } = await fake((yahoo) => {
      yahoo.chart = () => ({ status: 400, body })
    })
    expect(await feed.candles(AAPL, '1D', { limit: 5 }, signal)).toEqual([])
  })

  test('so is one of a chart without rows', async () => {
    const { feed } = await fake(() => {})
    for (const timeframe of TIMEFRAMES) expect(await feed.candles(AAPL, timeframe, { limit: 5 }, signal)).toEqual([])
  })

  test('an exchange whose sessions begin off our grid has its candles of shorter rows', async () => {
    // Mumbai trades from 9:15, at half past the hour of UTC.
    const begin = bucketStart('1D', Date.now()) - DAY + 225 * MINUTE
    const { feed, yahoo } = await fake((source) => {
      source.chart = (_, query) => {
        const length = Number.parseInt(query.get('interval')!, 10) * MINUTE
        const times = Array.from({ length: (6 * 60 * MINUTE) / length }, (_, n) => begin + n * length)
        return { body: chartOf(times.map((time) => [time / 1_000, 1, 2, 1, 2, length / MINUTE])) }
      }
    })
    const candles = await feed.candles(AAPL, '30m', { limit: 100 }, signal)
    expect(candles.map(({ time, volume }) => [(time - begin) / MINUTE, volume])).toEqual([
      [-15, 15],
      ...Array.from({ length: 11 }, (_, n) => [15 + n * 30, 30]),
      [345, 15],
    ])
    expect(yahoo.asked('chart')).toBeGreaterThan(1)
  })

  test('a bucket of an exchange whose prices are late is final so much later', async () => {
    const end = bucketStart('1h', Date.now()) - DAY
    const chart = chartOf([[(end - 5 * MINUTE) / 1_000, 1, 2, 1, 2, 5]])
    for (const [late, isFinal] of [
      [15 * MINUTE, false],
      [16 * MINUTE, true],
    ] as const) {
      const { feed } = await fake((yahoo) => {
        yahoo.rows.set('AAPL', quoteRow('AAPL', { exchangeDataDelayedBy: 15 }))
        yahoo.chart = () => ({ body: chart, headers: { Date: new Date(end + late).toUTCString() } })
      })
      for await (const _ of feed.receive([AAPL], { connected() {} }, signal)) break
      expect(await feed.candles(AAPL, '5m', { limit: 1 }, signal)).toMatchObject([{ final: isFinal }])
    }
  })

  test('a source that does not heed the range is not asked in circles', async () => {
    const { feed } = await fake((yahoo) => {
      yahoo.chart = () => ({ body: chartOf([[1_577_975_400, 1, 2, 1, 2, 5]], { firstTradeDate: 1_577_975_400 }) })
    })
    expect(await feed.candles(AAPL, '1D', { limit: 500 }, signal)).toHaveLength(1)
    expect(await feed.candles(AAPL, '1m', { limit: 500 }, signal)).toHaveLength(1)
  })
})

function instrumentOf(symbol: string): Instrument {
  const steps = { priceDigits: 2, sizeDigits: 0 }
  return { symbol, sourceSymbol: symbol, assetClass: 'stock', source: 'yahoo', ...steps, about }
}

function feedOf(yahooUrl: string) {
  return createYahooFeed({ symbols: [{ symbol: 'AAPL', sourceSymbol: 'AAPL' }], yahooUrl, pollMs: 1_000 })
}

/** A market that stands still at its start. */
async function simulate(options: YahooSimulatorOptions): Promise<YahooSimulator> {
  const simulator = await startYahooSimulator({ now: () => 0, start: Date.now(), ...options })
  stops.push(() => simulator.close())
  return simulator
}

async function fake(prepare: (yahoo: FakeYahoo) => void) {
  const yahoo = await startFakeYahoo()
  stops.push(() => yahoo.close())
  prepare(yahoo)
  return { yahoo, feed: feedOf(yahoo.url) }
}

type Row = readonly [time: number, open: number, high: number, low: number, close: number, volume: number]

function toRow({ time, open, high, low, close, volume }: Candle): Row {
  return [time, open, high, low, close, volume]
}

/** What shorter candles say of a longer timeframe; days are given as days already. */
function fold(candles: readonly Candle[], timeframe: Timeframe): readonly Candle[] {
  const calendar = calendarOf({ about })
  const folded: Candle[] = []
  for (const candle of candles) {
    const time = timeframe === '1W' ? bucketStart('1W', candle.time) : calendar.startOf(timeframe, candle.time)
    const last = folded.at(-1)
    if (last?.time !== time) folded.push({ ...candle, time })
    else {
      folded[folded.length - 1] = {
        ...last,
        high: Math.max(last.high, candle.high),
        low: Math.min(last.low, candle.low),
        close: candle.close,
        volume: last.volume + candle.volume,
      }
    }
  }
  return folded
}
