import { afterAll, beforeAll, describe, inject } from 'vitest'
import './servers.ts'
import { createDatabase, dropDatabase } from './test-databases.ts'
import { leaveUntested } from './untested.ts'

/** The suite's own empty database; to be read inside of hooks and tests. */
export interface TestDatabase {
  readonly url: string
}

/** The suite's Redis, with the beginning of every key it may touch. */
export interface TestRedis {
  readonly url: string
  readonly keyPrefix: string
}

/** A suite that needs a real PostgreSQL: it gets a database of its own. Without a server it is skipped by name. */
export function describeWithPostgres(name: string, suite: (database: TestDatabase) => void): void {
  const { postgresql, databasePrefix } = inject('servers')
  if ('missing' in postgresql) {
    leaveUntested(name, postgresql.missing, () => suite({ url: '' }))
    return
  }
  describe(name, () => {
    const database = { url: '' }
    beforeAll(async () => {
      database.url = await createDatabase(postgresql.url, databasePrefix)
    })
    afterAll(() => dropDatabase(postgresql.url, database.url))
    suite(database)
  })
}

/** A suite that needs a real Redis: every key it writes begins with `keyPrefix`. Without a server it is skipped by name. */
export function describeWithRedis(name: string, suite: (redis: TestRedis) => void): void {
  const { redis, keyPrefix } = inject('servers')
  if ('missing' in redis) leaveUntested(name, redis.missing, () => suite({ url: '', keyPrefix }))
  else describe(name, () => suite({ url: redis.url, keyPrefix }))
}

/** A suite that starts a server of its own from a program on this machine, if there is one. */
export function describeWithProgram(name: string, program: string | undefined, suite: (program: string) => void): void {
  if (program === undefined) leaveUntested(name, 'the program is not on this machine', () => suite(''))
  else describe(name, () => suite(program))
}
