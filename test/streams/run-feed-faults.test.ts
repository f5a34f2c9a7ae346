import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { GatewayError } from '../../src/base/errors.ts'
import { createGate } from '../../src/base/gate.ts'
import { createPushQueue } from '../../src/base/push.ts'
import type { Feed, FeedEvents, Received } from '../../src/feed.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import type { Tick } from '../../src/market/tick.ts'
import { FeedRun } from '../../src/streams/run-feed.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import { ExchangeFeed } from '../fakes/exchange-feed.ts'
import { expectCandlesOf, runAndStop, startSide, tradeFor } from '../fakes/ingest-side.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12, 0, 30)
/** Aborting ends its pages without an error, as the contract of a feed demands. */
class AbortableFeed extends ExchangeFeed {
  readonly asked = createGate()
  readonly answer = createGate()
  override async *trades(instrument: Instrument, start: { after: number } | { from: number }, signal?: AbortSignal) {
    this.asked.open()
    const aborted = new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()))
    await Promise.race([this.answer.opened, aborted])
    if (!signal?.aborted) yield* super.trades(instrument, start)
  }
}

describe('a stop during the warm-up', () => {
  it('a stop while the first trades are fetched passes nothing on, and the next start is as if it had not been', async () => {
    const feed = new AbortableFeed(NOON - 3 * 3_600_000)
    const database = new MemoryDatabase()
    tradeFor(feed, 9_000, 1_250)
    const stopped = startSide(feed, database)
    await feed.asked.opened
    await stopped.stop()
    await stopped.storeCandles()
    expect(stopped.published.map(({ id }) => id)).toEqual([])
    feed.answer.open()
    const after = startSide(feed, database)
    await after.caughtUp()
    await expectCandlesOf(feed, after)
  })
})

describe('gaps', () => {
  it('a gap is told also when the first try of the warm-up fails half-way', async () => {
    const feed = new ExchangeFeed(NOON)
    const database = new MemoryDatabase()
    tradeFor(feed, 100)
    await runAndStop(feed, database)
    tradeFor(feed, 500)
    const after = startSide(feed, database, { backfillMax: 100 })
    let failed = false
    feed.beforeAnswer = () => {
      if (failed || after.published.length < 3) return
      failed = true
      throw new GatewayError('feed_broken', 'cut in the middle')
    }
    await after.caughtUp()
    expect(after.gaps).toMatchObject([{ from: 101, to: after.published[0]!.id - 1 }])
  })

  it('a gap is told before the ticks that follow it', async () => {
    const feed = new ExchangeFeed(NOON)
    const database = new MemoryDatabase()
    tradeFor(feed, 100)
    await runAndStop(feed, database)
    tradeFor(feed, 500)
    const after = startSide(feed, database, { backfillMax: 100 })
    await after.caughtUp()
    expect(after.events[0]).toMatch(/^gap/)
  })

  it('a source that is silent holds the stream no longer than the bound', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const side = startSide(feed, new MemoryDatabase(), { holdBackMs: 50, now: Date.now })
    await side.warm
    await side.caughtUp()
    const answer = createGate()
    feed.beforeAnswer = () => answer.opened
    feed.trade(100, { lost: true })
    feed.trade()
    try {
      await expect.poll(() => side.published.at(-1)?.id, { timeout: 1_000 }).toBe(3)
    } finally {
      answer.open()
    }
  })

  it('ids that were told as a gap are not slipped into the stream afterwards', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const side = startSide(feed, new MemoryDatabase(), { holdBackMs: 50 })
    await side.caughtUp()
    feed.beforeAnswer = () => {
      if (side.gaps.length === 0) throw new GatewayError('feed_broken', 'REST is away')
    }
    feed.trade(100, { lost: true })
    feed.trade()
    await side.caughtUp()
    expect(side.events).toEqual(['tick 1', 'gap 2-2', 'tick 3'])
  })

  it('ids that the source leaves out of its own pages are told', async () => {
    class TakenBack extends ExchangeFeed {
      override async *trades(instrument: Instrument, start: { after: number } | { from: number }) {
        for await (const page of super.trades(instrument, start)) yield page.filter(({ id }) => id !== 3)
      }
    }
    const feed = new TakenBack(NOON)
    feed.trade()
    const side = startSide(feed, new MemoryDatabase())
    await side.caughtUp()
    for (let count = 0; count < 3; count++) feed.trade(100, { lost: true })
    feed.trade()
    await side.caughtUp()
    expect(side.published.map(({ id }) => id)).toEqual([1, 2, 4, 5])
    expect(side.gaps).toMatchObject([{ from: 3, to: 3 }])
  })
})

describe('a feed that meets an error', () => {
  it('goes on when the database was away for a moment while what it knows was read', async () => {
    class AwayOnce extends MemoryDatabase {
      #asked = false
      override async instruments() {
        if (this.#asked) return super.instruments()
        this.#asked = true
        throw new GatewayError('tier_unavailable', 'the database must answer, but: timeout')
      }
    }
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const side = startSide(feed, new AwayOnce())
    await side.caughtUp()
  })

  it('a symbol is awaited until its source has answered, whether it has it or not', async () => {
    const feed = new ExchangeFeed(NOON)
    const answer = createGate()
    feed.beforeAnswer = () => answer.opened
    const side = startSide(feed, new MemoryDatabase())
    expect(side.memory.awaited()).toEqual(['BTC'])
    answer.open()
    await side.warm
    expect(side.memory.awaited()).toEqual([])
    expect(side.memory.symbols()).toEqual(['BTC'])
  })

  it('a quiet stream is not called live while what it may have missed could not be asked for', async () => {
    const feed = new ExchangeFeed(NOON)
    tradeFor(feed, 20)
    const side = startSide(feed, new MemoryDatabase())
    await side.caughtUp()
    feed.trade(100, { lost: true })
    let asked = 0
    feed.beforeAnswer = () => {
      if (asked++ === 0) throw new GatewayError('feed_broken', 'was answered with 502')
    }
    feed.cut()
    await side.caughtUp()
    expect(asked).toBeGreaterThan(1)
  })

  it('a refusal of one question does not end the stream for good', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    let refused = false
    feed.beforeAnswer = () => {
      if (refused || side.memory.stream('BTC') === undefined) return
      refused = true
      throw new GatewayError('feed_refused', 'Binance must know the symbol in aggTrades, was: -1121')
    }
    const side = startSide(feed, new MemoryDatabase())
    await expect.poll(() => refused).toBe(true)
    await nextTurn()
    feed.cut()
    await nextTurn()
    feed.trade()
    await side.caughtUp()
  })

  it('a reconnect during the warm-up does not call the feed warm', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const asked = createGate()
    const answer = createGate()
    const side = startSide(feed, new MemoryDatabase())
    let warm = false
    void side.warm.then(() => {
      warm = true
    })
    feed.beforeAnswer = () => {
      if (side.memory.stream('BTC') === undefined) return
      asked.open()
      return answer.opened
    }
    await asked.opened
    feed.cut()
    const live = () => side.log.lines.filter(({ message }) => message === 'feed is live').length
    await expect.poll(live).toBe(2)
    for (let turn = 0; turn < 10; turn++) await nextTurn()
    const early = warm && !side.stream().warm
    answer.open()
    expect(early).toBe(false)
  })

  it('a stream whose source is gone is not live, so that its candles are not closed without what is missed', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const side = startSide(feed, new MemoryDatabase(), { backoffMs: 100_000 })
    await side.caughtUp()
    feed.cut()
    await expect.poll(() => side.log.lines.some(({ message }) => message === 'feed lost its source')).toBe(true)
    expect(side.stream().live).toBe(false)
  })

  it('a stream is not live while its source says that trades are being missed', async () => {
    class TellingFeed extends ExchangeFeed {
      events: FeedEvents | undefined
      override async *receive(...[instruments, events, signal]: Parameters<ExchangeFeed['receive']>) {
        this.events = events
        yield* super.receive(instruments, events, signal)
      }
    }
    const feed = new TellingFeed(NOON)
    feed.trade()
    const side = startSide(feed, new MemoryDatabase())
    await side.caughtUp()
    feed.events!.missing!()
    expect(side.stream()).toMatchObject({ live: false, whole: false })
    feed.trade(100, { lost: true })
    feed.events!.connected()
    await side.caughtUp()
    expect(side.published.map(({ id }) => id)).toEqual([1, 2])
  })

  it('ids that begin anew take the feed down, and say so', async () => {
    const feed = new ExchangeFeed(NOON)
    tradeFor(feed, 10)
    const side = startSide(feed, new MemoryDatabase(), { backoffMs: 100_000 })
    await side.caughtUp()
    feed.past.length = 0
    feed.trade(30_000)
    expect(side.statuses.at(-1)?.state).toBe('live')
    feed.trade(120_000)
    await side.until(() => side.statuses.at(-1)?.state === 'down')
    expect(side.statuses.at(-1)?.reason).toMatch(/^ids_reset: ids of BTC must rise above 10, was 2/)
  })

  it('a hole that shows in the turn in which another has just been closed is filled too', async () => {
    for (let delay = 0; delay < 60; delay++) {
      const feed = new ExchangeFeed(NOON)
      feed.trade()
      const side = startSide(feed, new MemoryDatabase())
      await side.caughtUp()
      const [asked, answer] = [createGate(), createGate()]
      feed.beforeAnswer = () => {
        asked.open()
        return answer.opened
      }
      feed.trade(100, { lost: true })
      feed.trade()
      await asked.opened
      answer.open()
      for (let hop = 0; hop < delay; hop++) await undefined
      feed.trade(100, { lost: true })
      feed.trade()
      await expect.poll(() => [delay, side.stream().cursor], { timeout: 1_000, interval: 2 }).toEqual([delay, 5])
      await side.stop()
    }
  })
})

const instrument = (symbol: string): Instrument => ({
  ...{ symbol, sourceSymbol: `${symbol}USDT`, source: 'many', assetClass: 'crypto', priceDigits: 2, sizeDigits: 5 },
})

/** An exchange of many symbols, of which some cannot be asked for their past. */
function manySymbols(instruments: readonly Instrument[], unreadable: ReadonlySet<string>): Feed<Tick> {
  return {
    name: 'many',
    assetClass: 'crypto',
    ids: 'contiguous',
    symbols: instruments,
    resolve: async () => ({ instruments, refused: [] }),
    async *receive(_: readonly Instrument[], events: FeedEvents, signal: AbortSignal) {
      const queue = createPushQueue<Received<Tick>>(10, signal)
      events.connected()
      yield* queue
    },
    normalize: (raw) => [raw],
    async newest({ symbol }) {
      if (unreadable.has(symbol)) throw new GatewayError('feed_broken', 'an answer that cannot be read')
      return { symbol, id: 1, price: 1, size: 1, side: 'buy', trades: 1, time: 1_000_000, received: 0 }
    },
  }
}

it('symbols whose past cannot be read keep no other symbol from going live', async () => {
  const instruments = ['A', 'B', 'C', 'D', 'E'].map(instrument)
  const memory = new MemoryTier()
  const stop = new AbortController()
  const run = new FeedRun(
    manySymbols(instruments, new Set(['A', 'B', 'C', 'D'])),
    {
      memory,
      database: new MemoryDatabase(),
      deliver: (update) => memory.stream(update.symbol)!.append(update),
      ...{
        storeLate: async () => {},
        keptSince: () => 0,
        stored: async () => {},
        onGapSettled() {},
        storeCandle() {},
        onGap() {},
        storeGap() {},
        onStatus() {},
        onDouble() {},
        onSkipped() {},
      },
      ...{ holdBackMs: 50, backfillMax: 100, log: createLogRecorder(), now: Date.now },
      onRevised() {},
      backoff: { firstMs: 5, maxMs: 5 },
      retry: { firstMs: 0, maxMs: 0 },
    },
    stop.signal,
  )
  onTestFinished(async () => {
    stop.abort()
    await run.ended
  })
  await expect.poll(() => memory.stream('E')?.live, { timeout: 2_000 }).toBe(true)
})
