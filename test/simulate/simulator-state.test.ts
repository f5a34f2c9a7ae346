import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createWallClock } from '../../src/simulate/clock.ts'
import type { SimulatedMarket } from '../../src/simulate/market.ts'
import { seedFor } from '../../src/simulate/noise.ts'
import { openSimulatorState } from '../../src/simulate/simulator-state.ts'
import { symbolSpecs } from '../../src/simulate/symbols.ts'
import { createSyntheticMarket } from '../../src/simulate/synthetic-market.ts'

const BIRTH = Date.UTC(2026, 0, 5, 10, 7, 23, 456)
const SPEC = symbolSpecs(1, 0)[0]!

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tickgate simulate '))
})
afterEach(() => rmSync(directory, { recursive: true }))

/** One process: it reads the state, trades, and is dropped without a word, as by `kill -9`. */
function start(now: number, asked: { seed?: number; rate?: number; fresh?: boolean } = {}): SimulatedMarket {
  const { seed, rate = 50, fresh = false } = asked
  const state = openSimulatorState({ directory, fresh, seed, now })
  const life = state.lifeOf(SPEC, { own: rate * 0.4, all: rate })
  return createSyntheticMarket(SPEC, seedFor(state.seed, SPEC.symbol), life, createWallClock(state.reserve))
}

/** Everything the market has ever shown up to `now`. */
function shown(market: SimulatedMarket, now: number) {
  const next = market.nextId(now)
  return Array.from({ length: next - market.firstId }, (_, offset) => market.trade(market.firstId + offset))
}

describe('a restarted simulator', () => {
  test('has a past from its birth on, at about its rate', () => {
    const past = shown(start(BIRTH), BIRTH)
    expect(Math.abs(past.length - 8_000)).toBeLessThanOrEqual(65)
    expect(past[0]!.time % 60_000).toBeLessThan(1_000)
    expect(BIRTH - past.at(-1)!.time).toBeLessThan(2_000)
  })

  test('shows every trade again as it was, whenever it was killed', () => {
    let now = BIRTH
    let before = shown(start(now), now)
    for (const [ran, gone] of [
      [3_000, 20],
      [700, 90_000],
      [0, 400],
      [5_000, 1_001],
      [10, 86_400_000],
    ] as const) {
      const running = start(now)
      now += ran
      before = shown(running, now)
      now += gone
      const after = shown(start(now), now)
      expect(after.slice(0, before.length)).toEqual(before)
      for (let index = Math.max(1, before.length - 5); index < after.length; index += 1) {
        expect(after[index]!.id).toBe(after[index - 1]!.id + 1)
        expect(after[index]!.firstTradeId).toBe(after[index - 1]!.lastTradeId + 1)
        expect(after[index]!.time).toBeGreaterThanOrEqual(after[index - 1]!.time)
      }
    }
  })

  test('goes on as if nothing had been when it was gone for less than its reservation', () => {
    const first = start(BIRTH)
    first.nextId(BIRTH)
    const second = start(BIRTH + 900)
    expect(shown(second, BIRTH + 60_000)).toEqual(shown(first, BIRTH + 60_000))
  })

  test('was halted while it was gone: what it had reserved exists, and nothing after it', () => {
    const first = start(BIRTH)
    first.nextId(BIRTH)
    const later = BIRTH + 3_600_000
    const second = start(later)
    const during = shown(second, later + 5_000).filter(({ time }) => time > BIRTH && time < later)
    expect(during.length).toBeGreaterThan(0)
    expect(during.at(-1)!.time).toBeLessThanOrEqual(BIRTH + 1_000)
  })

  test('takes another rate from the next start on, and leaves what was', () => {
    const before = shown(start(BIRTH), BIRTH + 400)
    const faster = start(BIRTH + 500, { rate: 5_000 })
    expect(shown(faster, BIRTH + 400).slice(0, before.length)).toEqual(before)
    const [from, until] = [faster.nextId(BIRTH + 11_000), faster.nextId(BIRTH + 12_000)]
    expect(Math.abs(until - from - 2_000)).toBeLessThanOrEqual(64)
  })

  test('begins anew with another seed, or when told to', () => {
    const first = shown(start(BIRTH, { seed: 1 }), BIRTH)[9]!
    const now = BIRTH + 600_000
    expect(start(now).trade(SPEC.firstId + 9)).toEqual(first)
    expect(start(now, { fresh: true }).trade(SPEC.firstId + 9)).not.toEqual(first)
    const other = start(now, { seed: 2 })
    expect(other.trade(SPEC.firstId + 9).price).not.toBe(first.price)
    expect(Math.abs(other.nextId(now) - SPEC.firstId - 8_000)).toBeLessThanOrEqual(65)
  })

  test('refuses a state that is not one, and says how to go on', () => {
    writeFileSync(join(directory, 'simulator.json'), '{"version":7}')
    expect(() => start(BIRTH)).toThrow(/simulator\.json must be a simulator's state .*fresh/)
    start(BIRTH, { fresh: true }).nextId(BIRTH)
    expect(JSON.parse(readFileSync(join(directory, 'simulator.json'), 'utf8'))).toMatchObject({ version: 1, seed: 1 })
  })

  test('does not take a trade back when the clock of the host is set back', () => {
    const market = start(BIRTH)
    const next = market.nextId(BIRTH + 5_000)
    expect(market.nextId(BIRTH - 5_000)).toBe(next)
  })
})
