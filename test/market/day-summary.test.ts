import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { decimalDifference, summarizeDay } from '../../src/market/day-summary.ts'
import type { MarketState } from '../../src/market/market-state.ts'
import { quoteOf } from '../../src/market/quote.ts'
import type { Update } from '../../src/market/tick.ts'
import { MemoryStream } from '../../src/tiers/memory/memory.ts'
import { BTC, DAY, NOON, update } from '../tiers/fixtures.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** A stream of these ticks, of which everything is known unless it began before what memory holds. */
function streamOf(ticks: readonly Update[], { holdsAll = true, candles = 1_000 } = {}): MemoryStream {
  const stream = new MemoryStream(BTC, { candles, ticks: 10 })
  if (holdsAll) {
    stream.firstTraded = ticks[0]?.time ?? 0
    stream.warm = true
  }
  for (const tick of ticks) stream.append(tick)
  return stream
}

/** What the ticks of the last day say, those of the five minutes in which it begins included. */
function byHand(ticks: readonly Update[], now: number) {
  const start = Math.floor((now - DAY) / (5 * MINUTE)) * 5 * MINUTE
  const inside = ticks.filter(({ time }) => time >= start)
  const before = ticks.findLast(({ time }) => time < start)
  const prices = inside.map(({ price }) => price!)
  const latest = ticks.at(-1)!.price!
  return {
    change24h: decimalDifference(latest, before?.price ?? prices[0] ?? latest),
    high24h: Math.max(latest, ...prices),
    low24h: Math.min(latest, ...prices),
    volume24h: Number(inside.reduce((sum, { size }) => sum + size!, 0).toFixed(5)),
  }
}

describe('the last 24 hours of what is traded around the clock', () => {
  test('are what its ticks say, to the five minutes, however they are spread', () => {
    const tick = fc.record({
      after: fc.oneof(fc.integer({ min: 0, max: 90_000 }), fc.integer({ min: 0, max: 5 * HOUR })),
      cents: fc.integer({ min: 1, max: 10_000_000 }),
      size: fc.integer({ min: 1, max: 10_000_000 }),
    })
    fc.assert(
      fc.property(
        fc.array(tick, { minLength: 1, maxLength: 200 }),
        fc.integer({ min: 0, max: HOUR }),
        (made, later) => {
          let time = NOON
          const ticks = made.map(({ after, cents, size }, index) => {
            time += after
            return update(index + 1, { time, received: time, price: cents / 100, size: size / 100_000 })
          })
          const now = time + later
          expect(summarizeDay(streamOf(ticks), now)).toEqual(byHand(ticks, now))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('are told by coarser candles where the fine ones do not reach back, and not at all where none do', () => {
    const ticks = Array.from({ length: 40 * 60 }, (_, index) =>
      update(index + 1, { time: NOON + index * MINUTE, received: NOON + index * MINUTE, price: 100 + index, size: 1 }),
    )
    const now = ticks.at(-1)!.time
    const begin = (length: number) => Math.floor((now - DAY) / length) * length
    const minutesSince = (start: number) => (now - start) / MINUTE + 1
    const quarters = summarizeDay(streamOf(ticks, { holdsAll: false, candles: 100 }), now)
    expect(quarters.volume24h).toBe(minutesSince(begin(15 * MINUTE)))
    const hours = summarizeDay(streamOf(ticks, { holdsAll: false, candles: 30 }), now)
    expect(hours.volume24h).toBe(minutesSince(begin(HOUR)))
    expect(summarizeDay(streamOf(ticks, { holdsAll: false, candles: 20 }), now)).toEqual({})
  })

  it('go on by the clock of the source: what was traded a day ago leaves though nothing is traded', () => {
    const ticks = [
      update(1, { time: NOON, received: NOON, price: 90, size: 2 }),
      update(2, { time: NOON + HOUR, received: NOON + HOUR, price: 100, size: 1 }),
    ]
    const stream = streamOf(ticks)
    expect(summarizeDay(stream, NOON + 2 * HOUR)).toEqual({ change24h: 10, high24h: 100, low24h: 90, volume24h: 3 })
    const gone = { change24h: 10, high24h: 100, low24h: 100, volume24h: 1 }
    expect(summarizeDay(stream, NOON + DAY + 10 * MINUTE)).toEqual(gone)
    const quiet = { change24h: 0, high24h: 100, low24h: 100, volume24h: 0 }
    expect(summarizeDay(stream, NOON + 30 * HOUR)).toEqual(quiet)
  })

  it('are read of the candles once a second at most, and never contradict the price', () => {
    const stream = streamOf([update(1, { time: NOON, received: NOON, price: 100, size: 1 })])
    let reads = 0
    const { candles } = MemoryStream.prototype
    stream.candles = (...asked) => {
      reads += 1
      return candles.apply(stream, asked)
    }
    summarizeDay(stream, NOON)
    const readOnce = reads
    stream.append(update(2, { time: NOON + 100, received: NOON + 100, price: 130, size: 1 }))
    expect(summarizeDay(stream, NOON + 999)).toMatchObject({ change24h: 30, high24h: 130, low24h: 100, volume24h: 1 })
    expect(reads).toBe(readOnce)
    expect(summarizeDay(stream, NOON + 1_000)).toMatchObject({ change24h: 30, high24h: 130, volume24h: 2 })
    expect(reads).toBeGreaterThan(readOnce)
  })

  it('have missed trades that were found, ten seconds later at most', () => {
    const at = (minutes: number) => ({ time: NOON + minutes * MINUTE, received: NOON + minutes * MINUTE })
    const stream = streamOf([update(1, { ...at(0), size: 1 }), update(9, { ...at(300), size: 1 })])
    const now = NOON + 301 * MINUTE
    expect(summarizeDay(stream, now).volume24h).toBe(2)
    stream.history.foldLate(update(5, { ...at(60), price: 500, size: 3 }))
    expect(summarizeDay(stream, now + 10_000)).toMatchObject({ high24h: 500, volume24h: 5 })
  })

  it('are nothing before the first price', () => {
    expect(summarizeDay(streamOf([]), NOON)).toEqual({})
    expect(quoteOf(streamOf([]), NOON)).toBeUndefined()
  })
})

describe('the quote of a stock', () => {
  const NVDA = { ...BTC, symbol: 'NVDA', source: 'yahoo', assetClass: 'stock' } as const
  const state = (day: Partial<MarketState['day']>, market = 'REGULAR'): MarketState => ({
    ...{ market, delayMs: 900_000 },
    day: { previousClose: undefined, high: undefined, low: undefined, volume: undefined, ...day },
  })

  it('has the change against the close before, and the exchange day as its source tells it', () => {
    const stream = new MemoryStream(NVDA)
    stream.append(update(1, { symbol: 'NVDA', price: 187.2, time: NOON }))
    expect(quoteOf(stream, NOON)).toEqual({ symbol: 'NVDA', id: 1, price: 187.2, time: NOON, stale: false })
    expect(stream.sayMarket(state({ previousClose: 186.9, high: 188, low: 185, volume: 1_000 }), NOON)).toBe(true)
    expect(JSON.parse(JSON.stringify(quoteOf(stream, NOON)))).toEqual({
      ...{ symbol: 'NVDA', id: 1, price: 187.2, time: NOON, stale: false },
      ...{ change24h: 0.3, high24h: 188, low24h: 185, volume24h: 1_000, market: 'REGULAR', delay: 900_000 },
    })
  })

  it('is another when the market, the delay or the close before is, not when the day goes on', () => {
    const stream = new MemoryStream(NVDA)
    expect(stream.sayMarket(state({ previousClose: 1, volume: 1 }), 1)).toBe(true)
    expect(stream.sayMarket(state({ previousClose: 1, volume: 2 }), 2)).toBe(false)
    expect(stream.sayMarket(state({ previousClose: 1, volume: 2 }, 'CLOSED'), 3)).toBe(true)
    expect(stream.sayMarket({ ...state({ previousClose: 1 }, 'CLOSED'), delayMs: 0 }, 4)).toBe(true)
    expect(stream.sayMarket({ ...state({ previousClose: 2 }, 'CLOSED'), delayMs: 0 }, 5)).toBe(true)
    expect(stream.marketAt).toBe(5)
  })
})

describe('a difference of decimals', () => {
  it.each([
    [97_123.46, 96_000.12, 1_123.34],
    [0.3, 0.1, 0.2],
    [1e-8, 3e-8, -2e-8],
    [4.1, 4.2, -0.1],
    [1e21, 1, 1e21],
    [5, 5, 0],
  ])('%d less %d is %d', (a, b, difference) => {
    expect(decimalDifference(a, b)).toBe(difference)
  })
})
