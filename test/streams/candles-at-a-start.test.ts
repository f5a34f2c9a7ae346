import { describe, expect, it } from 'vitest'
import { ExchangeFeed } from '../fakes/exchange-feed.ts'
import { expectCandlesOf, runAndStop, startSide, tradeFor } from '../fakes/ingest-side.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12, 0, 30)
describe('candles over restarts', () => {
  it('a kill before the first open candles are written leaves the composed part of them behind', async () => {
    const feed = new ExchangeFeed(NOON - 3 * 3_600_000)
    const database = new MemoryDatabase()
    tradeFor(feed, 9_000, 1_250)
    const killed = startSide(feed, database)
    await killed.warm
    feed.trade()
    await killed.caughtUp()
    await killed.stop()
    const after = startSide(feed, database)
    await after.caughtUp()
    await expectCandlesOf(feed, after)
  })

  it('the newest trade before a quiet start is counted once, also after a restart', async () => {
    const feed = new ExchangeFeed(NOON - 600_000)
    const database = new MemoryDatabase()
    tradeFor(feed, 50)
    feed.time = NOON
    const before = startSide(feed, database)
    await before.warm
    await before.storeCandles()
    await before.stop()
    const after = startSide(feed, database)
    await after.warm
    await expectCandlesOf(feed, after)
  })

  it('a candle that was open at the stop is whole after a gap, also one restart later', async () => {
    const feed = new ExchangeFeed(NOON)
    const database = new MemoryDatabase()
    tradeFor(feed, 100)
    await runAndStop(feed, database)
    tradeFor(feed, 500)
    const gapped = startSide(feed, database, { backfillMax: 100 })
    await gapped.warm
    feed.trade()
    await gapped.caughtUp()
    await expectCandlesOf(feed, gapped)
    await gapped.storeCandles()
    await gapped.stop()
    const after = startSide(feed, database)
    await after.caughtUp()
    await expectCandlesOf(feed, after)
  })

  it('a candle closed without the trades that were missed is whole after a gap', async () => {
    const feed = new ExchangeFeed(NOON)
    const database = new MemoryDatabase()
    tradeFor(feed, 10)
    const before = startSide(feed, database)
    await before.caughtUp()
    // The source falls silent; the timer closes the minute on the feed's clock; the gateway is stopped.
    before.stream().history.close(NOON + 40_000, () => {})
    await before.storeCandles()
    await before.stop()
    tradeFor(feed, 500)
    const gapped = startSide(feed, database, { backfillMax: 100 })
    await gapped.warm
    feed.trade()
    await gapped.caughtUp()
    await expectCandlesOf(feed, gapped)
  })
})

describe('candles that the source cannot give', () => {
  /** The source answers with its newest hundred candles of a timeframe only. */
  class ShortMemory extends ExchangeFeed {
    override async candles(...question: Parameters<ExchangeFeed['candles']>) {
      return (await super.candles(...question)).slice(-100)
    }
  }

  it('are folded from the missed trades, and none stays open for ever', async () => {
    const feed = new ShortMemory(NOON)
    tradeFor(feed, 150)
    const database = new MemoryDatabase()
    await runAndStop(feed, database)
    tradeFor(feed, 600)
    const after = startSide(feed, database)
    await after.caughtUp()
    after.stream().history.close(feed.time - 2_000, () => {})
    const ours = after.stream().candles('1s', 1_000)
    const everySecond = new Set(
      feed.past.map(({ time }) => time - (time % 1_000)).filter((time) => time >= ours[0]!.time),
    )
    expect(ours.map(({ time }) => time)).toEqual([...everySecond])
    expect(ours.slice(0, -10).filter(({ final }) => !final)).toEqual([])
  })

  it('a second that ends between two questions is there all the same', async () => {
    class MovingOn extends ExchangeFeed {
      override async candles(...question: Parameters<ExchangeFeed['candles']>) {
        const rows = await super.candles(...question)
        // The minute becomes final right after the seconds were asked for.
        if (question[1] === '1s') while (this.time < NOON + 32_300) this.trade(100)
        return rows
      }
    }
    const feed = new MovingOn(NOON - 30_000)
    while (feed.time < NOON + 31_800) feed.trade(100)
    const side = startSide(feed, new MemoryDatabase())
    await side.caughtUp()
    await expectCandlesOf(feed, side)
  })

  it('a hole too large to be fetched has its candles taken from the source, without a restart', async () => {
    const feed = new ExchangeFeed(NOON)
    tradeFor(feed, 200)
    const side = startSide(feed, new MemoryDatabase(), { backfillMax: 50 })
    await side.caughtUp()
    for (let count = 0; count < 300; count++) feed.trade(700, { lost: true })
    feed.trade()
    await side.caughtUp()
    expect(side.gaps).toHaveLength(1)
    await expectCandlesOf(feed, side)
  })
})
