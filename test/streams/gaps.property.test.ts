import { setImmediate as nextTurn, setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/base/errors.ts'
import { BTC, ExchangeFeed } from '../fakes/exchange-feed.ts'
import { expectCandlesOf, type Side, startSide } from '../fakes/ingest-side.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12, 0, 30)

/** Answers only while it is there, save for which instruments it has. */
class OftenAway extends ExchangeFeed {
  isAway = false
  override beforeAnswer = () => {
    if (this.isAway) throw new GatewayError('feed_broken', 'away')
  }
  override async resolve() {
    return { instruments: [BTC], refused: [] }
  }
}

const step = fc.record({
  act: fc.constantFrom('trade', 'trade', 'lose', 'cut', 'outage', 'outage', 'back', 'wait', 'close', 'restart'),
  afterMs: fc.integer({ min: 0, max: 40_000 }),
})

const start = (feed: ExchangeFeed, database: MemoryDatabase): Side =>
  startSide(feed, database, { holdBackMs: 60, backoffMs: 1 })

describe('a source that is often away', () => {
  let gapsTold = 0

  it('whatever was given up meanwhile, the database has every trade at the end, every gap is settled, and candles match', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
        const feed = new OftenAway(NOON)
        const database = new MemoryDatabase()
        feed.trade()
        let side = start(feed, database)
        await side.caughtUp()
        const published: number[][] = []
        let gaps = 0
        for (const { act, afterMs } of steps) {
          if (act === 'trade') feed.trade(afterMs)
          if (act === 'lose') feed.trade(afterMs, { lost: true })
          if (act === 'cut') feed.cut()
          if (act === 'outage') {
            feed.isAway = true
            feed.trade(afterMs, { lost: true })
            feed.trade()
          }
          if (act === 'back') feed.isAway = false
          if (act === 'wait') for (let turn = 0; turn < 40; turn++) await nextTurn()
          // Mostly until the stream has gone on without what is missing; when it is not connected, it cannot.
          const hasGoneOn = () => side.published.at(-1)?.id === feed.past.length
          if (act === 'outage') for (let turn = 0; turn < 50 && !hasGoneOn(); turn++) await setTimeout(0)
          if (act === 'close') side.memory.stream('BTC')?.history.close(feed.time - 2_000, () => {})
          if (act === 'restart') {
            published.push(side.published.map(({ id }) => id))
            gaps += side.gaps.length
            await side.stop()
            side = start(feed, database)
          }
        }
        feed.isAway = false
        await side.warm
        feed.trade()
        await side.caughtUp()
        published.push(side.published.map(({ id }) => id))
        gapsTold += gaps + side.gaps.length
        const open = () => side.stream().gaps()
        await expect.poll(() => [open(), side.stream().warm], { timeout: 5_000, interval: 1 }).toEqual([[], true])
        await side.caughtUp()
        for (const ids of published) expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b))
        expect(database.ticks.map(({ id }) => id)).toEqual(feed.past.map(({ id }) => id))
        await expectCandlesOf(feed, side)
        await side.stop()
      }),
      { numRuns: 40 },
    )
    // Else the steps tell nothing of gaps.
    expect(gapsTold).toBeGreaterThan(40)
  }, 90_000)
})
