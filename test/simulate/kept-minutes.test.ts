import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createHistory } from '../../src/simulate/history.ts'
import { openKeptMinutes } from '../../src/simulate/kept-minutes.ts'
import type { SimulatedMarket } from '../../src/simulate/market.ts'
import { symbolSpecs } from '../../src/simulate/symbols.ts'
import { createSyntheticMarket } from '../../src/simulate/synthetic-market.ts'

const BIRTH = Date.UTC(2026, 0, 5, 10, 0)
const HOUR = 3_600_000

let directory: string
let made: number
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tickgate simulate '))
  made = 0
})
afterEach(() => rmSync(directory, { recursive: true }))

/** A market that counts the trades it makes. */
function countingMarket(): SimulatedMarket {
  const life = { paceRate: 2, segments: [{ firstN: 0, startTime: BIRTH, ratePerSecond: 2 }] }
  const market = createSyntheticMarket(symbolSpecs(1, 0)[0]!, 1, life, { at: (now) => now, begin: () => {} })
  return {
    ...market,
    steps(id) {
      made += 1
      return market.steps(id)
    },
  }
}

function openHistory(fresh = false) {
  const market = countingMarket()
  const minutes = openKeptMinutes(directory, fresh)
  const store = {
    minutes: minutes.of(market.symbol),
    keep: (ended: Parameters<typeof minutes.keep>[1]) => minutes.keep(market.symbol, ended),
  }
  return createHistory(market, store)
}

const wish = { startTime: BIRTH, limit: 1000 }

test('a restarted simulator folds only the minutes that were not kept, and says the same', () => {
  openHistory().klines('1m', wish, BIRTH + HOUR)
  const now = BIRTH + HOUR + 90_000
  const expected = createHistory(countingMarket()).klines('1m', wish, now)
  made = 0
  expect(openHistory().klines('1m', wish, now)).toEqual(expected)
  expect(made).toBeLessThan(400)
})

test('a line cut short by a crash costs what follows it, and nothing else', () => {
  openHistory().klines('1m', wish, BIRTH + HOUR)
  const file = join(directory, 'minutes.ndjson')
  const whole = readFileSync(file, 'utf8')
  appendFileSync(file, '["BTCUSDT",17676')
  const now = BIRTH + 2 * HOUR
  const expected = createHistory(countingMarket()).klines('1m', wish, now)
  expect(openHistory().klines('1m', wish, now)).toEqual(expected)
  expect(readFileSync(file, 'utf8').startsWith(whole)).toBe(true)
  expect(openHistory().klines('1m', wish, now)).toEqual(expected)
})

test('a simulator that begins anew forgets them', () => {
  openHistory().klines('1m', wish, BIRTH + HOUR)
  made = 0
  openHistory(true).klines('1m', wish, BIRTH + HOUR)
  expect(made).toBeGreaterThan(7_000)
})
