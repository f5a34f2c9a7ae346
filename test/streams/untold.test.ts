import { describe, expect, it } from 'vitest'
import { createGate } from '../../src/base/gate.ts'
import { AwayDatabase } from '../fakes/away-database.ts'
import { ExchangeFeed } from '../fakes/exchange-feed.ts'
import { expectCandlesOf, runAndStop, type Side, startSide, tradeFor } from '../fakes/ingest-side.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12, 0, 30)

const idsOf = (database: MemoryDatabase) => database.ticks.map(({ id }) => id)
/** What the exchange has from the first stored trade on. */
const everyId = (feed: ExchangeFeed, database: MemoryDatabase) =>
  feed.past.map(({ id }) => id).filter((id) => id >= database.ticks[0]!.id)

/** Ids that the stream says it does not hold. */
const missing = (side: Side) =>
  side
    .stream()
    .gaps()
    .flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, index) => from + index))

/** Goes on with what a process left that began without its database and was killed before it had looked into it. */
async function beginBlindAndDie(feed: ExchangeFeed, database: AwayDatabase, trades: number) {
  database.isAway = true
  const blind = startSide(feed, database)
  await blind.caughtUp()
  const first = blind.published[0]!.id
  tradeFor(feed, trades)
  await blind.caughtUp()
  await blind.storeCandles()
  await blind.stop()
  database.isAway = false
  return { first, blind }
}

describe('a process that began without its database, and was killed before it had looked into it', () => {
  it.each([20, 3_000])(
    'has left a mark: the next one tells the hole behind %i trades, and fills it',
    async (trades) => {
      const feed = new ExchangeFeed(NOON)
      feed.pageSize = 500
      const database = new AwayDatabase()
      tradeFor(feed, 100)
      await runAndStop(feed, database)
      const stored = database.ticks.at(-1)!.id
      tradeFor(feed, 300)
      const { first } = await beginBlindAndDie(feed, database, trades)
      expect(idsOf(database)).not.toContain(stored + 1)

      const answer = createGate()
      feed.beforeAnswer = () => answer.opened
      const side = startSide(feed, database)
      // Nobody sees the stream before its hole is known.
      await side.until(() => side.memory.stream('BTC') !== undefined)
      expect(missing(side)).toEqual(Array.from({ length: first - 1 - stored }, (_, index) => stored + 1 + index))
      answer.open()
      await side.caughtUp()
      await expect.poll(() => idsOf(database)).toEqual(everyId(feed, database))
      await expect.poll(() => missing(side)).toEqual([])
      expect(database.gapRows.filter(({ status }) => status === 'open')).toEqual([])
      await expectCandlesOf(feed, side)
    },
  )

  it('has left a mark that means nothing where nothing was missed: nobody is told of it', async () => {
    const feed = new ExchangeFeed(NOON)
    const database = new AwayDatabase()
    tradeFor(feed, 100)
    await runAndStop(feed, database)
    const { blind } = await beginBlindAndDie(feed, database, 5)
    expect(blind.stored).toMatchObject([{ status: 'open', to: blind.published[0]!.id - 1 }])
    const side = startSide(feed, database)
    await side.caughtUp()
    expect(side.gaps).toEqual([])
    expect(side.stream().gaps()).toEqual([])
    expect(side.stored).toMatchObject([{ status: 'filled' }])
    expect(database.gapRows.filter(({ status }) => status === 'open')).toEqual([])
  })

  it('and whose database was empty has missed nothing', async () => {
    const feed = new ExchangeFeed(NOON)
    const database = new AwayDatabase()
    tradeFor(feed, 100)
    await beginBlindAndDie(feed, database, 5)
    const side = startSide(feed, database)
    await side.caughtUp()
    expect(missing(side)).toEqual([])
    expect(database.gapRows).toMatchObject([{ status: 'filled' }])
  })
})

it('a stream that finds its database takes its mark back where nothing is missing', async () => {
  const feed = new ExchangeFeed(NOON)
  const database = new AwayDatabase()
  tradeFor(feed, 100)
  await runAndStop(feed, database)
  database.isAway = true
  const side = startSide(feed, database)
  await side.caughtUp()
  database.isAway = false
  await expect.poll(() => side.stream().unknownThrough).toBe(undefined)
  expect(side.gaps).toEqual([])
  expect(side.stored).toMatchObject([{ status: 'open' }, { status: 'filled' }])
  expect(database.gapRows).toHaveLength(1)
})

it('a stream takes its mark back that was on its way to the database when it looked there', async () => {
  const feed = new ExchangeFeed(NOON)
  const database = new AwayDatabase()
  tradeFor(feed, 100)
  await runAndStop(feed, database)
  tradeFor(feed, 300)
  database.isAway = true
  const side = startSide(feed, database)
  await side.caughtUp()
  const [mark] = database.gapRows.splice(0)
  database.isAway = false
  await expect.poll(() => side.stream().unknownThrough).toBe(undefined)
  expect(side.gaps).toHaveLength(1)
  expect(side.stored).toEqual([mark, { ...mark, status: 'filled' }])
})

describe('a gap whose ticks behind it were lost in the crash is settled', () => {
  const gapOf = (feed: ExchangeFeed, from: number) => {
    return { ...{ instrument: feed.symbols[0]!, from, to: from + 2 }, status: 'open', reason: 'test' } as const
  }

  it('where the stream goes on behind a longer one', async () => {
    const feed = new ExchangeFeed(NOON)
    const database = new MemoryDatabase()
    tradeFor(feed, 100)
    await runAndStop(feed, database)
    const stored = database.ticks.at(-1)!.id
    await database.write({ ticks: [], candles: [], gaps: [gapOf(feed, stored + 5)] })
    tradeFor(feed, 30)
    const answer = createGate()
    let asked = 0
    feed.beforeAnswer = () => (asked++ === 0 ? undefined : answer.opened)
    const side = startSide(feed, database, { holdBackMs: 0 })
    await side.until(() => side.statuses.some(({ state }) => state === 'live'))
    feed.trade()
    await side.until(() => side.gaps.length > 0)
    expect(side.gaps[0]).toMatchObject({ from: stored + 1 })
    answer.open()
    await expect.poll(() => idsOf(database)).toEqual(everyId(feed, database))
    await expect.poll(() => database.gapRows.filter(({ status }) => status === 'open')).toEqual([])
    await side.caughtUp()
    await expectCandlesOf(feed, side)
  })

  it('where the stream begins before it, without its database', async () => {
    const feed = new ExchangeFeed(NOON)
    const database = new AwayDatabase()
    tradeFor(feed, 100)
    await runAndStop(feed, database)
    database.isAway = true
    const side = startSide(feed, database)
    await side.caughtUp()
    const last = feed.past.at(-1)!.id
    expect(side.published[0]!.id).toBeLessThan(last - 5)
    await database.write({ ticks: [], candles: [], gaps: [gapOf(feed, last - 5)] })
    database.isAway = false
    await expect.poll(() => side.stream().unknownThrough).toBe(undefined)
    await expect.poll(() => database.gapRows.filter(({ status }) => status === 'open')).toEqual([])
    await expectCandlesOf(feed, side)
  })
})

it('a break among the newest stored trades that is in no gap is found at a start, and filled', async () => {
  const feed = new ExchangeFeed(NOON)
  const database = new MemoryDatabase()
  tradeFor(feed, 100)
  await runAndStop(feed, database)
  const [lost] = database.ticks.splice(-10, 3)
  const hole = { from: lost!.id, to: lost!.id + 2 }
  const side = startSide(feed, database)
  await side.caughtUp()
  expect(side.stored).toMatchObject([{ ...hole, status: 'open' }])
  await expect.poll(() => idsOf(database)).toEqual(everyId(feed, database))
  await expectCandlesOf(feed, side)
})

it('a break that is told already is not told again', async () => {
  const feed = new ExchangeFeed(NOON)
  const database = new MemoryDatabase()
  tradeFor(feed, 100)
  await runAndStop(feed, database)
  const [lost] = database.ticks.splice(-10, 3)
  const hole = { from: lost!.id, to: lost!.id + 2 }
  const known = { ...hole, status: 'unfillable', reason: 'gone' } as const
  await database.write({ ticks: [], candles: [], gaps: [{ ...known, instrument: feed.symbols[0]! }] })
  const side = startSide(feed, database)
  await side.caughtUp()
  expect(side.stored).toEqual([])
  expect(side.stream().gaps()).toEqual([known])
})
