import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { LOCK_MS } from '../../../src/tiers/cache/load-once.ts'
import { redisAddress } from '../../../src/tiers/redis/redis-address.ts'
import { describeWithPostgres, describeWithRedis } from '../../servers/describe.ts'
import { runStatements } from '../../servers/postgresql.ts'
import { type CacheProcess, startCacheProcesses } from './cache-processes.ts'

const PROCESSES = 4
const READERS = 10_000
/** Each of them compiles what it imports. */
const STARTED_WITHIN_MS = 90_000

describeWithPostgres('a stampede on PostgreSQL', (database) => {
  describeWithRedis('of four processes on one Redis', ({ url, keyPrefix }) => {
    let processes: readonly CacheProcess[] = []

    beforeAll(async () => {
      await runStatements(database.url, ['create sequence loads'])
      const redis = redisAddress({ redisUrl: url, redisPort: 0 })
      if (redis === undefined) throw new Error('a URL must be an address')
      processes = await startCacheProcesses(PROCESSES, { redis, keyPrefix, databaseUrl: database.url })
    }, STARTED_WITHIN_MS)
    beforeEach(async () => {
      await runStatements(database.url, ['alter sequence loads restart'])
    })
    afterAll(async () => {
      await Promise.all(processes.map((process) => process.kill()))
    })

    /** As the database itself has counted them. */
    const queries = async () => {
      const [row] = await runStatements(database.url, ['select last_value, is_called from loads'])
      return row?.is_called ? Number(row.last_value) : 0
    }

    test('of ten thousand readers each is one query, and all of them are answered with it', async () => {
      const order = { symbol: 'BTC', readers: READERS, seconds: 0.03 }
      const outcomes = await Promise.all(processes.map((process) => process.load(order)))
      for (const outcome of outcomes) expect(outcome).toMatchObject({ answered: READERS, failed: 0, cursors: [1] })
      expect(await queries()).toBe(1)
      const slowest = Math.max(...outcomes.map(({ ms }) => ms))
      console.log(`stampede: ${PROCESSES} processes x ${READERS} readers: 1 query, ${slowest.toFixed(0)} ms`)
    })

    test('on a load that is slower than the life of its lock is one query', async () => {
      const order = { symbol: 'ETH', readers: 100, seconds: (2.5 * LOCK_MS) / 1_000 }
      const outcomes = await Promise.all(processes.map((process) => process.load(order)))
      for (const outcome of outcomes) expect(outcome).toMatchObject({ answered: 100, cursors: [1] })
      expect(await queries()).toBe(1)
    })

    test('whose loader is killed is one query more, within the life of its lock', async () => {
      const [loader, ...others] = processes as [CacheProcess, ...CacheProcess[]]
      const killed = loader.load({ symbol: 'SOL', readers: 10, seconds: 10 }).catch(() => 'killed')
      while ((await queries()) === 0) await delay(5)
      const order = { symbol: 'SOL', readers: READERS, seconds: 0.03 }
      const answers = Promise.all(others.map((process) => process.load(order)))
      await loader.kill()
      expect(await killed).toBe('killed')
      const outcomes = await answers
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ answered: READERS, failed: 0, cursors: [2] })
        expect(outcome.ms).toBeLessThan(LOCK_MS + 1_500)
      }
      expect(await queries()).toBe(2)
      console.log(`loader killed: answered after ${Math.max(...outcomes.map(({ ms }) => ms)).toFixed(0)} ms`)
    })
  })
})
