import { describe, expect, test } from 'vitest'
import { createHistory } from '../../src/simulate/history.ts'
import { INTERVAL_MS, type Interval, joinKlines, klineRow } from '../../src/simulate/kline.ts'
import type { AggTrade, SimulatedMarket } from '../../src/simulate/market.ts'
import { seedFor } from '../../src/simulate/noise.ts'
import { symbolSpecs } from '../../src/simulate/symbols.ts'
import { createSyntheticMarket } from '../../src/simulate/synthetic-market.ts'

const MINUTE = 60_000
const DAY = 1440 * MINUTE
const BIRTH = Date.UTC(2026, 0, 5, 10, 0)
const NOW = BIRTH + 3 * 3_600_000 + 1_234_567
const INTERVALS = Object.keys(INTERVAL_MS) as readonly Interval[]

const wall = { at: (now: number) => now, begin: () => {} }

/** Trades for two hours, halts for half an hour, trades on. */
function haltedOnce(name = 'BTCUSDT'): SimulatedMarket {
  const spec = symbolSpecs(1, 0).find(({ symbol }) => symbol === name)!
  const until = BIRTH + 120 * MINUTE
  const segments = [
    { firstN: 0, startTime: BIRTH, ratePerSecond: 1.7, until },
    { firstN: 12_000, startTime: until + 31 * MINUTE, ratePerSecond: 1.7 },
  ]
  return createSyntheticMarket(spec, seedFor(1, spec.symbol), { paceRate: 1.7, segments }, wall)
}

type Row = readonly (number | string)[]

function rows(market: SimulatedMarket, interval: Interval, range: { startTime?: number; endTime?: number }, now = NOW) {
  const history = createHistory(market)
  const all: Row[] = []
  for (let startTime = range.startTime ?? 0; ; ) {
    const page = history.klines(interval, { ...range, startTime, limit: 1000 }, now)
    all.push(...page.map((kline) => klineRow(market, interval, kline)))
    if (page.length < 1000) return all
    startTime = page.at(-1)!.openTime + 1
  }
}

// --- an independent fold: decimal strings as integers of 10^-8, bucket by bucket

const eighths = (text: string) => BigInt(text.replace('.', ''))
const printed = (units: bigint) => {
  const text = units.toString().padStart(9, '0')
  return `${text.slice(0, -8)}.${text.slice(-8)}`
}

function allTrades(market: SimulatedMarket): readonly AggTrade[] {
  return Array.from({ length: market.nextId(NOW) - market.firstId }, (_, n) => market.trade(market.firstId + n))
}

function foldedByHand(all: readonly AggTrade[], openTime: number, length: number): Row | undefined {
  const trades = all.filter(({ time }) => time >= openTime && time < openTime + length)
  if (trades.length === 0) return undefined
  const prices = trades.map(({ price }) => price).sort((a, b) => Number(eighths(a) - eighths(b)))
  const total = (of: typeof trades) => of.reduce((sum, { size }) => sum + eighths(size), 0n)
  const quote = (of: typeof trades) => {
    const sum = of.reduce((whole, { size, price }) => whole + eighths(size) * eighths(price), 0n)
    expect(sum % 10n ** 8n).toBe(0n)
    return sum / 10n ** 8n
  }
  const bought = trades.filter(({ buyerIsMaker }) => !buyerIsMaker)
  const rawTrades = trades.reduce((sum, { firstTradeId, lastTradeId }) => sum + lastTradeId - firstTradeId + 1, 0)
  const [open, high, low, close] = [trades[0]!.price, prices.at(-1)!, prices[0]!, trades.at(-1)!.price]
  const sums = [printed(quote(trades)), rawTrades, printed(total(bought)), printed(quote(bought)), '0']
  return [openTime, open, high, low, close, printed(total(trades)), openTime + length - 1, ...sums]
}

describe('klines', () => {
  test.each(['1m', '3m', '5m', '15m', '30m', '1h'] as const)(
    'of %s equal a fold of the trades to the last digit, also over a halt',
    (interval) => {
      const market = haltedOnce()
      const trades = allTrades(market)
      const folded = rows(market, interval, { startTime: BIRTH })
      expect(folded.length).toBe(Math.floor((NOW - BIRTH) / INTERVAL_MS[interval]) + 1)
      for (const row of folded) {
        const byHand = foldedByHand(trades, Number(row[0]), INTERVAL_MS[interval])
        if (byHand) expect(row).toEqual(byHand)
        else
          expect(row.slice(5)).toEqual([
            '0.00000000',
            expect.any(Number),
            '0.00000000',
            0,
            '0.00000000',
            '0.00000000',
            '0',
          ])
      }
    },
  )

  test('of one second equal the fold too, and stand still in a halt', () => {
    const market = haltedOnce()
    const trades = allTrades(market)
    const until = BIRTH + 120 * MINUTE
    const seconds = rows(market, '1s', { startTime: until - 20_000, endTime: until + 20_000 })
    expect(seconds.length).toBe(41)
    for (const row of seconds) {
      const byHand = foldedByHand(trades, Number(row[0]), 1_000)
      if (byHand) expect(row).toEqual(byHand)
      else expect(row.slice(1, 5)).toEqual(Array(4).fill(row[1]))
    }
  })

  test('of one second add up to their minutes before the first trade too', () => {
    const market = haltedOnce('XRPUSDT')
    const history = createHistory(market)
    for (let start = BIRTH - 20 * MINUTE; start < BIRTH; start += 10 * MINUTE) {
      const minutes = history.klines('1m', { startTime: start, limit: 10 }, NOW)
      const seconds = history.klines('1s', { startTime: start, limit: 600 }, NOW)
      expect(seconds.map(({ openTime }) => openTime)).toEqual(Array.from({ length: 600 }, (_, n) => start + n * 1_000))
      for (const [index, minute] of minutes.entries()) {
        const its = seconds.slice(index * 60, index * 60 + 60)
        expect(its.reduce(joinKlines)).toEqual(minute)
        expect(its.every(({ volume, buyVolume }) => buyVolume <= volume)).toBe(true)
      }
    }
    expect(history.klines('1s', { endTime: BIRTH - 31 * DAY, limit: 5 }, NOW)).toEqual([])
  })

  test('of every interval are the sum of their minutes, back to the day of listing', () => {
    const market = haltedOnce('XRPUSDT')
    const minutes = rows(market, '1m', {})
    expect(minutes[0]![0]).toBe(Math.floor((BIRTH - 30 * DAY) / DAY) * DAY)
    for (const interval of ['15m', '1h', '6h', '1d', '3d', '1w'] as const) {
      const long = rows(market, interval, {})
      const volumes = new Map<number, bigint>()
      const quotes = new Map<number, bigint>()
      const openTimes = long.map((row) => Number(row[0]))
      let bucket = 0
      for (const minute of minutes) {
        while (openTimes[bucket + 1] !== undefined && Number(minute[0]) >= openTimes[bucket + 1]!) bucket += 1
        volumes.set(bucket, (volumes.get(bucket) ?? 0n) + eighths(String(minute[5])))
        quotes.set(bucket, (quotes.get(bucket) ?? 0n) + eighths(String(minute[7])))
      }
      expect(long.map((row) => row[5])).toEqual(long.map((_, index) => printed(volumes.get(index)!)))
      expect(long.map((row) => row[7])).toEqual(long.map((_, index) => printed(quotes.get(index)!)))
      expect(long.at(-1)![4]).toBe(minutes.at(-1)![4])
    }
  })

  test('of a week start on Monday, of the others at multiples of their length', () => {
    const market = haltedOnce()
    for (const interval of INTERVALS) {
      const openTime = createHistory(market).klines(interval, { limit: 1 }, NOW)[0]!.openTime
      if (interval === '1w') expect(new Date(openTime).getUTCDay()).toBe(1)
      else expect(openTime % INTERVAL_MS[interval]).toBe(0)
      expect(NOW - openTime).toBeLessThan(INTERVAL_MS[interval])
    }
  })

  test('are answered by start, end and limit as the exchange does', () => {
    const history = createHistory(haltedOnce())
    const times = (range: { startTime?: number; endTime?: number; limit: number }) =>
      history.klines('5m', range, NOW).map(({ openTime }) => (openTime - BIRTH) / (5 * MINUTE))
    const open = Math.floor((NOW - BIRTH) / (5 * MINUTE))
    expect(times({ limit: 3 })).toEqual([open - 2, open - 1, open])
    expect(times({ limit: 3, startTime: BIRTH })).toEqual([0, 1, 2])
    expect(times({ limit: 3, startTime: BIRTH + 1 })).toEqual([1, 2, 3])
    expect(times({ limit: 3, endTime: BIRTH })).toEqual([-2, -1, 0])
    expect(times({ limit: 9, startTime: BIRTH, endTime: BIRTH + 10 * MINUTE - 1 })).toEqual([0, 1])
    expect(times({ limit: 9, startTime: NOW + DAY })).toEqual([])
    expect(times({ limit: 9, endTime: BIRTH - 70 * DAY })).toEqual([])
    expect(times({ limit: 9, startTime: BIRTH, endTime: BIRTH - DAY })).toEqual([])
  })

  test('grow with the open bucket, whenever they are asked for and however much was folded before', () => {
    const market = haltedOnce()
    const history = createHistory(market)
    for (let now = BIRTH + 5_000; now < NOW; now += 777_777) {
      history.fold(now, 500)
      for (const interval of ['1s', '1m', '15m', '4h'] as const) {
        const fresh = createHistory(market).klines(interval, { limit: 9 }, now)
        expect(history.klines(interval, { limit: 9 }, now)).toEqual(fresh)
      }
    }
  })
})
