import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seedFor } from '../../src/simulate/noise.ts'
import { continueSegments, createSchedule, type Segment } from '../../src/simulate/schedule.ts'
import { symbolSpecs } from '../../src/simulate/symbols.ts'
import { createSyntheticMarket } from '../../src/simulate/synthetic-market.ts'

const BIRTH = Date.UTC(2026, 0, 5, 10, 0)
const SPEC = symbolSpecs(1, 0)[0]!

const wall = { at: (now: number) => now, begin: () => {} }

function market(seed: number, ratePerSecond = 20) {
  const segments = [{ firstN: 0, startTime: BIRTH, ratePerSecond }]
  return createSyntheticMarket(SPEC, seedFor(seed, SPEC.symbol), { paceRate: ratePerSecond, segments }, wall)
}

const seeds = fc.integer({ min: 0, max: 1_000_000 })
const numbers = fc.integer({ min: -5_000_000, max: 5_000_000_000 })

describe('a made-up trade', () => {
  test('is the same whoever asks for it, in whatever order, also before the first one', () => {
    fc.assert(
      fc.property(seeds, fc.array(numbers, { minLength: 1, maxLength: 20 }), (seed, ns) => {
        const [here, there] = [market(seed), market(seed)]
        const forward = ns.map((n) => here.trade(SPEC.firstId + n))
        const backward = ns.toReversed().map((n) => there.trade(SPEC.firstId + n))
        expect(forward).toEqual(backward.toReversed())
      }),
      { numRuns: 100 },
    )
  })

  test('depends on the seed', () => {
    const prices = (seed: number) => Array.from({ length: 50 }, (_, n) => market(seed).trade(SPEC.firstId + n).price)
    expect(prices(1)).not.toEqual(prices(2))
  })

  test('follows on the one before: raw ids without a hole, times that never fall', () => {
    fc.assert(
      fc.property(seeds, numbers, fc.constantFrom(0.5, 20, 3_000, 1_000_000), (seed, n, rate) => {
        const made = market(seed, rate)
        let previous = made.steps(SPEC.firstId + n)
        for (let id = previous.id + 1; id < previous.id + 130 && id < SPEC.firstId + n + 130; id += 1) {
          const trade = made.steps(id)
          expect(trade.firstTradeId).toBe(previous.lastTradeId + 1)
          expect(trade.lastTradeId).toBeGreaterThanOrEqual(trade.firstTradeId)
          expect(trade.lastTradeId - trade.firstTradeId).toBeLessThan(8)
          expect(trade.time).toBeGreaterThanOrEqual(previous.time)
          previous = trade
        }
      }),
      { numRuns: 60 },
    )
  })

  test('has a plausible price: it moves less than a per mille at a step and some percent in a day', () => {
    const made = market(3)
    const prices = Array.from({ length: 5_000 }, (_, n) => made.steps(SPEC.firstId + n).priceSteps)
    const moves = prices.slice(1).map((price, index) => Math.abs(price / prices[index]! - 1))
    expect(Math.max(...moves)).toBeLessThan(0.001)
    const day = Array.from({ length: 24 }, (_, hour) => made.steps(SPEC.firstId + hour * 72_000).priceSteps)
    const range = Math.max(...day) / Math.min(...day) - 1
    expect(range).toBeGreaterThan(0.005)
    expect(range).toBeLessThan(0.3)
  })

  test('is printed with eight decimals on the steps of its market', () => {
    const { price, size, priceSteps, sizeSteps } = market(1).trade(SPEC.firstId + 7)
    expect(price).toMatch(/^\d+\.\d{2}000000$/)
    expect(size).toMatch(/^\d+\.\d{5}000$/)
    expect(Math.round(Number(price) * 100)).toBe(priceSteps)
    expect(Math.round(Number(size) * 100_000)).toBe(sizeSteps)
  })
})

describe('the schedule', () => {
  const rates = fc.double({ min: 0.05, max: 500_000, noNaN: true })
  const stretch = fc.record({
    ratePerSecond: rates,
    tradesForMs: fc.integer({ min: 0, max: 20_000 }),
    haltMs: fc.integer({ min: 1, max: 5_000 }),
  })

  test('finds the first trade at or after any moment, over halts and changes of rate', () => {
    fc.assert(
      fc.property(
        seeds,
        rates,
        fc.array(stretch, { maxLength: 4 }),
        fc.integer({ min: -10, max: 60_000 }),
        (seed, rate, stretches, after) => {
          let segments: readonly Segment[] = [{ firstN: 0, startTime: BIRTH, ratePerSecond: rate }]
          for (const { ratePerSecond, tradesForMs, haltMs } of stretches) {
            const until = segments.at(-1)!.startTime + tradesForMs
            segments = continueSegments(seed, segments, { until, startTime: until + haltMs, ratePerSecond })
          }
          const schedule = createSchedule(seed, segments)
          const first = schedule.firstAt(BIRTH + after)
          expect(schedule.timeOf(first)).toBeGreaterThanOrEqual(BIRTH + after)
          if (first > 0) expect(schedule.timeOf(first - 1)).toBeLessThan(BIRTH + after)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('keeps the rate it was given', () => {
    const schedule = createSchedule(9, [{ firstN: 0, startTime: BIRTH, ratePerSecond: 50 }])
    expect(Math.abs(schedule.firstAt(BIRTH + 600_000) - 30_000)).toBeLessThanOrEqual(64)
  })

  test('is not a metronome', () => {
    const schedule = createSchedule(9, [{ firstN: 0, startTime: BIRTH, ratePerSecond: 50 }])
    const gaps = Array.from({ length: 500 }, (_, n) => schedule.timeOf(n + 1) - schedule.timeOf(n))
    expect(Math.min(...gaps)).toBeLessThan(8)
    expect(Math.max(...gaps)).toBeGreaterThan(40)
  })
})
