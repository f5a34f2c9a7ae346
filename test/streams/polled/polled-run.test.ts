import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createGate } from '../../../src/base/gate.ts'
import { SpoolingDatabase } from '../../../src/tiers/outage/spooling-database.ts'
import { FickleDatabase } from '../../fakes/fickle-database.ts'
import { createLogRecorder } from '../../fakes/log-recorder.ts'
import { MemoryDatabase } from '../../fakes/memory-database.ts'
import { MemorySpool } from '../../fakes/memory-spool.ts'
import { NVDA, PolledFeed, quote } from '../../fakes/polled-feed.ts'
import { startPolledSide } from '../../fakes/polled-side.ts'

const NOON = Date.UTC(2026, 10, 18, 17)

/** From now on no write gets through until the test says. */
function holdCommits(database: FickleDatabase) {
  const gate = createGate()
  const held = { isAwaited: false, open: () => gate.open() }
  database.pace = () => {
    held.isAwaited = true
    return gate.opened
  }
  return held
}

describe('a polled feed in the gateway', () => {
  it('shows nobody a tick before the database has it', async () => {
    const feed = new PolledFeed()
    const database = new FickleDatabase()
    const side = startPolledSide(feed, database)
    feed.answer()
    await side.warm
    const committed = holdCommits(database)
    feed.answer(quote(NOON))
    await side.until(() => committed.isAwaited)
    for (let turn = 0; turn < 50; turn++) await nextTurn()
    expect([side.published, side.stream().cursor, side.stream().latest]).toEqual([[], null, undefined])
    committed.open()
    await side.until(() => side.published.length === 1)
    expect(side.published).toEqual([{ ...quote(NOON), prev: null, backfilled: false }])
    expect(side.stream().latest).toEqual(side.published[0])
    expect(database.stored.ticks).toEqual(side.published)
  })

  it('does not ask its source again while a tick waits to be stored', async () => {
    const feed = new PolledFeed()
    const database = new FickleDatabase()
    const side = startPolledSide(feed, database)
    feed.answer()
    await side.warm
    database.isAway = true
    feed.answer(quote(NOON))
    feed.answer(quote(NOON + 1))
    await side.until(() => side.log.lines.some(({ message }) => message.includes('stored first')))
    for (let turn = 0; turn < 50; turn++) await nextTurn()
    expect([feed.polls, side.published, side.stream().live]).toEqual([2, [], false])
    database.isAway = false
    await side.until(() => side.published.length === 2)
    expect(side.ids()).toEqual([NOON * 1_000, (NOON + 1) * 1_000])
    expect(side.stream().live).toBe(true)
  })

  it('stops at once while a tick waits for a database that does not answer', async () => {
    const feed = new PolledFeed()
    const database = new FickleDatabase()
    const side = startPolledSide(feed, database)
    feed.answer()
    await side.warm
    const committed = holdCommits(database)
    feed.answer(quote(NOON))
    await side.until(() => committed.isAwaited)
    await side.stop()
    expect(side.published).toEqual([])
  })

  it('stores a tick once, under one id, when the answer of the database was lost', async () => {
    const feed = new PolledFeed()
    const database = new FickleDatabase()
    const side = startPolledSide(feed, database)
    database.losesAnswer = true
    feed.answer(quote(NOON))
    await side.until(() => side.published.length === 1)
    expect(database.stored.ticks).toEqual(side.published)
  })

  it('gives each tick an id above the one before, in the order of the source, also where its time stands still', async () => {
    const feed = new PolledFeed()
    const side = startPolledSide(feed, new MemoryDatabase())
    feed.answer(quote(NOON), quote(NOON, { price: 7 }), quote(NOON - 5, { price: 8 }))
    feed.answer(quote(NOON + 1))
    await side.until(() => side.published.length === 4)
    const first = NOON * 1_000
    expect(side.published.map(({ prev, id, price }) => [prev, id, price])).toEqual([
      [null, first, quote(NOON).price],
      [first, first + 1, 7],
      [first + 1, first + 2, 8],
      [first + 2, first + 1_000, quote(NOON + 1).price],
    ])
  })

  it('goes on behind what is stored after a restart, and takes the same quote for no news', async () => {
    const database = new MemoryDatabase()
    const feed = new PolledFeed()
    const before = startPolledSide(feed, database)
    feed.answer(quote(NOON), quote(NOON, { price: 7 }))
    await before.until(() => before.published.length === 2)
    await before.stop()
    const after = startPolledSide(feed, database)
    feed.answer(quote(NOON, { price: 7, size: undefined }))
    feed.answer(quote(NOON, { price: 9, size: undefined }))
    await after.until(() => after.published.length === 1)
    expect(
      after
        .stream()
        .tail(5)
        .map(({ price }) => price),
    ).toEqual([quote(NOON).price, 7, 9])
    expect(after.published[0]).toMatchObject({ id: NOON * 1_000 + 2, prev: NOON * 1_000 + 1 })
    expect(after.doubles).toHaveLength(1)
  })

  it('has a tick on its stream after a crash between the commit and its publication', async () => {
    const database = new FickleDatabase()
    const feed = new PolledFeed()
    const before = startPolledSide(feed, database)
    feed.answer()
    await before.warm
    const committed = holdCommits(database)
    feed.answer(quote(NOON))
    await before.until(() => committed.isAwaited)
    await before.stop()
    committed.open()
    await before.until(() => database.stored.ticks.length === 1)
    expect(before.published).toEqual([])
    const after = startPolledSide(feed, database)
    feed.answer(quote(NOON, { size: undefined }))
    feed.answer(quote(NOON + 1))
    await after.until(() => after.published.length === 1)
    expect(
      after
        .stream()
        .tail(5)
        .map(({ id }) => id),
    ).toEqual([NOON * 1_000, (NOON + 1) * 1_000])
  })

  it('leaves out what the database refuses for good, and links what follows to the one before', async () => {
    const database = new MemoryDatabase()
    database.refuses = ({ price }) => price === 13
    const feed = new PolledFeed()
    const side = startPolledSide(feed, database)
    feed.answer(quote(NOON), quote(NOON + 1, { price: 13 }), quote(NOON + 2))
    feed.answer(quote(NOON + 3))
    await side.until(() => side.published.length === 3)
    expect(side.published.map(({ prev }) => prev)).toEqual([null, NOON * 1_000, (NOON + 2) * 1_000])
    expect(side.skipped).toEqual([`tick ${(NOON + 1) * 1_000} of NVDA must be stored first, was refused`])
    expect(database.ticks.map(({ id }) => id)).toEqual(side.ids())
  })

  it('shows nobody what waits on disk and no database will take', async () => {
    const stored = new FickleDatabase()
    const database = new SpoolingDatabase({ database: stored, spool: new MemorySpool(), log: createLogRecorder() })
    const feed = new PolledFeed()
    const side = startPolledSide(feed, database)
    feed.answer()
    await side.warm
    stored.isAway = true
    feed.answer(quote(NOON, { trades: 0.5 }), quote(NOON + 1))
    await side.until(() => side.published.length === 1)
    expect(side.ids()).toEqual([(NOON + 1) * 1_000])
    expect(side.skipped).toEqual([`tick ${NOON * 1_000} of NVDA must be stored first, was refused`])
    await database.close()
  })

  it('never gives the id of a refused tick to another one', async () => {
    const database = new MemoryDatabase()
    database.refuses = ({ price }) => price === 13
    const feed = new PolledFeed()
    const side = startPolledSide(feed, database)
    feed.answer(quote(NOON, { price: 13 }))
    feed.answer(quote(NOON, { price: 14 }))
    await side.until(() => side.published.length === 1)
    expect(side.published).toMatchObject([{ id: NOON * 1_000 + 1, prev: null }])
  })

  it('stores what is late, tells it apart, and never streams it', async () => {
    const database = new MemoryDatabase()
    const feed = new PolledFeed('given')
    const side = startPolledSide(feed, database)
    feed.answer(quote(NOON, { isPast: true }), quote(NOON + 2))
    feed.answer(quote(NOON + 1), quote(NOON + 3))
    await side.until(() => side.published.length === 3)
    expect(side.published.map(({ id, prev, backfilled }) => [prev, id / 1_000 - NOON, backfilled])).toEqual([
      [null, 0, true],
      [NOON * 1_000, 2, false],
      [(NOON + 2) * 1_000, 3, false],
    ])
    expect(side.published[0]).not.toHaveProperty('isPast')
    expect(side.late).toMatchObject([{ id: (NOON + 1) * 1_000, backfilled: true }])
    expect(database.ticks.map(({ id }) => id / 1_000 - NOON)).toEqual([0, 1, 2, 3])
  })

  it('takes a late tick on disk for no sign of what the database has', async () => {
    const stored = new FickleDatabase()
    const spool = new MemorySpool()
    const database = new SpoolingDatabase({ database: stored, spool, log: createLogRecorder() })
    const feed = new PolledFeed('given')
    const side = startPolledSide(feed, database)
    feed.answer(quote(NOON), quote(NOON + 2), quote(NOON + 4))
    await side.until(() => side.published.length === 3)
    stored.isAway = true
    feed.answer(quote(NOON + 1))
    await side.until(() => side.late.length === 1)
    await expect(database.ticksAfter(NVDA, (NOON + 1) * 1_000, 9)).rejects.toMatchObject({ code: 'tier_unavailable' })
    await database.close()
  })

  it('counts a message that it cannot read, and goes on with the others of the poll', async () => {
    const feed = new PolledFeed()
    const side = startPolledSide(feed, new MemoryDatabase())
    feed.answer(quote(NOON, { price: Number.NaN }), quote(NOON + 1), quote(NOON + 2, { symbol: 'WHO' }))
    await side.until(() => side.published.length === 1)
    expect(side.skipped).toEqual(['a price was none', "WHO must be one of the feed's symbols"])
  })

  it('goes by the time that its source tells, be its last price old', async () => {
    const feed = new PolledFeed()
    const side = startPolledSide(feed, new MemoryDatabase())
    feed.answer(quote(NOON, { received: Date.now() }))
    await side.until(() => side.published.length === 1)
    const time = () => side.stream().clock.now(side.memory.heardAt(NVDA.source)!)!
    expect(time()).toBeLessThan(NOON + 36_000_000)
    feed.events!.heard!(NOON + 37_000_000)
    expect(time()).toBe(NOON + 37_000_000)
    feed.events!.heard!(NOON)
    feed.events!.heard!()
    expect(time()).toBeGreaterThanOrEqual(NOON + 37_000_000)
  })

  it('is live from its first poll until it goes down, and again', async () => {
    const feed = new PolledFeed()
    const side = startPolledSide(feed, new MemoryDatabase())
    await side.until(() => side.memory.stream('NVDA') !== undefined)
    expect(side.stream().live).toBe(false)
    feed.answer()
    await side.warm
    expect([side.stream().live, side.memory.heardAt(NVDA.source)]).toEqual([true, expect.any(Number)])
    feed.fail()
    await side.until(() => side.statuses.at(-1)?.state === 'down')
    expect(side.stream().live).toBe(false)
    feed.answer()
    await side.until(() => side.stream().live)
    expect(side.statuses.map(({ state }) => state)).toEqual(['connecting', 'live', 'down', 'live'])
  })
})
