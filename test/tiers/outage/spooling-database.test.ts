import { describe, expect, it, onTestFinished } from 'vitest'
import { GatewayError } from '../../../src/base/errors.ts'
import { createGate } from '../../../src/base/gate.ts'
import type { Batch } from '../../../src/tiers/database/database.ts'
import { SpoolingDatabase, type SpoolingDatabaseOptions } from '../../../src/tiers/outage/spooling-database.ts'
import { FickleDatabase } from '../../fakes/fickle-database.ts'
import { createLogRecorder } from '../../fakes/log-recorder.ts'
import { MemorySpool } from '../../fakes/memory-spool.ts'
import { BTC, batch, candle, ETH, NOON, ticks, update } from '../fixtures.ts'

/** Ticks as a live stream has them. */
const live = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => update(first + index, { prev: first + index - 1 }))

function start(options: Partial<SpoolingDatabaseOptions> = {}) {
  const database = new FickleDatabase()
  const spool = new MemorySpool()
  const retry = { firstMs: 1, maxMs: 5 }
  const create = () => new SpoolingDatabase({ database, spool, log: createLogRecorder(), retry, ...options })
  const spooling = create()
  onTestFinished(() => spooling.close())
  return { database, spool, spooling, create, idsStored: () => database.stored.ticks.map(({ id }) => id) }
}

describe('a database with a spool', () => {
  it('writes directly while it is there', async () => {
    const { spooling, spool, idsStored } = start()
    await spooling.write(ticks(BTC, ...live(1, 3)))
    expect(idsStored()).toEqual([1, 2, 3])
    expect(spool.isEmpty).toBe(true)
  })

  it('keeps batches while it is away, in order, and writes them when it is back', async () => {
    const { database, spooling, spool, idsStored } = start()
    await spooling.write(ticks(BTC, ...live(1, 3)))
    database.isAway = true
    for (const id of [4, 5, 6]) await spooling.write(ticks(BTC, ...live(id, id)))
    expect(spool.stats.ticks).toBe(3)
    database.isAway = false
    await expect.poll(() => spool.isEmpty).toBe(true)
    await spooling.write(ticks(BTC, ...live(7, 7)))
    expect(idsStored()).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(database.writes.map(({ ticks: rows }) => rows[0]!.update.id)).toEqual([1, 4, 5, 6, 7])
  })

  it('lets nothing that is new pass what waits', async () => {
    const { database, spooling, idsStored } = start()
    database.isAway = true
    await spooling.write(ticks(BTC, ...live(1, 1)))
    database.hang()
    database.isAway = false
    await spooling.write(ticks(BTC, ...live(2, 2)))
    expect(idsStored()).toEqual([])
    database.answer()
    await expect.poll(idsStored).toEqual([1, 2])
  })

  it('lets nothing that is new pass what is still on its way to the disk', async () => {
    const { database, spool, spooling, idsStored } = start()
    const disk = createGate()
    spool.pace = () => disk.opened
    database.isAway = true
    const kept = spooling.write(ticks(BTC, ...live(1, 1)))
    await expect.poll(() => spooling.status.state).toBe('away')
    database.isAway = false
    const next = spooling.write(ticks(BTC, ...live(2, 2)))
    disk.open()
    await Promise.all([kept, next])
    await expect.poll(() => spool.isEmpty).toBe(true)
    expect(idsStored()).toEqual([1, 2])
    expect(database.writes.map(({ ticks: rows }) => rows[0]!.update.id)).toEqual([1, 2])
  })

  it('is away when it does not commit in time, and its late commit changes nothing', async () => {
    const { database, spooling, spool, idsStored } = start({ commitWithinMs: 20 })
    database.hang()
    await spooling.write(ticks(BTC, ...live(1, 2)))
    expect(spool.isEmpty).toBe(false)
    expect(spooling.status).toMatchObject({ state: 'away' })
    database.answer()
    await expect.poll(() => spool.isEmpty).toBe(true)
    expect(idsStored()).toEqual([1, 2])
    expect(spooling.status).toMatchObject({ state: 'open' })
  })

  it('gives a batch up that it does not commit in time, so that it is not committed behind newer ones', async () => {
    const { database, spooling } = start({ commitWithinMs: 20 })
    let given: AbortSignal | undefined
    const write = database.write.bind(database)
    database.write = (each: Batch, giveUp?: AbortSignal) => {
      given ??= giveUp
      return write(each)
    }
    database.hang()
    await spooling.write(ticks(BTC, ...live(1, 2)))
    expect(given?.aborted).toBe(true)
    database.answer()
  })

  it('writes a batch again whose answer was lost', async () => {
    const { database, spooling, spool, idsStored } = start()
    database.losesAnswer = true
    await spooling.write(ticks(BTC, ...live(1, 2)))
    await expect.poll(() => spool.isEmpty).toBe(true)
    expect(idsStored()).toEqual([1, 2])
    expect(database.writes).toHaveLength(2)
  })

  it('refuses a batch that neither it nor the spool takes, and takes it later', async () => {
    const { database, spooling, spool, idsStored } = start()
    database.isAway = true
    spool.isFull = true
    await expect(spooling.write(ticks(BTC, ...live(1, 1)))).rejects.toMatchObject({ code: 'tier_unavailable' })
    database.isAway = false
    await spooling.write(ticks(BTC, ...live(1, 1)))
    expect(idsStored()).toEqual([1])
  })

  it('goes on with what an earlier process left, and registers its instruments first', async () => {
    const database = new FickleDatabase()
    const spool = new MemorySpool()
    await spool.append(ticks(ETH, ...live(1, 2)))
    const spooling = new SpoolingDatabase({ database, spool, log: createLogRecorder() })
    onTestFinished(() => spooling.close())
    await expect.poll(() => spool.isEmpty).toBe(true)
    expect(database.registered).toEqual([ETH])
    expect(database.stored.ticks).toHaveLength(2)
  })

  it('registers what was named while it was away before it writes', async () => {
    const { database, spooling, spool } = start()
    database.isAway = true
    await spooling.register([BTC])
    await spooling.write(ticks(BTC, ...live(1, 1)))
    database.isAway = false
    await expect.poll(() => spool.isEmpty).toBe(true)
    expect(database.registered).toEqual([BTC])
  })

  it('says each time when everything that waited is stored', async () => {
    let drained = 0
    const { database, spooling, spool } = start({ onDrained: () => drained++ })
    for (const id of [1, 2]) {
      database.isAway = true
      await spooling.write(ticks(BTC, ...live(id, id)))
      database.isAway = false
      await expect.poll(() => spool.isEmpty).toBe(true)
    }
    await expect.poll(() => drained).toBe(2)
  })

  it('does not take a row that was refused for an absence', async () => {
    const { database, spooling, spool } = start()
    database.write = async () => {
      throw new GatewayError('row_refused', 'no such price')
    }
    await expect(spooling.write(ticks(BTC, ...live(1, 1)))).rejects.toMatchObject({ code: 'row_refused' })
    expect(spool.isEmpty).toBe(true)
  })
})

describe('a database that does not let the gateway in any more', () => {
  it('is away, says why, and is used again when that is mended', async () => {
    const { database, spooling, spool, idsStored } = start()
    await spooling.write(ticks(BTC, ...live(1, 1)))
    const { write, ticksAfter } = database
    const refuse = async () => {
      throw new GatewayError('config_invalid', 'the database must let the gateway in, but: wrong password')
    }
    Object.assign(database, { write: refuse, ticksAfter: refuse })
    await expect(spooling.ticksAfter(BTC, 0, 9)).rejects.toMatchObject({ code: 'tier_unavailable' })
    await spooling.write(ticks(BTC, ...live(2, 2)))
    expect(spooling.status).toMatchObject({ state: 'away', reason: expect.stringContaining('wrong password') })
    Object.assign(database, { write, ticksAfter })
    await expect.poll(() => spool.isEmpty).toBe(true)
    expect(idsStored()).toEqual([1, 2])
    expect(spooling.status).toMatchObject({ state: 'open' })
  })
})

describe('a database with a spool that is closed', () => {
  async function closing(options: Partial<SpoolingDatabaseOptions>) {
    const database = new FickleDatabase()
    const spool = new MemorySpool()
    for (const id of [1, 2, 3]) await spool.append(ticks(BTC, ...live(id, id)))
    database.hang()
    const spooling = new SpoolingDatabase({ database, spool, log: createLogRecorder(), ...options })
    return { database, spool, closed: spooling.close(), ids: () => database.stored.ticks.map(({ id }) => id) }
  }

  it('gives what waits to a database that is there: whoever looks into that next sees all', async () => {
    const { database, spool, closed, ids } = await closing({ closeWithinMs: 10_000 })
    database.answer()
    await closed
    expect(ids()).toEqual([1, 2, 3])
    expect(spool.isEmpty).toBe(true)
  })

  it('leaves on disk what a database that hangs does not take in time', async () => {
    const { spool, closed } = await closing({ closeWithinMs: 20 })
    await closed
    expect(spool.isEmpty).toBe(false)
    expect(spool.isClosed).toBe(true)
  })

  it('does not wait for one that is away', async () => {
    const { database, spooling, spool } = start({ closeWithinMs: 600_000 })
    database.isAway = true
    await spooling.write(ticks(BTC, ...live(1, 1)))
    await spooling.close()
    expect(spool.isEmpty).toBe(false)
  })
})

describe('reads of a database with a spool', () => {
  async function halfway() {
    const parts = start()
    await parts.spooling.write(ticks(BTC, ...live(1, 5)))
    parts.database.isAway = true
    await parts.spooling.write(ticks(BTC, ...live(6, 9)))
    return parts
  }

  it('tell what waits and what is stored as one', async () => {
    const { database, spooling } = await halfway()
    database.hang()
    database.isAway = false
    const read = spooling.ticksAfter(BTC, 3, 4)
    database.answer()
    expect(await read.catch(() => spooling.ticksAfter(BTC, 3, 4))).toEqual(live(4, 7))
    expect(await spooling.ticksBefore(BTC, 8, 4)).toEqual(live(4, 7))
  })

  it('answer from the spool alone what it has, and refuse the rest', async () => {
    const { spooling } = await halfway()
    expect(await spooling.ticksAfter(BTC, 5, 9)).toEqual(live(6, 9))
    expect(await spooling.ticksAfter(BTC, 7, 1)).toEqual(live(8, 8))
    expect(await spooling.ticksBefore(BTC, 9, 3)).toEqual(live(6, 8))
    expect(await spooling.idFrom(BTC, NOON + 8)).toBe(8)
    await expect(spooling.ticksAfter(BTC, 4, 9)).rejects.toMatchObject({ code: 'tier_unavailable' })
    await expect(spooling.ticksBefore(BTC, 9, 4)).rejects.toMatchObject({ code: 'tier_unavailable' })
    await expect(spooling.idFrom(BTC, NOON + 6)).rejects.toMatchObject({ code: 'tier_unavailable' })
    await expect(spooling.candles(BTC, '1m', 9)).rejects.toMatchObject({ code: 'tier_unavailable' })
    await expect(spooling.gaps(BTC)).rejects.toMatchObject({ code: 'tier_unavailable' })
    expect(await spooling.waiting(BTC, 2)).toEqual({ first: live(6, 6)[0], ticks: live(8, 9), gaps: [] })
  })

  it('are not taken in by ticks that were found late', async () => {
    const { spooling } = await halfway()
    await spooling.write(ticks(BTC, update(2, { prev: 1, backfilled: true })))
    await expect(spooling.ticksAfter(BTC, 1, 9)).rejects.toMatchObject({ code: 'tier_unavailable' })
    expect(await spooling.ticksAfter(BTC, 5, 9)).toEqual(live(6, 9))
  })

  it('link each row to the stored one before it, wherever that is', async () => {
    const { database, spooling, spool } = start()
    await spooling.write(ticks(BTC, update(1)))
    await spool.append(ticks(BTC, update(5, { prev: 1 }), update(6, { prev: 5 })))
    await spool.append(ticks(BTC, update(3, { prev: 2, backfilled: true })))
    database.hang()
    const read = Promise.all([
      spooling.ticksAfter(BTC, 1, 9),
      spooling.ticksAfter(BTC, 3, 9),
      spooling.ticksBefore(BTC, 6, 1),
    ])
    database.answer()
    const [all, after, before] = await read
    expect(all.map(({ id, prev }) => [id, prev])).toEqual([
      [3, 1],
      [5, 3],
      [6, 5],
    ])
    expect(after.map(({ id, prev }) => [id, prev])).toEqual([
      [5, 3],
      [6, 5],
    ])
    expect(before.map(({ id, prev }) => [id, prev])).toEqual([[5, 3]])
  })

  it('do not wait for a database that hangs, once one has found out', async () => {
    const { database, spooling } = start({ commitWithinMs: 20 })
    database.hang()
    const waiting = spooling.candles(BTC, '1m', 9)
    const told = expect(waiting).rejects.toMatchObject({ code: 'tier_unavailable' })
    await spooling.write(ticks(BTC, ...live(1, 1)))
    await told
    await expect(spooling.gaps(BTC)).rejects.toMatchObject({ code: 'tier_unavailable' })
  })

  it('tell the newer state of a candle, and what was said last of a gap', async () => {
    const { database, spooling, spool } = start()
    const gap = { instrument: BTC, from: 3, to: 4, reason: undefined }
    const row = (time: number, fields: object) =>
      ({ instrument: BTC, timeframe: '1m', candle: candle(time, fields) }) as const
    await spooling.write(
      batch({
        candles: [row(NOON, { lastId: 9 }), row(NOON + 60_000, { lastId: 9 })],
        gaps: [{ ...gap, status: 'open' }],
      }),
    )
    database.hang()
    await spool.append(
      batch({
        candles: [row(NOON, { lastId: 8 }), row(NOON + 60_000, { lastId: 10 })],
        gaps: [{ ...gap, status: 'filled' }],
      }),
    )
    const read = Promise.all([spooling.candles(BTC, '1m', 9), spooling.gaps(BTC)])
    database.answer()
    const [candles, gaps] = await read
    expect(candles.map(({ lastId }) => lastId)).toEqual([9, 10])
    expect(gaps).toEqual([{ ...gap, status: 'filled' }])
  })
})
