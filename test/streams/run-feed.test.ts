import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/base/errors.ts'
import { createGate } from '../../src/base/gate.ts'
import { ExchangeFeed } from '../fakes/exchange-feed.ts'
import { expectCandlesOf, runAndStop, startSide, tradeFor } from '../fakes/ingest-side.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12, 0, 30)

describe('a feed in the gateway', () => {
  it('begins at the running minute, with open candles composed and joined to live trades by id', async () => {
    const feed = new ExchangeFeed(NOON - 3 * 3_600_000)
    tradeFor(feed, 9_000, 1_250)
    const side = startSide(feed, new MemoryDatabase())
    await side.warm
    feed.trade()
    await side.caughtUp()
    await expectCandlesOf(feed, side)
    expect(side.published[0]!.prev).toBeNull()
    expect(side.published.at(-1)).toMatchObject({ id: feed.past.length, backfilled: false })
    await side.stop()
  })

  it('a quiet minute has nothing to join: the stream begins with the newest trade there is', async () => {
    const feed = new ExchangeFeed(NOON - 600_000)
    tradeFor(feed, 50)
    feed.time = NOON
    const side = startSide(feed, new MemoryDatabase())
    await side.warm
    expect(side.published.map(({ id }) => id)).toEqual([50])
    await expectCandlesOf(feed, side)
    await side.stop()
  })

  it('a frame lost on the way is fetched by its id before later trades go out', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const side = startSide(feed, new MemoryDatabase())
    await side.warm
    feed.trade(100, { lost: true })
    feed.trade(100, { lost: true })
    feed.trade()
    await side.caughtUp()
    expect(side.published.map(({ id, prev, backfilled }) => [prev, id, backfilled]).slice(-3)).toEqual([
      [1, 2, true],
      [2, 3, true],
      [3, 4, false],
    ])
    await side.stop()
  })

  it('what the source does not give back within the bound is told as a gap, and the stream goes on', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const side = startSide(feed, new MemoryDatabase(), { holdBackMs: 50 })
    await side.warm
    feed.beforeAnswer = () => {
      throw new GatewayError('feed_broken', 'REST is away')
    }
    feed.trade(100, { lost: true })
    feed.trade()
    await side.until(() => side.published.at(-1)?.id === 3)
    expect(side.gaps).toEqual([{ symbol: 'BTC', from: 2, to: 2, reason: 'REST is away' }])
    expect(side.published.at(-1)).toMatchObject({ prev: 1, id: 3 })
    await side.stop()
  })

  it('trades wait while a hole is being filled, however slow the source is, and then go out in order', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const side = startSide(feed, new MemoryDatabase())
    await side.warm
    const answer = createGate()
    feed.beforeAnswer = () => answer.opened
    feed.trade(100, { lost: true })
    tradeFor(feed, 20)
    await nextTurn()
    expect(side.published.at(-1)?.id).toBe(1)
    answer.open()
    await side.caughtUp()
    expect(side.published.map(({ id }) => id)).toEqual(Array.from({ length: 22 }, (_, index) => index + 1))
    await side.stop()
  })

  it('after a restart the trades since the last stored one come first, in order', async () => {
    const feed = new ExchangeFeed(NOON)
    const database = new MemoryDatabase()
    tradeFor(feed, 5)
    const before = startSide(feed, database)
    await before.warm
    tradeFor(feed, 5)
    await before.caughtUp()
    await before.storeCandles()
    await before.stop()
    tradeFor(feed, 200)
    const after = startSide(feed, database)
    await after.caughtUp()
    expect(after.published.map(({ id }) => id)).toEqual(Array.from({ length: 200 }, (_, index) => index + 11))
    expect(after.published[0]).toMatchObject({ prev: 10, backfilled: true })
    await expectCandlesOf(feed, after)
    await after.stop()
  })

  it('when more was missed than may be fetched, the gap is told and the candles are whole all the same', async () => {
    const feed = new ExchangeFeed(NOON)
    const database = new MemoryDatabase()
    tradeFor(feed, 100)
    await runAndStop(feed, database)
    tradeFor(feed, 500)
    const after = startSide(feed, database, { backfillMax: 100 })
    await after.warm
    feed.trade()
    await after.caughtUp()
    expect(after.gaps).toMatchObject([{ from: 101, to: after.published[0]!.id - 1 }])
    expect(after.published[0]!.prev).toBe(100)
    await expectCandlesOf(feed, after)
    await after.stop()
  })

  it('whatever is lost, cut or restarted, the database ends with every trade once, and candles to match', async () => {
    const step = fc.record({
      act: fc.constantFrom('trade', 'trade', 'trade', 'lose', 'cut', 'store', 'close', 'restart', 'crash', 'turn'),
      afterMs: fc.integer({ min: -300, max: 40_000 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.nat(200), fc.array(step, { minLength: 1, maxLength: 60 }), async (past, steps) => {
        // Up to three hours of a past that the gateway has not seen, so that open candles are composed.
        const feed = new ExchangeFeed(NOON - past * 54_000)
        const database = new MemoryDatabase()
        tradeFor(feed, past, 54_000)
        feed.trade()
        let side = startSide(feed, database)
        await side.caughtUp()
        for (const { act, afterMs } of steps) {
          if (act === 'trade') feed.trade(afterMs)
          if (act === 'lose') feed.trade(afterMs, { lost: true })
          if (act === 'cut') feed.cut()
          if (act === 'turn') await nextTurn()
          if (act === 'close') side.memory.stream('BTC')?.history.close(feed.time - 2_000, () => {})
          if (act === 'restart' || act === 'store') await side.storeCandles()
          if (act === 'restart' || act === 'crash') {
            await side.stop()
            side = startSide(feed, database)
          }
        }
        await side.warm
        feed.trade()
        await side.caughtUp()
        const stored = database.ticks.map(({ id }) => id)
        expect(stored).toEqual(feed.past.map(({ id }) => id).slice(-stored.length))
        expect(database.ticks.slice(1).every(({ id, prev }) => prev === id - 1)).toBe(true)
        await expectCandlesOf(feed, side)
        await side.stop()
      }),
      { numRuns: 60 },
    )
  }, 60_000)
})
