import { describe, expect, it } from 'vitest'
import type { Candle } from '../../src/market/candle.ts'
import { bucketEnd, bucketStart, TIMEFRAMES, type Timeframe } from '../../src/market/timeframe.ts'
import { mendCandles } from '../../src/streams/mend-candles.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import { BTC, ExchangeFeed } from '../fakes/exchange-feed.ts'
import { tradeFor } from '../fakes/ingest-side.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12)
const HOUR = 3_600_000
const { signal } = new AbortController()

/** An exchange that traded for two hours, and whose clock is far behind them. */
function traded(): ExchangeFeed {
  const feed = new ExchangeFeed(NOON)
  tradeFor(feed, 2_000, 3_600)
  feed.time = NOON + 20 * 24 * HOUR
  return feed
}

const RANGE = { from: NOON + 600_000, to: NOON + HOUR + 1 }

/** The exchange's finished candles whose buckets overlap the range. */
async function theirsIn(feed: ExchangeFeed, timeframe: Timeframe, { from, to } = RANGE): Promise<readonly Candle[]> {
  const all = await feed.candles(BTC, timeframe, { limit: 100_000 })
  return all.filter(({ time, final }) => final && time < to && bucketEnd(timeframe, time) > from)
}

function mend(feed: ExchangeFeed, database: MemoryDatabase, ports: { now?: () => number; memory?: MemoryTier } = {}) {
  return mendCandles(BTC, RANGE, { feed, database, now: () => NOON + 3 * HOUR, ...ports }, signal)
}

const stored = (database: MemoryDatabase, timeframe: Timeframe) => database.candles(BTC, timeframe, 100_000)

function change(database: MemoryDatabase, timeframe: Timeframe, candle: Candle): void {
  database.rows.get(timeframe)!.set(candle.time, candle)
}

describe('mending stored candles', () => {
  it('stores the finished candles of every timeframe that overlap the range, however many there are', async () => {
    const feed = traded()
    const database = new MemoryDatabase()
    const changed = await mend(feed, database)
    let rows = 0
    for (const timeframe of TIMEFRAMES) {
      const theirs = await theirsIn(feed, timeframe)
      expect(await stored(database, timeframe), timeframe).toEqual(theirs)
      rows += theirs.length
    }
    expect(changed).toBe(rows)
    expect(database.rows.get('1s')!.size).toBeGreaterThan(800)
    expect(await mend(feed, database)).toBe(0)
  })

  it('asks for nothing that is still to come, however far the range reaches', async () => {
    const feed = traded()
    let questions = 0
    feed.beforeAnswer = () => {
      questions++
      if (questions > 100) throw new Error('asked for ever')
    }
    const range = { ...RANGE, to: Date.UTC(9999, 0) }
    const ports = { feed, database: new MemoryDatabase(), now: () => NOON + 3 * HOUR }
    await mendCandles(BTC, range, ports, signal)
    expect(await stored(ports.database, '1m')).toEqual(await theirsIn(feed, '1m', range))
    expect(questions).toBeLessThan(30)
  })

  it('raises the revision of what says something else, and leaves the ids of what says the same', async () => {
    const feed = traded()
    const database = new MemoryDatabase()
    await mend(feed, database)
    const [first, second, third] = await stored(database, '5m')
    change(database, '5m', { ...first!, high: first!.high + 1, revision: 4, lastId: 77 })
    change(database, '5m', { ...second!, firstId: 1, lastId: 9 })
    change(database, '5m', { ...third!, trades: 1, final: false })
    expect(await mend(feed, database)).toBe(2)
    expect((await stored(database, '5m')).slice(0, 3)).toEqual([
      { ...first!, revision: 5 },
      { ...second!, firstId: 1, lastId: 9 },
      { ...third!, revision: 1 },
    ])
  })

  it('stores no candle that the source may still change', async () => {
    const feed = traded()
    feed.time = RANGE.to + 3_000
    const database = new MemoryDatabase()
    await mend(feed, database)
    expect((await stored(database, '1h')).map(({ time }) => time)).toEqual([NOON])
    expect(await stored(database, '1D')).toEqual([])
  })

  it('asks for no candle that would not be kept', async () => {
    const feed = traded()
    const database = new MemoryDatabase()
    await mend(feed, database, { now: () => NOON + 24 * HOUR + 1_800_000 })
    expect((await stored(database, '1s')).at(0)!.time).toBeGreaterThanOrEqual(NOON + 1_800_000)
    expect((await stored(database, '1m')).at(0)!.time).toBe(RANGE.from)
    const late = new MemoryDatabase()
    await mend(feed, late, { now: () => NOON + 91 * 24 * HOUR })
    expect(await stored(late, '1s')).toEqual([])
    expect(await stored(late, '1m')).toEqual([])
    expect(await stored(late, '5m')).not.toEqual([])
  })

  it('leaves alone what memory holds, and mends what has left it', async () => {
    const feed = traded()
    const database = new MemoryDatabase()
    const memory = new MemoryTier({ candles: 30, ticks: 10 })
    const stream = memory.prepare(BTC)
    for (const tick of feed.past) stream.append({ ...tick, prev: tick.id - 1, backfilled: false })
    memory.adopt(stream)
    await mend(feed, database, { memory })
    const held = NOON + 2 * HOUR - 30 * 60_000
    const minutes = await stored(database, '1m')
    expect(minutes.length).toBeGreaterThan(45)
    expect(minutes.every(({ time }) => time < held)).toBe(true)
    expect(await stored(database, '1h')).toEqual([])
  })

  it('mends what memory read back or does not know from before the time for which it asked the source', async () => {
    const feed = traded()
    const database = new MemoryDatabase()
    const memory = new MemoryTier({ candles: 200, ticks: 10 })
    const stream = memory.prepare(BTC)
    memory.adopt(stream)
    const theirs = await feed.candles(BTC, '1m', { limit: 1_000 })
    const readBack = theirs.slice(0, 15)
    stream.history.restore('1m', readBack)
    const sourceSince = bucketStart('1m', RANGE.to - 600_000)
    const source = theirs.filter(({ time }) => time >= sourceSince)
    stream.history.takeSource(new Map([['1m', source]]), bucketStart('1m', feed.time))
    await mend(feed, database, { memory })
    const minutes = (await stored(database, '1m')).map(({ time }) => time)
    expect(minutes[0]).toBe(RANGE.from)
    expect(bucketEnd('1m', minutes.at(-1)!)).toBe(sourceSince)
  })

  it("does nothing where the source has no candles, and minds another source's memory not at all", async () => {
    const feed = traded()
    const database = new MemoryDatabase()
    expect(await mendCandles(BTC, RANGE, { feed: {}, database }, signal)).toBe(0)
    const memory = new MemoryTier()
    const stream = memory.prepare({ ...BTC, sourceSymbol: 'BTCUSDC' })
    for (const tick of feed.past) stream.append({ ...tick, prev: tick.id - 1, backfilled: false })
    memory.adopt(stream)
    expect(await mend(feed, database, { memory })).toBeGreaterThan(800)
  })

  it('stops when it is told to, with what it has stored', async () => {
    const feed = traded()
    const database = new MemoryDatabase()
    const stop = new AbortController()
    feed.beforeAnswer = () => stop.abort()
    const changed = await mendCandles(BTC, RANGE, { feed, database, now: () => NOON + HOUR }, stop.signal)
    expect(changed).toBe(1)
    expect([...database.rows.keys()]).toEqual(['1W'])
  })
})
