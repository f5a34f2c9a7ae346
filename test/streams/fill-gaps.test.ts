import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/base/errors.ts'
import { createGate } from '../../src/base/gate.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import { GapFiller } from '../../src/streams/fill-gaps.ts'
import type { CandleRow, Gap } from '../../src/tiers/database/database.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import { SPOOL_FULL } from '../../src/tiers/spool/drop.ts'
import { BTC, ExchangeFeed } from '../fakes/exchange-feed.ts'
import { expectCandlesOf, type Side, type SideSettings, startSide } from '../fakes/ingest-side.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12, 0, 30)
function begin(feed: ExchangeFeed, database: MemoryDatabase, settings: SideSettings = {}): Side {
  return startSide(feed, database, { holdBackMs: 50, ...settings })
}

/** Five trades are lost while the source cannot be asked: ids 2 to 6, and then a seventh comes. */
async function leaveGapOpen(feed: ExchangeFeed, side: Side): Promise<() => void> {
  await side.caughtUp()
  let isAway = true
  feed.beforeAnswer = () => {
    if (isAway) throw new GatewayError('feed_broken', 'REST is away')
  }
  for (let count = 0; count < 5; count++) feed.trade(20_000, { lost: true })
  feed.trade(20_000)
  await side.until(() => side.published.at(-1)?.id === 7)
  return () => {
    isAway = false
  }
}

const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

describe('a gap that the stream went on without', () => {
  it('is filled behind it: stored and in the candles, but never slipped into the stream', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const database = new MemoryDatabase()
    const side = begin(feed, database)
    const comeBack = await leaveGapOpen(feed, side)
    expect(side.settled).toEqual([])
    comeBack()
    await side.until(() => side.settled.length > 0)
    expect(side.settled).toEqual([{ instrument: BTC, from: 2, to: 6, status: 'filled', reason: undefined }])
    expect(side.published.map(({ id }) => id)).toEqual([1, 7])
    expect(database.ticks.map(({ id }) => id)).toEqual(ids(1, 7))
    await expectCandlesOf(feed, side)
  })

  it('whose ticks were on the stream, and left before they were stored, is stored again and not folded again', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const database = new MemoryDatabase()
    const side = begin(feed, database)
    await side.caughtUp()
    for (let count = 0; count < 5; count++) feed.trade(20_000)
    await side.until(() => side.published.at(-1)?.id === 6)
    const kept = database.ticks.filter(({ id }) => id === 1 || id === 6)
    database.ticks.splice(0, database.ticks.length, ...kept)
    side.run.refill({ instrument: BTC, from: 2, to: 5, status: 'open', reason: SPOOL_FULL })
    await side.until(() => side.settled.length > 0)
    expect(side.settled).toMatchObject([{ from: 2, to: 5, status: 'filled' }])
    expect(database.ticks.map(({ id }) => id)).toEqual(ids(1, 6))
    expect(side.revised).toEqual([])
    await expectCandlesOf(feed, side)
  })

  it('once it is filled, a resume from before it is for the database, and the chain after it is whole', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const side = begin(feed, new MemoryDatabase())
    const comeBack = await leaveGapOpen(feed, side)
    expect(
      side
        .stream()
        .tailAfter(1, 10)
        ?.map(({ id, prev }) => [prev, id]),
    ).toEqual([[1, 7]])
    comeBack()
    await side.until(() => side.settled.length > 0)
    expect(side.stream().tailAfter(1, 10)).toBeUndefined()
    expect(
      side
        .stream()
        .tailAfter(6, 10)
        ?.map(({ id, prev }) => [prev, id]),
    ).toEqual([[6, 7]])
  })

  it('final candles that it changes have a higher revision', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const side = begin(feed, new MemoryDatabase())
    const comeBack = await leaveGapOpen(feed, side)
    side.stream().history.close(feed.time - 1_000, () => {})
    const before = side.stream().candleAt('1m', Date.UTC(2026, 10, 18, 12, 0))
    comeBack()
    await side.until(() => side.settled.length > 0)
    const after = side.stream().candleAt('1m', Date.UTC(2026, 10, 18, 12, 0))
    expect(before).toMatchObject({ final: true, revision: 0, trades: 1 })
    expect(after).toMatchObject({ final: true, revision: 1, trades: 2 })
    expect(side.revised).toEqual(feed.past.slice(1, 6).map(({ time }) => time))
  })

  it('a source that fails half-way is asked again from there: nothing is counted twice', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.pageSize = 2
    feed.trade()
    const side = begin(feed, new MemoryDatabase())
    await leaveGapOpen(feed, side)
    let asked = 0
    feed.beforeAnswer = () => {
      if (++asked === 2) throw new GatewayError('feed_broken', 'cut in the middle')
    }
    await side.until(() => side.settled.length > 0)
    expect(asked).toBeGreaterThan(3)
    await expectCandlesOf(feed, side)
  })

  it('what the source does not have is told as unfillable, and the rest as filled', async () => {
    class TakenBack extends ExchangeFeed {
      override async *trades(instrument: Instrument, start: { after: number } | { from: number }) {
        for await (const page of super.trades(instrument, start)) yield page.filter(({ id }) => id !== 4)
      }
    }
    const feed = new TakenBack(NOON)
    feed.trade()
    const side = begin(feed, new MemoryDatabase())
    const comeBack = await leaveGapOpen(feed, side)
    comeBack()
    await side.until(() => side.settled.length === 3)
    expect(side.settled.map(({ from, to, status }) => [from, to, status])).toEqual([
      [2, 3, 'filled'],
      [4, 4, 'unfillable'],
      [5, 6, 'filled'],
    ])
  })

  it('more than may be fetched is told as unfillable at once', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const side = begin(feed, new MemoryDatabase(), { backfillMax: 4 })
    await leaveGapOpen(feed, side)
    await side.until(() => side.settled.length > 0)
    expect(side.settled).toMatchObject([{ from: 2, to: 6, status: 'unfillable' }])
  })

  it('is filled after a restart, too', async () => {
    const feed = new ExchangeFeed(NOON)
    feed.trade()
    const database = new MemoryDatabase()
    const before = begin(feed, database)
    await leaveGapOpen(feed, before)
    const [gap] = before.gaps
    await before.storeCandles()
    await before.stop()
    await database.write({
      ...{ ticks: [], candles: [] },
      gaps: [{ instrument: BTC, from: gap!.from, to: gap!.to, status: 'open', reason: gap!.reason }],
    })
    feed.beforeAnswer = () => {}
    const after = begin(feed, database)
    await after.until(() => after.settled.length > 0)
    expect(database.ticks.map(({ id }) => id)).toEqual(ids(1, 7))
    await after.caughtUp()
    await expectCandlesOf(feed, after)
  })

  it('a source that answers from behind the stream is asked again: its trades are on their way', async () => {
    class Lagging extends ExchangeFeed {
      behind = false
      override async *trades(instrument: Instrument, start: { after: number } | { from: number }) {
        for await (const page of super.trades(instrument, start)) {
          const known = page.filter(({ id }) => !this.behind || id < 2)
          if (known.length > 0) yield known
        }
      }
    }
    const feed = new Lagging(NOON)
    feed.trade()
    const side = begin(feed, new MemoryDatabase())
    await side.caughtUp()
    feed.behind = true
    feed.trade(100, { lost: true })
    feed.trade()
    await side.until(() => side.gaps.length > 0)
    feed.behind = false
    await side.until(() => side.settled.length > 0)
    expect(side.settled).toMatchObject([{ from: 2, to: 2, status: 'filled' }])
  })

  it('is stored only after what comes before it: a crash in between would leave a hole that nobody knows of', async () => {
    const feed = new ExchangeFeed(NOON)
    for (let count = 0; count < 3; count++) feed.trade()
    const [asked, stored, settled] = [createGate(), createGate(), createGate()]
    const late: number[] = []
    const stop = new AbortController()
    const filler = new GapFiller(
      {
        ...{ feed, memory: new MemoryTier(), backfillMax: 100, log: createLogRecorder(), onRevised() {} },
        storeCandle() {},
        ...{ mend: async () => {}, keptSince: () => 0, backoff: { firstMs: 1, maxMs: 1 } },
        storeLate: async (_, updates) => void late.push(...updates.map(({ id }) => id)),
        stored() {
          asked.open()
          return stored.opened
        },
        onSettled: settled.open,
      },
      stop.signal,
    )
    filler.add({ instrument: BTC, from: 2, to: 2, status: 'open', reason: undefined })
    await asked.opened
    for (let turn = 0; turn < 20; turn++) await nextTurn()
    expect(late).toEqual([])
    stored.open()
    await settled.opened
    expect(late).toEqual([2])
    stop.abort()
    await filler.idle()
  })

  it('is told as filled only when its candles are stored: a crash in between would leave them without it for ever', async () => {
    const feed = new ExchangeFeed(NOON)
    const memory = new MemoryTier()
    const stream = memory.prepare(BTC)
    memory.adopt(stream)
    stream.append({ ...feed.trade(), prev: null, backfilled: false })
    feed.trade()
    stream.append({ ...feed.trade(), prev: 1, backfilled: false })
    stream.history.takeDirty()
    const [handedOver, durable] = [createGate(), createGate()]
    const rows: CandleRow[] = []
    const settled: Gap[] = []
    const stop = new AbortController()
    const filler = new GapFiller(
      {
        ...{ feed, memory, backfillMax: 100, log: createLogRecorder(), onRevised() {} },
        ...{ mend: async () => {}, keptSince: () => 0, backoff: { firstMs: 1, maxMs: 1 } },
        storeLate: async () => {},
        storeCandle: (row) => rows.push(row),
        async stored() {
          if (rows.length === 0) return
          handedOver.open()
          await durable.opened
        },
        onSettled: (gap) => settled.push(gap),
      },
      stop.signal,
    )
    filler.add({ instrument: BTC, from: 2, to: 2, status: 'open', reason: undefined })
    await handedOver.opened
    expect(rows.map(({ timeframe, candle }) => [timeframe, candle.trades])).toContainEqual(['1D', 3])
    for (let turn = 0; turn < 20; turn++) await nextTurn()
    expect(settled).toEqual([])
    durable.open()
    await filler.idle()
    expect(settled).toMatchObject([{ from: 2, to: 2, status: 'filled' }])
    stop.abort()
  })

  it('does not keep the gaps of another stream from being filled, whatever its source says', async () => {
    const ETH = { ...BTC, symbol: 'ETH', sourceSymbol: 'ETHUSDT' }
    class OnlyEth extends ExchangeFeed {
      override async *trades({ symbol }: Instrument) {
        if (symbol === 'BTC') throw new GatewayError('feed_broken', 'is not to be had')
        yield [{ ...this.past[1]!, symbol }]
      }
    }
    const feed = new OnlyEth(NOON)
    for (let count = 0; count < 2; count++) feed.trade()
    const stop = new AbortController()
    const settled = createGate()
    const filler = new GapFiller(
      {
        ...{ feed, memory: new MemoryTier(), backfillMax: 100, log: createLogRecorder() },
        ...{
          storeLate: async () => {},
          stored: async () => {},
          storeCandle() {},
          mend: async () => {},
          keptSince: () => 0,
          onRevised() {},
          backoff: { firstMs: 1, maxMs: 1 },
        },
        onSettled: settled.open,
      },
      stop.signal,
    )
    for (const instrument of [BTC, ETH]) filler.add({ instrument, from: 2, to: 2, status: 'open', reason: undefined })
    await settled.opened
    stop.abort()
    await filler.idle()
  })
})
