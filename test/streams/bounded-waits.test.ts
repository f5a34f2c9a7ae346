import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { pause } from '../../src/base/backoff.ts'
import { GatewayError } from '../../src/base/errors.ts'
import { createGate } from '../../src/base/gate.ts'
import type { FeedEvents } from '../../src/feed.ts'
import type { Candle } from '../../src/market/candle.ts'
import { MAX_HELD_TICKS } from '../../src/market/sequencer.ts'
import { bucketStart } from '../../src/market/timeframe.ts'
import { BTC, ExchangeFeed } from '../fakes/exchange-feed.ts'
import { expectCandlesOf, runAndStop, startSide, tradeFor } from '../fakes/ingest-side.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12, 0, 30)
const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)
const inRealTime = { holdBackMs: 150, now: Date.now }

/** Every page comes after a while: there is progress, and it takes for ever. */
class SlowPages extends ExchangeFeed {
  pageMs = 0
  override async *trades(...question: Parameters<ExchangeFeed['trades']>) {
    for await (const page of super.trades(...question)) {
      await pause(this.pageMs, new AbortController().signal)
      yield page
    }
  }
}

/** Says which instruments it has, and nothing else while it is away. */
class OftenAway extends ExchangeFeed {
  isAway = false
  override beforeAnswer = () => {
    if (this.isAway) throw new GatewayError('feed_broken', 'banned')
  }
  override async resolve() {
    return { instruments: [BTC], refused: [] }
  }
}

describe('a tick that waits behind a hole', () => {
  it('waits no longer than the bound although the source makes progress; the rest is filled behind the stream', async () => {
    const feed = new SlowPages(NOON)
    tradeFor(feed, 3)
    const database = new MemoryDatabase()
    const side = startSide(feed, database, inRealTime)
    await side.caughtUp()
    feed.pageMs = 40
    for (let count = 0; count < 60; count++) feed.trade(1_000, { lost: true })
    feed.trade()
    await expect.poll(() => side.published.at(-1)?.id, { timeout: 2_000, interval: 5 }).toBe(64)
    const [gap] = side.gaps
    expect(gap).toMatchObject({ to: 63 })
    expect(gap!.from).toBeGreaterThan(4)
    expect(side.published.map(({ id }) => id)).toEqual([...ids(1, gap!.from - 1), 64])
    feed.pageMs = 0
    await expect.poll(() => side.settled.length, { timeout: 2_000 }).toBe(1)
    expect(side.settled).toMatchObject([{ from: gap!.from, to: 63, status: 'filled' }])
    expect(database.ticks.map(({ id }) => id)).toEqual(ids(1, 64))
    await expectCandlesOf(feed, side)
  })

  it('goes on when as many wait as may, however long the bound', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.pageSize = 1_000
    feed.trade()
    const side = startSide(feed, new MemoryDatabase(), { holdBackMs: 600_000 })
    await side.caughtUp()
    const answer = createGate()
    feed.beforeAnswer = () => answer.opened
    feed.trade(1, { lost: true })
    for (let count = 0; count < MAX_HELD_TICKS + 5; count++) {
      feed.trade(1)
      if (count % 1_000 === 0) await nextTurn()
    }
    await side.until(() => side.published.at(-1)?.id === MAX_HELD_TICKS + 7)
    expect(side.gaps).toMatchObject([{ from: 2, to: 2, reason: 'too many trades waited for these' }])
    answer.open()
    await side.until(() => side.settled.length > 0)
    expect(side.settled).toMatchObject([{ from: 2, to: 2, status: 'filled' }])
  })

  it('waits no longer because the clock was set back meanwhile', async () => {
    let offset = 0
    const feed = new ExchangeFeed(NOON)
    tradeFor(feed, 3)
    const now = () => Date.now() + offset
    const side = startSide(feed, new MemoryDatabase(), { holdBackMs: 100, now, backoffMs: 20 })
    await side.caughtUp()
    feed.beforeAnswer = () => {
      offset = -3_600_000
      throw new GatewayError('feed_broken', 'away')
    }
    feed.trade(100, { lost: true })
    feed.trade()
    await expect.poll(() => side.published.at(-1)?.id, { timeout: 2_000 }).toBe(5)
  })

  it('is given to the other of two connections first, and the source is not asked', async () => {
    class TwoConnections extends ExchangeFeed {
      events: FeedEvents | undefined
      override async *receive(...[instruments, events, signal]: Parameters<ExchangeFeed['receive']>) {
        this.events = events
        yield* super.receive(instruments, events, signal)
      }
    }
    const feed = new TwoConnections(NOON)
    feed.trade()
    const side = startSide(feed, new MemoryDatabase(), { holdBackMs: 5_000, now: Date.now })
    await side.caughtUp()
    let asked = 0
    feed.beforeAnswer = () => {
      asked++
    }
    feed.events!.overlapping!(true)
    const lost = feed.trade(100, { lost: true })
    feed.trade()
    feed.say(lost)
    await side.caughtUp()
    expect(side.published.map(({ id, backfilled }) => [id, backfilled])).toEqual([
      [1, true],
      [2, false],
      [3, false],
    ])
    expect(asked).toBe(0)
  })
})

describe('a start', () => {
  it('with a source that cannot be asked goes live from what is stored, and is whole when it answers again', async () => {
    const feed = new OftenAway(NOON)
    tradeFor(feed, 50)
    const database = new MemoryDatabase()
    await runAndStop(feed, database)
    tradeFor(feed, 20)
    feed.isAway = true
    const side = startSide(feed, database, { ...inRealTime, backoffMs: 20 })
    await side.warm
    expect(side.stream()).toMatchObject({ live: true, whole: false, warm: false, cursor: 50 })
    feed.trade()
    await expect.poll(() => side.published.map(({ id }) => id), { timeout: 2_000 }).toEqual([71])
    expect(side.gaps).toMatchObject([{ from: 51, to: 70 }])
    feed.isAway = false
    await expect.poll(() => [side.stream().warm, side.settled.length], { timeout: 2_000 }).toEqual([true, 1])
    expect(side.settled).toMatchObject([{ from: 51, to: 70, status: 'filled' }])
    feed.trade()
    await side.caughtUp()
    await expectCandlesOf(feed, side)
    expect(database.ticks.map(({ id }) => id)).toEqual(ids(database.ticks[0]!.id, 72))
  })

  it('with nothing stored and a source that cannot be asked begins with the first live tick', async () => {
    const feed = new OftenAway(NOON)
    tradeFor(feed, 50)
    feed.isAway = true
    const side = startSide(feed, new MemoryDatabase(), { ...inRealTime, backoffMs: 20 })
    await side.warm
    feed.trade()
    await expect.poll(() => side.published.map(({ prev, id }) => [prev, id])).toEqual([[null, 51]])
    feed.isAway = false
    await expect.poll(() => side.stream().warm, { timeout: 2_000 }).toBe(true)
    feed.trade()
    await side.caughtUp()
    await expectCandlesOf(feed, side)
    expect(side.gaps).toEqual([])
    // Charts that were there before the source answered have no tick that would tell them of these.
    const minute = bucketStart('1m', feed.past.at(-1)!.time)
    const before = feed.past.slice(0, 50).filter(({ time }) => time >= minute)
    expect(before.length).toBeGreaterThan(3)
    for (const { time } of before) expect(side.revised).toContain(bucketStart('1s', time))
  })

  it('holds no tick longer because the source took its time to tell of the past', async () => {
    /** Tells of five trades, slowly, and then of none. */
    class SlowPast extends ExchangeFeed {
      override async newest() {
        await pause(450, new AbortController().signal)
        return this.past[4]
      }
      override async *trades(...[instrument, start]: Parameters<ExchangeFeed['trades']>) {
        if ('after' in start) throw new GatewayError('feed_broken', 'away')
        for await (const page of super.trades(instrument, start)) yield page.filter(({ id }) => id <= 5)
      }
    }
    const feed = new SlowPast(NOON)
    tradeFor(feed, 5)
    const side = startSide(feed, new MemoryDatabase(), { holdBackMs: 600, now: Date.now })
    await side.until(() => side.statuses.at(-1)?.state === 'live')
    feed.trade(100, { lost: true })
    feed.trade()
    const began = performance.now()
    await side.until(() => side.published.at(-1)?.id === 7)
    expect(performance.now() - began).toBeLessThan(900)
    expect(side.gaps).toMatchObject([{ from: 6, to: 6 }])
  })

  it('that went live without its source counts no trade twice that comes while candles are taken', async () => {
    const feed = new OftenAway(NOON)
    tradeFor(feed, 50)
    feed.isAway = true
    const side = startSide(feed, new MemoryDatabase(), { ...inRealTime, backoffMs: 20 })
    await side.warm
    feed.trade()
    await expect.poll(() => side.published.length).toBe(1)
    const [asked, answer] = [createGate(), createGate()]
    const pages = feed.trades.bind(feed)
    feed.trades = async function* (...question) {
      for await (const page of pages(...question)) {
        asked.open()
        await answer.opened
        yield page
      }
    }
    feed.isAway = false
    await asked.opened
    feed.trade()
    await nextTurn()
    answer.open()
    await expect.poll(() => side.stream().warm).toBe(true)
    feed.trade()
    await side.caughtUp()
    await expectCandlesOf(feed, side)
  })

  it('with a source that always takes longer than a tick may wait has whole candles all the same', async () => {
    const feed = new SlowPages(NOON)
    tradeFor(feed, 50)
    feed.pageMs = 60
    feed.pageSize = 1_000
    const side = startSide(feed, new MemoryDatabase(), { holdBackMs: 20, now: Date.now })
    await side.warm
    for (let count = 0; count < 200; count++) {
      feed.trade()
      await pause(1, new AbortController().signal)
    }
    await expect.poll(() => side.stream().warm, { timeout: 3_000 }).toBe(true)
    feed.trade()
    await side.caughtUp()
    await expectCandlesOf(feed, side)
  })

  it('with more missed than can be fetched in time goes live with a gap that is filled behind it', async () => {
    const feed = new SlowPages(NOON)
    tradeFor(feed, 50)
    const database = new MemoryDatabase()
    await runAndStop(feed, database)
    tradeFor(feed, 400)
    feed.pageSize = 50
    feed.pageMs = 60
    const side = startSide(feed, database, inRealTime)
    await side.warm
    expect(side.stream().live).toBe(true)
    await expect.poll(() => side.gaps.length, { timeout: 2_000 }).toBe(1)
    const { from, to } = side.gaps[0]!
    expect(side.published.map(({ id }) => id)).toEqual([...ids(51, from - 1), ...ids(to + 1, 450)])
    await expect.poll(() => side.settled.length, { timeout: 5_000 }).toBe(1)
    expect(database.ticks.map(({ id }) => id)).toEqual(ids(database.ticks[0]!.id, 450))
    feed.trade()
    await side.caughtUp()
    await expectCandlesOf(feed, side)
  })
})

describe('a quiet stream', () => {
  it('is asked for, so that a hole shows which no later trade would show', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    let clock = NOON
    const side = startSide(feed, new MemoryDatabase(), { quietMs: 20, now: () => clock })
    await side.caughtUp()
    feed.trade(100, { lost: true })
    clock = feed.time + 60_000
    await expect.poll(() => side.published.at(-1), { timeout: 2_000 }).toMatchObject({ id: 2, backfilled: true })
  })

  it('that could not be asked when it began is asked soon, and known to be whole from then on', async () => {
    const feed = new OftenAway(NOON)
    tradeFor(feed, 5)
    const database = new MemoryDatabase()
    await runAndStop(feed, database)
    feed.trade()
    feed.isAway = true
    const side = startSide(feed, database, {
      holdBackMs: 20,
      quietMs: 100,
      now: () => Date.now() + 60_000,
      backoffMs: 99_999,
    })
    await side.warm
    expect(side.stream()).toMatchObject({ live: true, whole: false, cursor: 5 })
    feed.isAway = false
    await expect.poll(() => side.stream().whole, { timeout: 2_000 }).toBe(true)
    expect(side.stream().cursor).toBe(6)
  })

  it('is not given what has just happened: that is on its way through the socket', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const side = startSide(feed, new MemoryDatabase(), { quietMs: 20, now: () => feed.time + 1_000 })
    await side.caughtUp()
    feed.trade()
    await side.caughtUp()
    const asked = createGate()
    const onWay = feed.trade(500, { lost: true })
    feed.beforeAnswer = asked.open
    await asked.opened
    feed.say(onWay)
    await side.caughtUp()
    expect(side.published.at(-1)).toMatchObject({ id: 3, backfilled: false })
  })
})

describe('a gap', () => {
  it('whose trades are older than what is kept is unfillable, and the rest of it is filled', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const database = new MemoryDatabase()
    const side = startSide(feed, database, { holdBackMs: 50, keptSince: NOON + 3_500 })
    await side.caughtUp()
    let isAway = true
    feed.beforeAnswer = () => {
      if (isAway) throw new GatewayError('feed_broken', 'REST is away')
    }
    for (let count = 0; count < 5; count++) feed.trade(1_000, { lost: true })
    feed.trade()
    await side.until(() => side.gaps.length > 0)
    isAway = false
    await side.until(() => side.settled.length === 2)
    expect(side.settled).toMatchObject([
      { from: 2, to: 4, status: 'unfillable', reason: 'these trades are older than TICK_RETENTION_DAYS' },
      { from: 5, to: 6, status: 'filled' },
    ])
  })

  it('that is stored while the database is away is told as filled only when it is there', async () => {
    class AwayForLate extends MemoryDatabase {
      isAway = false
      override async write(batch: Parameters<MemoryDatabase['write']>[0]) {
        if (this.isAway && batch.ticks.some(({ update }) => update.backfilled)) {
          throw new GatewayError('tier_unavailable', 'the database must answer, but: away')
        }
        await super.write(batch)
      }
    }
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const database = new AwayForLate()
    const side = startSide(feed, database, { holdBackMs: 50 })
    await side.caughtUp()
    let isRestAway = true
    feed.beforeAnswer = () => {
      if (isRestAway) throw new GatewayError('feed_broken', 'REST is away')
    }
    feed.trade(1_000, { lost: true })
    feed.trade()
    await side.until(() => side.gaps.length > 0)
    database.isAway = true
    isRestAway = false
    await side.until(() => side.log.lines.some(({ fields }) => String(fields.reason).includes('away')))
    expect(side.settled).toEqual([])
    database.isAway = false
    await side.until(() => side.settled.length > 0)
    expect(database.ticks.map(({ id }) => id)).toEqual(ids(1, 3))
    await expectCandlesOf(feed, side)
  })
})

describe('candles of a long time away', () => {
  it('are the source’s in the database too, where memory does not reach back so far', async () => {
    const feed = new ExchangeFeed(NOON)
    tradeFor(feed, 50)
    const database = new MemoryDatabase()
    await runAndStop(feed, database)
    tradeFor(feed, 2_000)
    feed.pageSize = 1_000
    const side = startSide(feed, database, { backfillMax: 100_000 })
    await side.caughtUp()
    const range = { from: NOON + 40_000, to: NOON + 300_000 }
    const numbers = (rows: readonly Candle[]) => rows.map(({ time, close, volume }) => [time, close, volume])
    const theirs = (await feed.candles(BTC, '1s', { limit: 100_000 })).filter(
      ({ time }) => time >= range.from && time < range.to,
    )
    expect(side.stream().candles('1s', 1_000)[0]!.time).toBeGreaterThan(range.to)
    await expect
      .poll(async () => numbers(await database.candlesIn(BTC, '1s', range, 1_000)), { timeout: 3_000 })
      .toEqual(numbers(theirs))
  })
})
