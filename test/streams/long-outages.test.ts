import { describe, expect, it } from 'vitest'
import { ExchangeFeed } from '../fakes/exchange-feed.ts'
import { expectCandlesOf, type Side, startSide, tradeFor } from '../fakes/ingest-side.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12, 0, 30)
const SECONDS = 3_000

/** The source is not heard for so many seconds, with a trade in each: three times what memory holds. */
async function missSeconds(feed: ExchangeFeed, side: Side): Promise<void> {
  await side.caughtUp()
  side.stream().history.close(feed.time, () => {})
  await side.storeCandles()
  for (let count = 0; count < SECONDS; count++) feed.trade(1_000, { lost: true })
  feed.trade(1_000)
  await side.caughtUp()
  await side.storeCandles()
}

function expectStoredSeconds(feed: ExchangeFeed, database: MemoryDatabase) {
  const stored = [...database.rows.get('1s')!.values()].sort((a, b) => a.time - b.time)
  const row = ({ time, id, price }: { time: number; id: number; price: number | undefined }) => [
    time - (time % 1_000),
    id,
    price,
  ]
  const folded = stored.map(({ time, trades, close }, index) => [time, index + trades, close])
  expect(folded).toEqual(feed.past.map(row))
  expect(stored.slice(0, -10).filter(({ final }) => !final)).toEqual([])
}

describe('an outage that lasts longer than the candles of memory reach back', () => {
  it('leaves a stored candle for every second when its trades are fetched at once', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.pageSize = 1_000
    const database = new MemoryDatabase()
    tradeFor(feed, 100, 1_000)
    const side = startSide(feed, database, { backfillMax: 10_000 })
    await missSeconds(feed, side)
    expect(side.gaps).toEqual([])
    side.stream().history.close(feed.time - 2_000, () => {})
    await side.storeCandles()
    expectStoredSeconds(feed, database)
    await expectCandlesOf(feed, side)
  })

  it('leaves a stored candle for every second when its trades are too many to be fetched', async () => {
    const feed = new ExchangeFeed(NOON)
    const database = new MemoryDatabase()
    tradeFor(feed, 100, 1_000)
    const side = startSide(feed, database, { backfillMax: 50, now: () => feed.time })
    await missSeconds(feed, side)
    expect(side.gaps).toHaveLength(1)
    await expect.poll(() => database.rows.get('1s')!.size, { timeout: 5_000 }).toBe(feed.past.length)
    side.stream().history.close(feed.time - 2_000, () => {})
    await side.storeCandles()
    expectStoredSeconds(feed, database)
    await expectCandlesOf(feed, side)
  })

  it('leaves no candles in memory from before it when what was missed since then is not among them', async () => {
    /** Says what happened in its newest hundred buckets of a timeframe. */
    class ShortMemory extends ExchangeFeed {
      override async candles(...question: Parameters<ExchangeFeed['candles']>) {
        return (await super.candles(...question)).slice(-100)
      }
    }
    const feed = new ShortMemory(NOON)
    const database = new MemoryDatabase()
    tradeFor(feed, 300, 1_000)
    const side = startSide(feed, database, { backfillMax: 50, now: () => feed.time })
    await missSeconds(feed, side)
    await side.stop()
    for (let count = 0; count < SECONDS; count++) feed.trade(1_000, { lost: true })
    const again = startSide(feed, database, { backfillMax: 50, now: () => feed.time })
    await again.caughtUp()
    for (const each of [side, again]) {
      const times = each
        .stream()
        .candles('1s', 1_000)
        .map(({ time }) => time)
      expect(times.length).toBeGreaterThan(90)
      expect(times.at(-1)! - times[0]!).toBe((times.length - 1) * 1_000)
    }
  })
})
