import { afterEach, beforeEach, expect, it } from 'vitest'
import { createBatchWriter } from '../../../src/tiers/database/batch-writer.ts'
import type { Connection, ConnectionSource } from '../../../src/tiers/database/connection.ts'
import { migrateDatabase } from '../../../src/tiers/database/open-database.ts'
import { createPostgresqlSource } from '../../../src/tiers/database/postgresql.ts'
import type { StoredBatch } from '../../../src/tiers/database/refusals.ts'
import { describeWithPostgres } from '../../servers/describe.ts'
import { runStatements } from '../../servers/postgresql.ts'
import { update, updates } from '../fixtures.ts'

/** A source that tells of what is asked, and lets a test do something right before the next transactions. */
function watched(source: ConnectionSource) {
  const asked: string[] = []
  const before: (() => Promise<unknown>)[] = []
  const acquire = async (): Promise<Connection> => {
    const connection = await source.acquire()
    const through: Connection = {
      query(sql, parameters) {
        asked.push('query')
        return connection.query(sql, parameters)
      },
      async transaction(statements, end) {
        asked.push('transaction')
        await before.shift()?.()
        await connection.transaction(statements, end)
      },
    }
    originals.set(through, connection)
    return through
  }
  const originals = new Map<Connection, Connection>()
  const release = (through: Connection) => source.release(originals.get(through) ?? through)
  return { asked, before, source: { ...source, acquire, release } }
}

describeWithPostgres('the writer of batches', (server) => {
  let source: ConnectionSource
  beforeEach(async () => {
    await migrateDatabase({ databaseUrl: server.url })
    await runStatements(server.url, ['truncate ticks'])
    source = createPostgresqlSource({ databaseUrl: server.url, report: () => undefined })
  })
  afterEach(() => source.close())

  const batch = (...of: readonly ReturnType<typeof update>[]): StoredBatch => ({
    ticks: [{ instrumentId: 1, updates: of }],
    observations: [],
    candles: [],
    gaps: [],
  })
  const storedPrices = async () => {
    const rows = await runStatements(server.url, ['select id::int, price from ticks order by id'])
    return rows.map(({ id, price }) => [id, price])
  }
  /** Another process, which stores this tick with a price of its own. */
  const rival = (id: number) => createBatchWriter(source).write(batch(update(id, { price: 1 })))

  it('asks nothing of ticks above everything that is stored', async () => {
    const { asked, source: own } = watched(source)
    const writer = createBatchWriter(own)
    writer.stored(1, 9)
    await writer.write(batch(...updates(10, 12)))
    await writer.write(batch(...updates(13, 15)))
    expect(asked).toEqual(['transaction', 'transaction'])
  })

  it('writes nothing of a batch that is stored already', async () => {
    const { asked, source: own } = watched(source)
    await createBatchWriter(source).write(batch(...updates(1, 5)))
    const writer = createBatchWriter(own)
    writer.stored(1, 5)
    expect(await writer.write(batch(...updates(1, 5)))).toEqual({ refused: [], conflicts: [] })
    expect(asked).toEqual(['query'])
  })

  it('asks once which ticks are stored, and how, when another process stored some of many, and keeps the first of each', async () => {
    const { asked, source: own } = watched(source)
    const writer = createBatchWriter(own)
    for (const id of [7, 1_500, 2_999]) await rival(id)
    const { conflicts } = await writer.write(batch(...updates(1, 3_000)))
    const prices = await storedPrices()
    expect(prices.map(([id]) => id)).toEqual(updates(1, 3_000).map(({ id }) => id))
    expect(prices.filter(([, price]) => price === 1).map(([id]) => id)).toEqual([7, 1_500, 2_999])
    expect(conflicts.map(({ row }) => 'update' in row && row.update.id)).toEqual([7, 1_500, 2_999])
    expect(asked).toEqual(['transaction', 'query', 'transaction'])
  })

  it('stores each tick once although another process stores one whenever it has just asked', async () => {
    const { before, source: own } = watched(source)
    const writer = createBatchWriter(own)
    before.push(
      () => rival(1),
      () => rival(2),
      () => rival(3),
    )
    await writer.write(batch(...updates(1, 5)))
    expect(await storedPrices()).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 100.04],
      [5, 100.05],
    ])
  })

  it('fills a gap of ids behind the newest, beside some that are stored', async () => {
    const writer = createBatchWriter(source)
    await writer.write(batch(update(1), update(40), update(2_000)))
    await writer.write(batch(...updates(2, 60), update(2_001)))
    expect((await storedPrices()).map(([id]) => id)).toEqual([...updates(1, 60).map(({ id }) => id), 2_000, 2_001])
  })

  it('takes ticks in whatever order they come, the first of each id', async () => {
    const writer = createBatchWriter(source)
    await writer.write(batch(update(3), update(1, { price: 5 }), update(2), update(1, { price: 6 })))
    expect(await storedPrices()).toEqual([
      [1, 5],
      [2, 100.02],
      [3, 100.03],
    ])
  })
})
