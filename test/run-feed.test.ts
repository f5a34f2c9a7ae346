import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../src/base/errors.ts'
import { createGate } from '../src/base/gate.ts'
import { createDelivery } from '../src/ingest.ts'
import type { Hole } from '../src/market/sequencer.ts'
import type { Update } from '../src/market/tick.ts'
import { TIMEFRAMES } from '../src/market/timeframe.ts'
import { FeedRun } from '../src/run-feed.ts'
import type { CandleRow } from '../src/tiers/database.ts'
import { MemoryTier } from '../src/tiers/memory.ts'
import { BTC, ExchangeFeed } from './fakes/exchange-feed.ts'
import { createLogRecorder } from './fakes/log-recorder.ts'
import { MemoryDatabase } from './fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12, 0, 30)

/** A gateway's ingest side on an exchange and a database that outlive it. */
function startSide(feed: ExchangeFeed, database: MemoryDatabase, { backfillMax = 1_000, holdBackMs = 5_000 } = {}) {
  const memory = new MemoryTier()
  const published: Update[] = []
  const gaps: (Hole & { reason: string })[] = []
  const candles: CandleRow[] = []
  const log = createLogRecorder()
  const stop = new AbortController()
  let clock = 0
  const { warm, ended } = new FeedRun(
    feed,
    {
      memory,
      database,
      deliver: createDelivery({
        remember: (update) => memory.stream(update.symbol)!.append(update),
        publish: (update) => published.push(update),
        store: (update) => void database.write({ ticks: [{ instrument: BTC, update }], candles: [], gaps: [] }),
      }),
      storeCandle: (row) => candles.push(row),
      onGap: (_, hole, reason) => gaps.push({ ...hole, reason }),
      onStatus: () => {},
      onDouble: () => {},
      onSkipped: () => {},
      holdBackMs,
      backfillMax,
      backoff: { firstMs: 0, maxMs: 0 },
      retry: { firstMs: 0, maxMs: 0 },
      log,
      // A clock that moves only when asked, so that waiting for the source costs the test no time.
      now: () => (clock += 10),
    },
    stop.signal,
  )
  const storeCandles = () => {
    const changed = memory.stream('BTC')?.history.takeDirty() ?? []
    const rows = changed.flatMap(({ timeframe, candles }) =>
      candles.map((candle) => ({ instrument: BTC, timeframe, candle })),
    )
    return database.write({ ticks: [], candles: [...candles.splice(0), ...rows], gaps: [] })
  }
  const until = async (condition: () => boolean) => {
    while (!condition()) await nextTurn()
  }
  return {
    ...{ memory, published, gaps, log, warm, storeCandles, until },
    stream: () => memory.stream('BTC')!,
    caughtUp: () =>
      until(() => memory.stream('BTC')?.live === true && memory.stream('BTC')?.cursor === feed.past.length),
    async stop() {
      stop.abort()
      await ended
    },
  }
}

function tradeFor(feed: ExchangeFeed, trades: number, everyMs = 700): void {
  for (let count = 0; count < trades; count++) feed.trade(everyMs)
}

/** Memory's candles against a fold of the exchange's whole past, as numbers. */
async function expectCandlesOf(feed: ExchangeFeed, side: ReturnType<typeof startSide>): Promise<void> {
  for (const timeframe of TIMEFRAMES) {
    const plain = (rows: readonly object[]) =>
      rows.map((row) => ({ ...row, ...{ firstId: 0, lastId: 0, final: 0, revision: 0 } }))
    const theirs = plain(await feed.candles(BTC, timeframe))
    expect(plain(side.stream().candles(timeframe, 1_000)).slice(-theirs.length), timeframe).toEqual(theirs)
  }
}

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
      [3, 4, true],
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
    const before = startSide(feed, database)
    await before.caughtUp()
    await before.storeCandles()
    await before.stop()
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
      act: fc.constantFrom('trade', 'trade', 'trade', 'lose', 'cut', 'restart', 'crash', 'turn'),
      afterMs: fc.integer({ min: -300, max: 40_000 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 60 }), async (steps) => {
        const feed = new ExchangeFeed(NOON)
        const database = new MemoryDatabase()
        feed.trade()
        let side = startSide(feed, database)
        await side.caughtUp()
        for (const { act, afterMs } of steps) {
          if (act === 'trade') feed.trade(afterMs)
          if (act === 'lose') feed.trade(afterMs, { lost: true })
          if (act === 'cut') feed.cut()
          if (act === 'turn') await nextTurn()
          if (act === 'restart') await side.storeCandles()
          if (act === 'restart' || act === 'crash') {
            await side.stop()
            side = startSide(feed, database)
          }
        }
        await side.warm
        feed.trade()
        await side.caughtUp()
        expect(database.ticks.map(({ id }) => id)).toEqual(feed.past.map(({ id }) => id))
        expect(database.ticks.every(({ id, prev }) => (prev ?? 0) === id - 1)).toBe(true)
        await expectCandlesOf(feed, side)
        await side.stop()
      }),
      { numRuns: 60 },
    )
  }, 60_000)
})
