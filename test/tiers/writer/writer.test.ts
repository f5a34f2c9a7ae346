import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/base/errors.ts'
import type { Batch, Gap } from '../../../src/tiers/database/database.ts'
import { createDatabaseWriter, type DatabaseWriterOptions } from '../../../src/tiers/writer/writer.ts'
import { BTC, candle, ETH, NOON, update, updates } from '../fixtures.ts'
import { createGatedDatabase } from './gated-database.ts'

const AWAY = new GatewayError('tier_unavailable', 'the database must answer, but it does not')
const ids = (batch: Batch) => batch.ticks.map(({ update: { id } }) => id)

function createSubject(options: Partial<DatabaseWriterOptions> = {}) {
  const database = createGatedDatabase()
  const durable: [string, number][] = []
  const dropped: Gap[] = []
  const writer = createDatabaseWriter({
    database,
    flushMs: 1,
    fullRows: 3,
    maxRows: 3,
    retry: { firstMs: 1, maxMs: 2 },
    onDurable: ({ symbol }, id) => durable.push([symbol, id]),
    onDropped: (gap) => dropped.push(gap),
    ...options,
  })
  const add = (first: number, last: number) => {
    for (const each of updates(first, last)) writer.tick(BTC, each)
  }
  return { database, durable, dropped, writer, add }
}

describe('the database writer', () => {
  it('writes in order, one batch at a time, and says what is durable after the commit only', async () => {
    const { database, durable, writer, add } = createSubject()
    add(1, 5)
    writer.tick(ETH, update(7, { symbol: 'ETH' }))
    const first = await database.begun(0)
    expect(ids(first.batch)).toEqual([1, 2, 3])
    add(6, 6)
    expect(database.writes).toHaveLength(1)
    expect(durable).toEqual([])
    expect(writer.backlog).toBe(7)
    first.succeed()
    const second = await database.begun(1)
    expect(durable).toEqual([['BTC', 3]])
    expect(ids(second.batch)).toEqual([4, 5, 7])
    second.succeed()
    const third = await database.begun(2)
    expect(ids(third.batch)).toEqual([6])
    expect(durable.slice(1)).toEqual([
      ['BTC', 5],
      ['ETH', 7],
    ])
    third.succeed()
    await writer.flush()
    expect(writer.backlog).toBe(0)
    expect(writer.stats).toMatchObject({ written: 7, batches: 3, failures: 0, dropped: 0 })
  })

  it('counts how large its batches were and how long each took', async () => {
    let time = NOON
    const { database, writer, add } = createSubject({ now: () => time })
    add(1, 3)
    const first = await database.begun(0)
    time += 40
    first.succeed()
    add(4, 5)
    ;(await database.begun(1)).fail(AWAY)
    const third = await database.begun(2)
    time += 3_000
    third.succeed()
    await writer.flush()
    const { batchRows, flushSeconds } = writer.stats
    expect(batchRows).toMatchObject({ count: 2, sum: 5 })
    expect(flushSeconds).toMatchObject({ count: 2, sum: 3.04 })
    expect(flushSeconds.counts[flushSeconds.bounds.indexOf(0.05)]).toBe(1)
    expect(flushSeconds.counts[flushSeconds.bounds.indexOf(10)]).toBe(1)
  })

  it('makes batches larger while more comes than is written, and small again afterwards', async () => {
    const { database, writer, add } = createSubject({ fullRows: 3, maxRows: 10, closeWithinMs: 10 })
    add(1, 30)
    ;(await database.begun(0)).succeed()
    // Nothing came meanwhile: what waits goes in small batches.
    const second = await database.begun(1)
    add(31, 34)
    second.succeed()
    const third = await database.begun(2)
    add(35, 90)
    third.succeed()
    const fourth = await database.begun(3)
    fourth.succeed()
    const fifth = await database.begun(4)
    expect(database.writes.map(({ batch }) => ids(batch).length)).toEqual([10, 3, 8, 10, 3])
    expect(database.writes.flatMap(({ batch }) => ids(batch))).toEqual(updates(1, 34).map(({ id }) => id))
    fifth.fail(AWAY)
    await writer.close()
  })

  it('keeps a batch that failed and writes it again before anything newer', async () => {
    const { database, durable, writer, add } = createSubject()
    add(1, 3)
    const first = await database.begun(0)
    add(4, 4)
    first.fail(AWAY)
    const again = await database.begun(1)
    expect(again.batch).toBe(first.batch)
    expect(durable).toEqual([])
    again.fail(new Error('anything else that is not a refused row'))
    ;(await database.begun(2)).succeed()
    const next = await database.begun(3)
    expect(ids(next.batch)).toEqual([4])
    next.succeed()
    await writer.flush()
    expect(writer.stats).toMatchObject({ written: 4, failures: 2 })
  })

  it('goes on after a refused row: the rest of its batch is stored', async () => {
    const { database, durable, writer, add } = createSubject()
    add(1, 2)
    ;(await database.begun(0)).fail(new GatewayError('row_refused', 'a row was left out'))
    await writer.flush()
    expect(database.writes).toHaveLength(1)
    expect(durable).toEqual([['BTC', 2]])
  })

  it('writes the newest state of a candle only, and each bucket once a batch', async () => {
    const { database, writer } = createSubject()
    for (const close of [1, 2, 3]) writer.candle({ instrument: BTC, timeframe: '1m', candle: candle(NOON, { close }) })
    writer.candle({ instrument: BTC, timeframe: '5m', candle: candle(NOON) })
    const { batch, succeed } = await database.begun(0)
    expect(batch.candles.map(({ timeframe, candle: { close } }) => [timeframe, close])).toEqual([
      ['1m', 3],
      ['5m', 2],
    ])
    succeed()
    await writer.flush()
  })

  it('flushes what was added before the call, not what came later', async () => {
    const { database, writer, add } = createSubject({ flushMs: 60_000 })
    add(1, 1)
    writer.gap({ instrument: BTC, from: 8, to: 9, status: 'open', reason: undefined })
    let flushed = false
    const flush = writer.flush().then(() => {
      flushed = true
    })
    const first = await database.begun(0)
    expect(first.batch.gaps).toHaveLength(1)
    add(2, 2)
    expect(flushed).toBe(false)
    first.succeed()
    await flush
    expect(writer.backlog).toBe(1)
    expect(database.writes).toHaveLength(1)
    const closed = writer.close()
    ;(await database.begun(1)).succeed()
    await closed
  })

  it('lets the oldest ticks leave past the bound, as one gap for one outage, and never a candle', async () => {
    const { database, dropped, writer, add } = createSubject({ bound: 10, maxRows: 3 })
    add(1, 3)
    const first = await database.begun(0)
    for (let minute = 0; minute < 20; minute += 1) {
      writer.candle({ instrument: BTC, timeframe: '1m', candle: candle(NOON + minute * 60_000) })
    }
    add(4, 18)
    expect(dropped.map(({ from, to }) => [from, to])).toEqual([4, 5, 6, 7, 8].map((id) => [id, id]))
    first.succeed()
    const stored: Batch[] = [first.batch]
    const flushed = writer.flush()
    for (let index = 1; index < 5; index += 1) {
      const { batch, succeed } = await database.begun(index)
      stored.push(batch)
      succeed()
    }
    await flushed
    expect(stored.flatMap(ids)).toEqual([1, 2, 3, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18])
    expect(stored.flatMap(({ candles }) => candles)).toHaveLength(20)
    expect(stored.flatMap(({ gaps }) => gaps)).toEqual([
      { instrument: BTC, from: 4, to: 8, status: 'open', reason: 'database backlog' },
    ])
    expect(writer.stats.dropped).toBe(5)
  })

  it('closes after writing what waits, and takes nothing afterwards', async () => {
    const { database, writer, add } = createSubject({ flushMs: 60_000 })
    add(1, 5)
    const closed = writer.close()
    ;(await database.begun(0)).succeed()
    ;(await database.begun(1)).succeed()
    await closed
    add(6, 9)
    await writer.close()
    expect(database.writes.flatMap(({ batch }) => ids(batch))).toEqual([1, 2, 3, 4, 5])
  })

  it('tries again at once when it is closed while it waits for a database that is back', async () => {
    const { database, writer, add } = createSubject({ retry: { firstMs: 3_600_000, maxMs: 3_600_000 } })
    add(1, 3)
    ;(await database.begun(0)).fail(AWAY)
    const closed = writer.close()
    ;(await database.begun(1)).succeed()
    await closed
    expect(writer.backlog).toBe(0)
  })

  it('closes within its bound when the database does not answer, and says what it leaves', async () => {
    const said: object[] = []
    const log = { warn: (fields: object) => void said.push(fields), info: () => undefined }
    const { database, writer, add } = createSubject({ log, closeWithinMs: 10 })
    add(1, 4)
    await database.begun(0)
    const flush = expect(writer.flush()).rejects.toMatchObject({ code: 'tier_unavailable' })
    await writer.close()
    await flush
    expect(said).toEqual([{ rows: 4 }])
  })
})
