import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWithProgram } from '../servers/describe.ts'
import { postgresqlBinaries, startPostgresql } from '../servers/postgresql.ts'
import { redisBinary, startRedis } from '../servers/redis.ts'
import { newDatabasePrefix } from '../servers/test-databases.ts'
import { type OwnServers, runThroughOutages } from './outage-run.ts'
import { describeOutages, outageScheduleOf } from './outage-schedule.ts'
import { describeFailure } from './outcome.ts'
import { Store } from './store.ts'
import { EVERYTHING } from './verdict.ts'

const SEEDS = Array.from({ length: 8 }, (_, index) => index + 1)

const programs = [postgresqlBinaries(process.env), redisBinary(process.env)]
const found = programs.includes(undefined) ? undefined : programs.join(' ')

describeWithProgram('PostgreSQL and Redis stopped and started in the middle of faults', found, () => {
  const [binaries, redis] = programs
  let servers: OwnServers
  let store: Store
  beforeAll(async () => {
    servers = { postgresql: await startPostgresql(binaries!), redis: await startRedis(redis!) }
    store = await Store.create(servers.postgresql.url, newDatabasePrefix(), { durable: true })
  })
  afterAll(async () => {
    await store.drop()
    await servers.redis.stop()
    await servers.postgresql.stop()
  })

  it.each(SEEDS)('cost no client and no row anything in schedule %i', { timeout: 900_000 }, async (seed) => {
    const schedule = outageScheduleOf(seed)
    const outcome = await runThroughOutages(schedule, store, servers, EVERYTHING)
    if (outcome.failures.length > 0) expect.fail(`${describeOutages(schedule)}\n${describeFailure(schedule, outcome)}`)
  })
})
