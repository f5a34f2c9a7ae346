import { type CompiledQuery, Kysely } from 'kysely'
import { describe, expect, it } from 'vitest'
import { createDialect } from '../../../src/tiers/database/dialect.ts'
import { migrateDatabase, openDatabase } from '../../../src/tiers/database/open-database.ts'
import { createPostgresqlSource } from '../../../src/tiers/database/postgresql.ts'
import { readTicksAfter } from '../../../src/tiers/database/reads.ts'
import type { Tables } from '../../../src/tiers/database/schema.ts'
import { describeWithPostgres } from '../../servers/describe.ts'
import { freePort } from '../../servers/launch.ts'
import { runStatements } from '../../servers/postgresql.ts'
import { BTC, batch, ETH, ticks, update, updates } from '../fixtures.ts'
import { describeDatabase } from './describe-database.ts'

describeWithPostgres('a PostgreSQL server', (server) => {
  describeDatabase('PostgreSQL', (options) => openDatabase({ databaseUrl: server.url, ...options }))
})

describeWithPostgres('a PostgreSQL server with several users', (server) => {
  it('is migrated once by two who start at once', async () => {
    const applied = await Promise.all([1, 2, 3].map(() => migrateDatabase({ databaseUrl: server.url })))
    expect(applied.flat()).toEqual(['0001-market', '0002-candle-coverage', '0003-observations'])
  })

  it('takes the same ticks from two writers, the first content of each', async () => {
    const first = await openDatabase({ databaseUrl: server.url })
    const second = await openDatabase({ databaseUrl: server.url })
    for (const database of [first, second]) await database.register([BTC])
    await first.write(ticks(BTC, ...updates(1, 3)))
    await second.write(ticks(BTC, update(2, { price: 1, time: 5 }), update(3, { price: 1 }), update(4)))
    expect((await first.ticksAfter(BTC, 0, 9)).map(({ id, price }) => [id, price])).toEqual([
      [1, 100.01],
      [2, 100.02],
      [3, 100.03],
      [4, 100.04],
    ])
    await Promise.all([first.close(), second.close()])
  })

  it('may end every connection: that is reported, and the next call goes on', async () => {
    const reports: string[] = []
    const report = ({ code }: { code: string }) => void reports.push(code)
    const database = await openDatabase({ databaseUrl: server.url, report })
    await database.register([ETH])
    await runStatements(server.url, [
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'tickgate' and datname = current_database()",
    ])
    // The end reaches an idle client whenever the socket is read: until then the call may still go to the dead one.
    await database.write(ticks(ETH, update(1))).catch((error) => expect(error.code).toBe('tier_unavailable'))
    await database.write(ticks(ETH, update(1)))
    expect((await database.ticksAfter(ETH, 0, 9)).map(({ id }) => id)).toEqual([1])
    expect(reports).toContain('tier_unavailable')
    await database.close()
  })

  it('reads ticks in the order of the index, however little the planner knows', async () => {
    await (await openDatabase({ databaseUrl: server.url })).close()
    const source = createPostgresqlSource({ databaseUrl: server.url, report: () => undefined })
    const asked: CompiledQuery[] = []
    const kysely = new Kysely<Tables>({ dialect: createDialect(source), log: ({ query }) => void asked.push(query) })
    await readTicksAfter(kysely, { instrumentId: 1, symbol: 'BTC' }, 5, 10)
    const connection = await source.acquire()
    const { rows } = await connection.query(`explain ${asked[0]?.sql}`, asked[0]?.parameters)
    const plan = JSON.stringify(rows)
    expect(plan).toContain('Merge Append')
    expect(plan).not.toMatch(/Bitmap|Seq Scan/)
    // A server that compiles what it deems dear would take a second for every page.
    expect(plan).not.toContain('JIT')
    source.release(connection)
    await source.close()
  })
})

describeWithPostgres('a PostgreSQL server whose wire is cut in the middle of a transaction', (server) => {
  it('ends it: the locks that it held keep nobody from writing the same rows again', async () => {
    const source = createPostgresqlSource({
      ...{ databaseUrl: server.url, report: () => undefined, silentTransactionMs: 300, queryTimeoutMs: 5_000 },
    })
    await runStatements(server.url, ['create table locked (id int primary key)'])
    const silent = await source.acquire()
    await silent.query('begin')
    await silent.query('insert into locked values (1)')
    const next = await source.acquire()
    await next.query('insert into locked values (1)')
    await expect(silent.query('commit')).rejects.toThrow()
    for (const connection of [silent, next]) source.release(connection)
    await source.close()
  })

  it('notices at its end too that nobody is there any more', async () => {
    const source = createPostgresqlSource({ databaseUrl: server.url, report: () => undefined })
    const connection = await source.acquire()
    const { rows } = await connection.query("select current_setting('tcp_keepalives_idle') as idle")
    expect(rows).toEqual([{ idle: '5' }])
    source.release(connection)
    await source.close()
  })
})

describeWithPostgres('a PostgreSQL server that is slow', (server) => {
  it.each([
    ['ticks and a gap', ticks(BTC, update(4))],
    ['a gap alone', batch({})],
  ])(
    'commits nothing of a batch (%s) that was given up meanwhile: what is known of the gap may be newer by then',
    async (_, rows) => {
      const database = await openDatabase({ databaseUrl: server.url })
      await database.register([BTC])
      const source = createPostgresqlSource({ databaseUrl: server.url, report: () => undefined })
      const slow = await source.acquire()
      await slow.query('begin')
      await slow.query('lock table gaps in access exclusive mode')
      const giveUp = new AbortController()
      const gap = { instrument: BTC, from: 5, to: 9, status: 'open', reason: 'missed' } as const
      const written = database.write({ ...rows, gaps: [gap] }, giveUp.signal)
      const waiting = "select 1 from pg_locks where relation = 'gaps'::regclass and not granted"
      await expect.poll(async () => (await slow.query(waiting)).rows.length).toBe(1)
      const refused = expect(written).rejects.toThrow('given up')
      giveUp.abort(new Error('given up'))
      await slow.query('commit')
      await refused
      expect(await database.gaps(BTC)).toEqual([])
      expect(await database.ticksAfter(BTC, 0, 9)).toEqual([])
      source.release(slow)
      await Promise.all([source.close(), database.close()])
    },
  )
})

describe('a PostgreSQL server that is not there', () => {
  it('is worth another try', async () => {
    const databaseUrl = `postgres://someone:secret@127.0.0.1:${await freePort()}/prices`
    const error = await openDatabase({ databaseUrl }).catch((thrown) => thrown)
    expect(error).toMatchObject({ code: 'tier_unavailable' })
    expect(error.message).not.toContain('secret')
  })
})

describeWithPostgres('a PostgreSQL server that refuses', (server) => {
  it('is a matter of the configuration', async () => {
    const url = new URL(server.url)
    url.pathname = '/no_such_database'
    await expect(openDatabase({ databaseUrl: url.href })).rejects.toMatchObject({ code: 'config_invalid' })
  })
})
