import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Finding, TaskEvent, TaskSummary } from '../../src/base/task-event.ts'
import type { Candle } from '../../src/market/candle.ts'
import type { Timeframe } from '../../src/market/timeframe.ts'
import { mendCandles } from '../../src/streams/mend-candles.ts'
import { type VerifyOptions, verify } from '../../src/streams/verify/verify.ts'
import { BTC, ExchangeFeed } from '../fakes/exchange-feed.ts'
import { tradeFor } from '../fakes/ingest-side.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12)
const MINUTE = 60_000
const { signal } = new AbortController()

/** An exchange that traded, and a database that has all of it. */
async function stored(trades = 400, everyMs = 1_700) {
  const feed = new ExchangeFeed(NOON - 5_000)
  feed.pageSize = 1_000
  tradeFor(feed, trades, everyMs)
  const database = new MemoryDatabase()
  database.ticks.push(...feed.past.map((tick) => ({ ...tick, prev: null, backfilled: false })))
  const end = feed.time
  await mendCandles(BTC, { from: NOON - MINUTE, to: end }, { feed, database, now: () => end }, signal)
  return { feed, database }
}

type Stored = Awaited<ReturnType<typeof stored>>

async function check(
  { feed, database }: Stored,
  options: VerifyOptions = {},
  settled?: () => Promise<void>,
  keptSince = Number.NEGATIVE_INFINITY,
) {
  const events: TaskEvent[] = []
  const ports = { feed, database, settled, latenessMs: 0, keptSince: () => keptSince, now: () => feed.time }
  for await (const event of verify(BTC, options, ports, signal)) events.push(event)
  const summary = events.at(-1) as TaskSummary
  const told = (type: Finding['type']) =>
    events.filter((event): event is Finding => event.type === type).map(({ kind, message }) => `${kind} ${message}`)
  return { summary, differences: told('difference'), notes: told('note') }
}

function change(database: MemoryDatabase, timeframe: Timeframe, at: number, with_: Partial<Candle>): Candle {
  const candle = [...database.rows.get(timeframe)!.values()].sort((a, b) => a.time - b.time).at(at)!
  database.rows.get(timeframe)!.set(candle.time, { ...candle, ...with_ })
  return candle
}

function remove({ database }: Stored, from: number, to = from): void {
  const rest = database.ticks.filter(({ id }) => id < from || id > to)
  database.ticks.splice(0, database.ticks.length, ...rest)
}

describe('a stored stream that is whole', () => {
  it('has no differences, neither in itself nor with its source', async () => {
    const { summary, differences } = await check(await stored(), { source: true })
    expect(differences).toEqual([])
    expect(summary).toMatchObject({ ok: true, counts: { trades: 400, gaps: 0 } })
    expect(summary.counts.candles).toBeGreaterThan(380)
    expect(summary.counts.sourceCandles).toBeGreaterThanOrEqual(summary.counts.candles!)
    expect(summary.message).toContain('BTC exchange:BTCUSDT: 400 trades, 1 to 400')
    expect(summary.message).toContain('differences: none')
  })

  it('is checked page by page, however large', async () => {
    const side = await stored(12_000, 40)
    const { summary } = await check(side)
    expect(summary).toMatchObject({ ok: true, counts: { trades: 12_000 } })
    expect(summary.counts.candles).toBeGreaterThan(470)
  })

  it('is checked in a range alone, with the candles at its bounds', async () => {
    const side = await stored()
    remove(side, 390)
    change(side.database, '1m', 1, { high: 900 })
    const range = { from: NOON + 2 * MINUTE, to: NOON + 4 * MINUTE }
    const { summary, differences } = await check(side, { ...range, source: true })
    expect(differences).toEqual([])
    // Two minutes, and the seconds in them; a few more before.
    expect(summary.counts.candles).toBeGreaterThanOrEqual(
      2 + side.feed.past.filter(({ time }) => time >= range.from && time < range.to).length,
    )
    expect(summary.counts.trades).toBeLessThan(90)
    expect(summary.counts.unchecked).toBeGreaterThan(0)
  })

  it('need not have the trades that its source has from before what is kept', async () => {
    const side = await stored()
    const { id, time } = side.feed.past[60]!
    remove(side, 1, id - 1)
    const range = { from: NOON - MINUTE, to: NOON + 8 * MINUTE, source: true }
    expect((await check(side, range, undefined, time)).differences).toEqual([])
    expect((await check(side, { ...range, to: time - 1 }, undefined, time)).differences).toEqual([])
    remove(side, id, id + 1)
    expect((await check(side, range, undefined, time)).differences).toContainEqual(
      `hole trades ${id} to ${id + 1} (2): not stored, and no gap tells of it`,
    )
  })

  it('may be empty', async () => {
    const feed = new ExchangeFeed(NOON)
    const { summary } = await check({ feed, database: new MemoryDatabase() }, { source: true })
    expect(summary).toMatchObject({ ok: true, counts: { trades: 0 } })
    expect(summary.message).toContain('no trades are stored')
  })
})

describe('a stored stream that is not', () => {
  it('is told by the ids that are missing and that no gap tells of', async () => {
    const side = await stored()
    remove(side, 100, 103)
    remove(side, 200)
    await side.database.write({
      ticks: [],
      candles: [],
      gaps: [{ instrument: BTC, from: 100, to: 101, status: 'unfillable', reason: 'gone' }],
    })
    const { summary, differences, notes } = await check(side)
    expect(differences).toEqual([
      'hole trades 102 to 103 (2): not stored, and no gap tells of it',
      'hole trade 200: not stored, and no gap tells of it',
    ])
    expect(notes).toEqual(['gap trades 100 to 101 (2): unfillable (gone)'])
    expect(summary).toMatchObject({ ok: false, counts: { hole: 2, gaps: 1 } })
  })

  it('is not told of holes that are filled, or told, while it is being checked', async () => {
    const side = await stored()
    const [late] = side.database.ticks.filter(({ id }) => id === 100)
    remove(side, 100)
    const { database } = side
    const found = database.gaps.bind(database)
    let asked = 0
    database.gaps = async () => {
      if (asked++ > 0 && !database.ticks.includes(late!)) database.ticks.splice(99, 0, late!)
      return found()
    }
    const after = database.ticksAfter.bind(database)
    database.ticksAfter = async (instrument, id, limit) => {
      const page = await after(instrument, id, limit)
      if (asked > 0 && !database.ticks.includes(late!)) database.ticks.splice(99, 0, late!)
      return page
    }
    expect((await check(side)).differences).toEqual([])
  })

  it('is told by trades that are there twice, also where a page ends, and by those out of order', async () => {
    const side = await stored(5_010, 100)
    for (const id of [10, 5_000]) {
      const index = side.database.ticks.findIndex((tick) => tick.id === id)
      side.database.ticks.splice(index, 0, { ...side.database.ticks[index]!, price: 9 })
    }
    const index = side.database.ticks.findIndex(({ id }) => id === 20)
    side.database.ticks[index] = { ...side.database.ticks[index]!, time: NOON - 3_600_000 }
    const { differences } = await check(side)
    const kinds = (kind: string) => differences.filter((line) => line.startsWith(kind))
    expect(kinds('double').map((line) => line.split(':')[0])).toEqual(['double trade 10', 'double trade 5000'])
    expect(kinds('order')).toEqual([expect.stringContaining('order trade 20: happened long before')])
  })

  it('is told by every candle that does not say what its trades say', async () => {
    const side = await stored()
    const one = change(side.database, '1s', 50, { volume: 7 })
    const two = change(side.database, '5m', 1, { lastId: 3 })
    const gone = change(side.database, '1m', 4, {})
    side.database.rows.get('1m')!.delete(gone.time)
    const ghost = { ...one, time: one.time - 1_000 }
    side.database.rows.get('1s')!.delete(ghost.time)
    const { differences, summary } = await check(side)
    const expected = [
      `candle 1s of ${new Date(one.time).toISOString()}: its trades say volume ${one.volume}, is 7`,
      `candle 1m of ${new Date(gone.time).toISOString()}: not stored, but there are ${gone.trades} trades in it`,
      `candle 5m of ${new Date(two.time).toISOString()}: its trades say lastId`,
    ]
    for (const line of expected) expect(differences.join('\n')).toContain(line)
    expect(summary.counts.candle).toBe(differences.length)
  })

  it('is not told by a candle that is on its way to the database', async () => {
    const side = await stored()
    const whole = change(side.database, '1m', 2, { volume: 1 })
    const settled = async () => void side.database.rows.get('1m')!.set(whole.time, whole)
    expect((await check(side, {}, settled)).differences).toEqual([])
  })

  it('is told by a source that says something else, of candles and of the trades at the ends', async () => {
    const side = await stored()
    side.feed.past[0] = { ...side.feed.past[0]!, price: 777 }
    const late = await check(side, { source: true })
    expect(late.differences.some((line) => line.startsWith('kline 1s of'))).toBe(true)
    expect(late.differences).toContainEqual('trade trade 1: the source says price 777, is 107')
  })

  it('is told by a source that has trades before and after those of the range', async () => {
    const side = await stored()
    remove(side, 1, 60)
    remove(side, 350, 400)
    const range = { from: NOON - MINUTE, to: NOON + 8 * MINUTE, source: true }
    const { differences } = await check(side, range)
    const ids = side.feed.past.filter(({ time }) => time < range.to).length
    expect(ids).toBeLessThan(349)
    expect(differences.filter((line) => line.startsWith('hole'))).toEqual([
      'hole trades 1 to 60 (60): not stored, and no gap tells of it',
    ])
  })

  it('tells a hundred of a kind and counts the rest', async () => {
    const side = await stored(1_000)
    for (let id = 2; id < 400; id += 2) remove(side, id)
    const { differences, notes, summary } = await check(side)
    expect(differences.filter((line) => line.startsWith('hole'))).toHaveLength(100)
    expect(notes).toContainEqual('hole and 99 more of this kind')
    expect(summary.counts.hole).toBe(199)
  })
})

it('finds exactly the ids that are missing, whatever was told of them', async () => {
  const side = await stored(120)
  const ids = fc.uniqueArray(fc.integer({ min: 2, max: 119 }), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(ids, ids, async (missing, told) => {
      const database = new MemoryDatabase()
      for (const [timeframe, rows] of side.database.rows) database.rows.set(timeframe, rows)
      database.ticks.push(...side.database.ticks.filter(({ id }) => !missing.includes(id)))
      database.gapRows.push(
        ...told.map((id) => ({ instrument: BTC, from: id, to: id, status: 'open' as const, reason: undefined })),
      )
      const events: TaskEvent[] = []
      const ports = { database, latenessMs: 0, now: () => side.feed.time }
      for await (const event of verify(BTC, {}, ports, signal)) events.push(event)
      const differences = events.filter((event): event is Finding => event.type === 'difference')
      const found = differences.flatMap(({ kind, from, to }) =>
        kind === 'hole' ? Array.from({ length: Number(to) - Number(from) + 1 }, (_, n) => Number(from) + n) : [],
      )
      expect(found).toEqual(missing.filter((id) => !told.includes(id)).sort((a, b) => a - b))
      // No candle is blamed for trades that are not there.
      expect(differences.filter(({ kind }) => kind !== 'hole')).toEqual([])
    }),
    { numRuns: 60 },
  )
})
