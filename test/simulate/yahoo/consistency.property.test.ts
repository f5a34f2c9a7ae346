import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { quoteRow } from '../../../src/simulate/yahoo/quote-answer.ts'
import { startYahooSimulator, type YahooSimulator } from '../../../src/simulate/yahoo.ts'
import { foldPoints, pointsOf, yahooCaller } from './yahoo-caller.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
/** A Friday, after the close. */
const NOW = Date.parse('2026-11-20T17:30:00-05:00')

let wall = NOW
let simulator: YahooSimulator
beforeAll(async () => {
  simulator = await startYahooSimulator({ now: () => wall, symbols: 3 })
})
afterAll(() => simulator.close())

const SYMBOLS = ['NVDA', 'SPY', '^GSPC', 'SIM001', 'SIM002'] as const
const symbols = fc.constantFrom(...SYMBOLS)
const seconds = (time: number) => Math.floor(time / 1000)
const fieldsOf = (symbol: string, time: number) => {
  const row = quoteRow(simulator.markets.get(symbol)!, time)
  return {
    state: row.marketState as string,
    time: (row.regularMarketTime as number) * 1000,
    price: row.regularMarketPrice as number,
    volume: row.regularMarketVolume as number,
    high: row.regularMarketDayHigh as number,
    low: row.regularMarketDayLow as number,
  }
}

function chartOf(symbol: string, interval: string, from: number, to: number) {
  const caller = yahooCaller(simulator)
  return caller.chart(symbol, { interval, period1: seconds(from), period2: seconds(to), includePrePost: 'false' })
}

test.each(SYMBOLS)(
  'a minute of the chart of %s holds exactly the prices that quotes of that minute told',
  async (symbol) => {
    const session = simulator.calendar.sessionBefore(Math.floor(NOW / DAY))
    const end = session.open + 60 * MINUTE
    const points = pointsOf(await chartOf(symbol, '1m', session.open, end))
    expect(points).toHaveLength(60)
    const told = new Map<number, number[]>()
    const rises = new Map<number, number>()
    let volume = 0
    for (let time = session.open; time < end; time += 1000) {
      const quote = fieldsOf(symbol, time)
      const minute = Math.floor(quote.time / MINUTE) * MINUTE
      told.set(minute, [...(told.get(minute) ?? []), quote.price])
      rises.set(minute, (rises.get(minute) ?? 0) + quote.volume - volume)
      volume = quote.volume
    }
    for (const { time, ...row } of points) {
      const prices = told.get(time)
      const [open, close] = [prices?.[0] ?? null, prices?.at(-1) ?? null]
      const [high, low] = prices ? [Math.max(...prices), Math.min(...prices)] : [null, null]
      expect(row).toEqual({ open, high, low, close, volume: rises.get(time) ?? null })
    }
  },
)

test('rows of every interval are the fold of the minutes in them', async () => {
  const days = fc.integer({ min: 1, max: 7 })
  const intervals = fc.constantFrom(
    ['5m', 5] as const,
    ['15m', 15] as const,
    ['30m', 30] as const,
    ['60m', 60] as const,
  )
  await fc.assert(
    fc.asyncProperty(symbols, days, intervals, async (symbol, ago, [interval, step]) => {
      const session = simulator.calendar.sessionBefore(Math.floor(NOW / DAY) + 2 - ago)
      const minutes = pointsOf(await chartOf(symbol, '1m', session.open, session.close))
      const rows = pointsOf(await chartOf(symbol, interval, session.open, session.close))
      const folded = Array.from({ length: Math.ceil(390 / step) }, (_, at) =>
        foldPoints(minutes.slice(at * step, (at + 1) * step)),
      )
      expect(rows.filter(({ close }) => close !== null)).toEqual(folded.filter((row) => row !== undefined))
      const [day] = pointsOf(await chartOf(symbol, '1d', session.open, session.close))
      expect(day).toEqual(foldPoints(minutes))
      const late = fieldsOf(symbol, session.close)
      expect([late.price, late.high, late.low, late.volume]).toEqual([day!.close, day!.high, day!.low, day!.volume])
    }),
    { numRuns: 30 },
  )
})

test('another start tells the same past, and its quotes go on from there', async () => {
  const session = simulator.calendar.sessionBefore(Math.floor(NOW / DAY))
  const other = await startYahooSimulator({ now: () => NOW + 5 * DAY, symbols: 3 })
  try {
    for (const symbol of SYMBOLS) {
      const range = { interval: '5m', period1: seconds(session.open), period2: seconds(session.close) }
      const told = await yahooCaller(other).chart(symbol, range)
      expect(pointsOf(told)).toEqual(pointsOf(await yahooCaller(simulator).chart(symbol, range)))
      expect(quoteRow(other.markets.get(symbol)!, NOW)).toEqual(quoteRow(simulator.markets.get(symbol)!, NOW))
    }
  } finally {
    await other.close()
  }
})

test('a quote never goes back: not in time, and not in volume within a day', () => {
  const moments = fc.array(fc.integer({ min: 0, max: 7 * 24 * 3600 }), { minLength: 2, maxLength: 40 })
  fc.assert(
    fc.property(symbols, moments, (symbol, offsets) => {
      const times = [...offsets].sort((a, b) => a - b).map((offset) => NOW - 7 * DAY + offset * 1000)
      let last = fieldsOf(symbol, times[0]! - 1000)
      for (const time of times) {
        const quote = fieldsOf(symbol, time)
        expect(quote.time).toBeGreaterThanOrEqual(last.time)
        const isSameDay = simulator.calendar.local.dayOf(quote.time) === simulator.calendar.local.dayOf(last.time)
        if (isSameDay) expect(quote.volume).toBeGreaterThanOrEqual(last.volume)
        expect(quote.price).toBeGreaterThanOrEqual(quote.low)
        expect(quote.price).toBeLessThanOrEqual(quote.high)
        last = quote
      }
    }),
  )
})

test('the chart of an open market ends at the price of the quote', async () => {
  for (const [offset, symbol] of [
    [61, 'NVDA'],
    [1_000, 'SPY'],
    [7_777, 'SIM001'],
  ] as const) {
    const open = simulator.calendar.sessionFrom(Math.floor(NOW / DAY) + 1).open
    wall = open + offset * 1000
    const quote = fieldsOf(symbol, wall)
    for (const interval of ['1m', '5m', '30m', '1d']) {
      const rows = pointsOf(await chartOf(symbol, interval, open, wall + DAY)).filter(({ close }) => close !== null)
      expect(rows.at(-1)?.close).toBe(quote.price)
      expect(rows.at(-1)?.time).toBeLessThanOrEqual(quote.time)
    }
    const [day] = pointsOf(await chartOf(symbol, '1d', open, wall + DAY))
    expect(day).toMatchObject({ high: quote.high, low: quote.low, volume: quote.volume })
  }
  wall = NOW
})
