import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFredFeed } from '../../feeds/fred.ts'
import type { FredRow } from '../../feeds/fred-row.ts'
import { isGatewayError } from '../../src/base/errors.ts'
import type { Feed } from '../../src/feed.ts'
import type { Tick } from '../../src/market/tick.ts'
import { FRED_FAULTS, type FredFault, type FredQuestion } from '../../src/simulate/fred/faults.ts'
import { type FredSimulator, startFredSimulator, type TrueVintage } from '../../src/simulate/fred.ts'
import { createObservationStore } from '../fakes/observation-store.ts'

const SYMBOLS = ['GDP', 'UNRATE', 'DGS10'].map((series) => ({ symbol: `MY_${series}`, sourceSymbol: series }))
/** A Sunday: no vintage is of one unless it was published by hand. */
const BEGIN = Date.UTC(2026, 10, 22, 18)
const DAY = 86_400_000
const GENEROUS_MS = 60_000

/** What happens to a gateway and its source, one after another. */
type Step =
  | { readonly type: 'days'; readonly days: number }
  | { readonly type: 'fault'; readonly kind: FredFault; readonly on: FredQuestion; readonly count: number }
  | { readonly type: 'publish'; readonly weeksAgo: number; readonly value: string; readonly rewindDays: number }
  /** The feed is begun anew, in the same process or in another, after the last died in the middle of its work. */
  | { readonly type: 'restart'; readonly isProcess: boolean; readonly dieAfter: number | undefined }

const questions: readonly FredQuestion[] = ['series', 'observations', 'vintagedates', 'updates']
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('days' as const), days: fc.integer({ min: 1, max: 70 }) }),
  fc.record({
    type: fc.constant('fault' as const),
    kind: fc.constantFrom(...FRED_FAULTS.filter((kind) => kind !== 'bad-key')),
    on: fc.constantFrom(...questions),
    count: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    type: fc.constant('publish' as const),
    weeksAgo: fc.integer({ min: 0, max: 300 }),
    value: fc.constantFrom('1.5', '2.25', '.'),
    rewindDays: fc.constantFrom(0, 3),
  }),
  fc.record({
    type: fc.constant('restart' as const),
    isProcess: fc.boolean(),
    dieAfter: fc.option(fc.integer({ min: 1, max: 900 }), { nil: undefined }),
  }),
)

test('whatever fails, restarts and comes late, the store ends with every vintage once', async () => {
  const plan = fc.array(step, { minLength: 3, maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1_000 }), plan, async (seed, steps) => {
      const clock = { wall: 0 }
      const life = new Life(await startFredSimulator({ seed, start: BEGIN, now: () => clock.wall }))
      try {
        for (const [n, each] of steps.entries()) {
          if (each.type === 'days') clock.wall += each.days * DAY
          await life.take(each, n)
        }
        await life.settle()
        for (const { symbol, sourceSymbol } of SYMBOLS) {
          expectOnce(life.store.of(symbol), life.simulator.truth(sourceSymbol))
        }
      } finally {
        await life.close()
      }
    }),
    { numRuns: 12, endOnFailure: true },
  )
}, 600_000)

/** A gateway, as far as this source knows it, over the life of several processes. */
class Life {
  readonly store = createObservationStore()
  readonly simulator: FredSimulator
  #feed: Feed<FredRow>
  #stop = new AbortController()
  #running: Promise<void>
  /** Answers that came, and attempts that failed. */
  #beats = 0

  constructor(simulator: FredSimulator) {
    this.simulator = simulator
    this.#feed = this.#process()
    this.#running = this.#run(undefined)
  }

  async take(step: Step, n: number): Promise<void> {
    if (step.type === 'fault') this.simulator.faults.order(step.kind, { ...step, delayMs: 5 })
    if (step.type === 'publish') this.#publish(step, n)
    if (step.type === 'restart') await this.#restart(step)
    const beats = this.#beats
    await expect.poll(() => this.#beats, { timeout: GENEROUS_MS }).toBeGreaterThan(beats + 1)
  }

  /** Nothing fails any more, and one more process starts: it reads everything. */
  async settle(): Promise<void> {
    this.simulator.faults.clear()
    await this.#restart({ isProcess: true, dieAfter: undefined })
    for (const { symbol, sourceSymbol } of SYMBOLS) {
      const { length } = this.simulator.truth(sourceSymbol)
      await expect.poll(() => this.store.of(symbol).length, { timeout: GENEROUS_MS }).toBeGreaterThanOrEqual(length)
    }
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running
    await this.simulator.close()
  }

  #publish({ weeksAgo, value, rewindDays }: Extract<Step, { type: 'publish' }>, n: number): void {
    const vintage = new Date(BEGIN - weeksAgo * 7 * DAY).toISOString().slice(0, 10)
    const lastUpdated = this.simulator.clock() - rewindDays * DAY
    // No two steps speak of one period.
    this.simulator.publish('GDP', [{ period: `${2_000 + n}-04-01`, value, vintage }], { lastUpdated })
  }

  async #restart({ isProcess, dieAfter }: { isProcess: boolean; dieAfter: number | undefined }): Promise<void> {
    this.#stop.abort()
    await this.#running
    this.#stop = new AbortController()
    if (isProcess) this.#feed = this.#process()
    this.#running = this.#run(dieAfter)
  }

  /** The supervisor, without its patience. */
  async #run(dieAfter: number | undefined): Promise<void> {
    const { signal } = this.#stop
    const heard = () => {
      this.#beats++
    }
    for (let dies = dieAfter; !signal.aborted; dies = undefined) {
      try {
        await this.store.follow(this.#feed, { heard, dieAfter: dies }, signal)
      } catch (error) {
        if (!isGatewayError(error, 'feed_broken') && !String(error).includes('killed')) throw error
        heard()
        await sleep(1)
      }
    }
  }

  #process(): Feed<FredRow> {
    const { url, apiKey } = this.simulator
    const bounds = { spacingMs: 0, requestMs: 600, rowsAPage: 400, datesAWindow: 700, updatesAPage: 1 }
    return createFredFeed({ symbols: SYMBOLS, url, apiKey, pollMs: 5, bounds })
  }
}

function expectOnce(ticks: readonly Tick[], truth: readonly TrueVintage[]): void {
  const rows = ticks.map(({ period, vintage, price }) => [period, vintage, price].join())
  expect(rows.toSorted()).toEqual(truth.map(({ period, vintage, value }) => [period, vintage, value].join()).sort())
  const ids = ticks.map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  const live = ticks.filter(({ isPast }) => !isPast).map(({ id }) => id)
  expect(live).toEqual(live.toSorted((a, b) => a - b))
}
