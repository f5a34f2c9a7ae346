import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Finding, TaskEvent, TaskSummary } from '../../src/base/task-event.ts'
import type { Tick } from '../../src/market/tick.ts'
import { bucketStart, TIMEFRAMES } from '../../src/market/timeframe.ts'
import { backfill } from '../../src/streams/backfill.ts'
import { verify } from '../../src/streams/verify/verify.ts'
import type { Gap } from '../../src/tiers/database/database.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import { BTC, ExchangeFeed } from '../fakes/exchange-feed.ts'
import { tradeFor } from '../fakes/ingest-side.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12)
const MINUTE = 60_000
const { signal } = new AbortController()

function traded(trades = 400): ExchangeFeed {
  const feed = new ExchangeFeed(NOON - 5_000)
  feed.pageSize = 50
  tradeFor(feed, trades, 1_700)
  return feed
}

interface Settings {
  readonly range?: { readonly from: number; readonly to: number }
  readonly keptSince?: number
  readonly memory?: MemoryTier
  readonly stop?: AbortSignal
}

async function load(feed: ExchangeFeed, database: MemoryDatabase, settings: Settings = {}) {
  const { range = { from: NOON, to: NOON + 5 * MINUTE }, keptSince = 0, memory, stop = signal } = settings
  const events: TaskEvent[] = []
  const settled: Gap[] = []
  const left: Gap[] = []
  const gateway = memory && {
    memory,
    stored: async () => {},
    onSettled: (gap: Gap) => settled.push(gap),
    onLeftOut: (gap: Gap) => left.push(gap),
  }
  const ports = { feed, database, gateway, keptSince: () => keptSince, now: () => feed.time }
  for await (const event of backfill(BTC, range, ports, stop)) events.push(event)
  const notes = events.filter((event): event is Finding => event.type === 'note').map(({ message }) => message)
  return { summary: events.at(-1) as TaskSummary, notes, settled, left }
}

const idsOf = ({ ticks }: MemoryDatabase) => ticks.map(({ id }) => id)

async function gapsOf(database: MemoryDatabase) {
  const rows = [...(await database.gaps())].sort((a, b) => a.from - b.from)
  return rows.map(({ from, to, status }) => [from, to, status])
}

const gap = (from: number, to: number, status: Gap['status'] = 'open'): Gap => {
  return { instrument: BTC, from, to, status, reason: undefined }
}

/** A gateway's memory whose stream was joined to its source at the last of these trades. */
function joinedAt(feed: ExchangeFeed, ticks: readonly Tick[]): MemoryTier {
  const memory = new MemoryTier()
  const stream = memory.prepare(BTC)
  stream.history.takeSource(new Map(), bucketStart('1m', feed.past[0]!.time))
  ticks.forEach((tick, index) => {
    stream.append({ ...tick, prev: ticks[index - 1]?.id ?? null, backfilled: false })
  })
  stream.history.wholeThrough(ticks.at(-1)?.id ?? -1)
  memory.adopt(stream)
  return memory
}

describe('a backfill', () => {
  it('loads exactly the trades of the range, and candles, as the source has them', async () => {
    const feed = traded()
    const database = new MemoryDatabase()
    const { summary } = await load(feed, database)
    const theirs = feed.past.filter(({ time }) => time >= NOON && time < NOON + 5 * MINUTE)
    expect(idsOf(database)).toEqual(theirs.map(({ id }) => id))
    expect(database.ticks.every(({ backfilled, price, id }) => backfilled && price === feed.past[id - 1]!.price)).toBe(
      true,
    )
    expect(summary).toMatchObject({ ok: true, counts: { trades: theirs.length, gaps: 0 } })
    expect(summary.message).toContain(`${theirs.length} added`)
    const check: TaskEvent[] = []
    const ports = { feed, database, latenessMs: 0, now: () => feed.time }
    const options = { from: NOON, to: NOON + 5 * MINUTE, source: true }
    for await (const event of verify(BTC, options, ports, signal)) check.push(event)
    expect(check).toEqual([expect.objectContaining({ type: 'summary', ok: true })])
  })

  it('does not ask again for what is stored, and changes nothing when it is run again', async () => {
    const feed = traded()
    const database = new MemoryDatabase()
    await load(feed, database)
    const asked: number[] = []
    const trades = feed.trades.bind(feed)
    feed.trades = (instrument, start) => {
      if ('after' in start) asked.push(start.after)
      return trades(instrument, start)
    }
    database.ticks.splice(10, 3)
    const before = idsOf(database)
    expect((await load(feed, database)).summary.counts).toMatchObject({ trades: 3, candles: 0 })
    expect(asked).toEqual([before[9]])
    expect((await load(feed, database)).summary.counts).toMatchObject({ trades: 0, candles: 0 })
  })

  it('goes on where it broke off', async () => {
    const feed = traded()
    const database = new MemoryDatabase()
    const stop = new AbortController()
    let answers = 0
    feed.beforeAnswer = () => {
      if (++answers === 5) stop.abort()
    }
    const { summary } = await load(feed, database, { stop: stop.signal })
    expect(summary?.type).not.toBe('summary')
    const half = database.ticks.length
    expect(half).toBeGreaterThan(0)
    feed.beforeAnswer = () => {}
    const { summary: rest } = await load(feed, database)
    expect(rest.counts.trades).toBeGreaterThan(0)
    expect(rest.counts.trades).toBeLessThan(200)
    expect(idsOf(database)).toEqual(Array.from({ length: database.ticks.length }, (_, n) => database.ticks[0]!.id + n))
  })

  it('refuses trades that would not be kept, says so, and loads their candles all the same', async () => {
    const feed = traded()
    const database = new MemoryDatabase()
    const { notes } = await load(feed, database, { keptSince: NOON + 2 * MINUTE })
    expect(notes).toEqual([expect.stringContaining('older than TICK_RETENTION_DAYS')])
    expect(database.ticks.every(({ time }) => time >= NOON + 2 * MINUTE)).toBe(true)
    expect(database.rows.get('1m')!.has(NOON)).toBe(true)
    const none = new MemoryDatabase()
    await load(feed, none, { keptSince: NOON + 60 * MINUTE })
    expect(none.ticks).toEqual([])
    expect(none.rows.get('1m')!.size).toBe(5)
  })

  it('settles the gaps of the range, in parts where they reach beyond it or the source has nothing', async () => {
    const feed = traded()
    const database = new MemoryDatabase()
    const first = feed.past.find(({ time }) => time >= NOON)!.id
    feed.past.splice(first + 19, 2)
    await database.write({
      ticks: [],
      candles: [],
      gaps: [gap(1, first + 9), gap(first + 15, first + 29, 'unfillable')],
    })
    const trades = feed.trades.bind(feed)
    feed.trades = async function* (instrument, start) {
      // By id, though two are missing.
      const from =
        'after' in start
          ? { from: feed.past.find(({ id }) => id > start.after)?.time ?? Number.POSITIVE_INFINITY }
          : start
      yield* trades(instrument, from)
    }
    const { summary } = await load(feed, database)
    expect(summary.counts.missing).toBe(2)
    expect(summary.message).toContain('that the source does not have: 2')
    expect(await gapsOf(database)).toEqual([
      [1, first - 1, 'open'],
      [first, first + 9, 'filled'],
      [first + 15, first + 19, 'filled'],
      [first + 20, first + 21, 'unfillable'],
      [first + 22, first + 29, 'filled'],
    ])
    expect((await load(feed, database)).summary.counts.gaps).toBe(0)
  })

  it('tells what lies between the range and the trades on either side as a gap, until that is loaded too', async () => {
    const feed = traded()
    const database = new MemoryDatabase()
    for (const id of [1, 2, 399, 400]) database.ticks.push({ ...feed.past[id - 1]!, prev: null, backfilled: false })
    const range = { from: NOON + MINUTE, to: NOON + 5 * MINUTE }
    const { notes } = await load(feed, database, { range })
    const loaded = idsOf(database).slice(2, -2)
    expect(await gapsOf(database)).toEqual([
      [3, loaded[0]! - 1, 'unfillable'],
      [loaded.at(-1)! + 1, 398, 'unfillable'],
    ])
    expect(notes).toHaveLength(2)
    expect((await load(feed, database, { range })).notes).toEqual([])
    await load(feed, database, { range: { from: NOON - MINUTE, to: NOON + 60 * MINUTE } })
    expect((await gapsOf(database)).map(([, , status]) => status)).toEqual(['filled', 'filled'])
  })

  it('says so when the source has nothing there', async () => {
    const feed = traded()
    const { summary } = await load(feed, new MemoryDatabase(), { range: { from: 0, to: NOON - 60 * MINUTE } })
    expect(summary.message).toContain('trades: none to load')
  })
})

describe('a backfill beside a running gateway', () => {
  it('loads what was missed before the gateway joined its source, tells its gaps, and leaves memory right', async () => {
    const feed = traded()
    const database = new MemoryDatabase()
    const ticks = feed.past.filter(({ id }) => id < 50 || (id >= 80 && id <= 300))
    database.ticks.push(...ticks.map((tick) => ({ ...tick, prev: tick.id - 1, backfilled: false })))
    await database.write({ ticks: [], candles: [], gaps: [gap(50, 79, 'unfillable')] })
    const memory = joinedAt(feed, ticks)
    const stream = memory.stream('BTC')!
    const candles = TIMEFRAMES.map((timeframe) => stream.candles(timeframe, 1_000))
    const { settled, summary } = await load(feed, database, { memory })
    expect(settled).toEqual([{ instrument: BTC, from: 50, to: 79, status: 'filled', reason: undefined }])
    expect(summary.counts.trades).toBe(30)
    // A resume across the hole reads the database: memory's tail does not know those trades.
    expect(stream.tailAfter(49, 10)).toBeUndefined()
    expect(stream.tailAfter(79, 1)).toMatchObject([{ id: 80 }])
    expect(TIMEFRAMES.map((timeframe) => stream.candles(timeframe, 1_000))).toEqual(candles)
  })

  it('leaves the holes of the running stream to the gateway, and says which', async () => {
    const feed = traded()
    const database = new MemoryDatabase()
    const ticks = feed.past.filter(({ id }) => id <= 60)
    database.ticks.push(...ticks.map((tick) => ({ ...tick, prev: tick.id - 1, backfilled: false })))
    const memory = joinedAt(feed, ticks)
    const { notes } = await load(feed, database, { memory })
    const last = feed.past.findLast(({ time }) => time < NOON + 5 * MINUTE)!.id
    expect(notes).toEqual([expect.stringContaining(`trades 61 to ${last} (${last - 60}): of the running stream`)])
    expect(idsOf(database).at(-1)).toBe(60)
  })

  it('waits for a stream that does not stand yet: it is unavailable', async () => {
    const memory = new MemoryTier()
    memory.adopt(memory.prepare(BTC))
    await expect(load(traded(), new MemoryDatabase(), { memory })).rejects.toMatchObject({ code: 'unavailable' })
  })
})

it('whatever is stored and wherever it breaks off, in the end every trade of the range is there once', async () => {
  const feed = traded(150)
  feed.candles = async () => []
  const ids = fc.uniqueArray(fc.integer({ min: 1, max: 150 }))
  const cuts = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(ids, cuts, async (stored, breaks) => {
      const database = new MemoryDatabase()
      for (const id of stored.sort((a, b) => a - b)) {
        database.ticks.push({ ...feed.past[id - 1]!, prev: null, backfilled: false })
      }
      feed.pageSize = 7
      const range = { from: NOON, to: NOON + 2 * MINUTE }
      for (const at of breaks) {
        const stop = new AbortController()
        let answers = 0
        feed.beforeAnswer = () => {
          if (++answers === at) stop.abort()
        }
        await load(feed, database, { range, stop: stop.signal })
      }
      feed.beforeAnswer = () => {}
      await load(feed, database, { range })
      const wanted = new Set(stored)
      for (const { id, time } of feed.past) if (time >= range.from && time < range.to) wanted.add(id)
      expect(idsOf(database)).toEqual([...wanted].sort((a, b) => a - b))
    }),
    { numRuns: 40 },
  )
})
