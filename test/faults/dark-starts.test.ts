import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWithProgram } from '../servers/describe.ts'
import type { LaunchedServer } from '../servers/launch.ts'
import { postgresqlBinaries, startPostgresql } from '../servers/postgresql.ts'
import { newDatabasePrefix } from '../servers/test-databases.ts'
import { killOnPostgresql } from './kill-run.ts'
import { playOutages } from './outage-run.ts'
import { darkScheduleOf, describeOutages } from './outage-schedule.ts'
import { describeFailure } from './outcome.ts'
import { Store } from './store.ts'
import { EVERYTHING } from './verdict.ts'

const SEEDS = Array.from({ length: Number(process.env.DARK_SEEDS ?? 6) }, (_, index) => index + 1)

const binaries = postgresqlBinaries(process.env)

describeWithProgram('a gateway that is killed while PostgreSQL is down, and starts without it', binaries, () => {
  let postgresql: LaunchedServer
  let store: Store
  beforeAll(async () => {
    postgresql = await startPostgresql(binaries!)
    store = await Store.create(postgresql.url, newDatabasePrefix(), { durable: true })
  })
  afterAll(async () => {
    await store.drop()
    await postgresql.stop()
  })

  it.each(SEEDS)('loses and doubles nothing in schedule %i', { timeout: 900_000 }, async (seed) => {
    const schedule = darkScheduleOf(seed)
    const outcome = await killOnPostgresql(schedule, store, EVERYTHING, (life, report) =>
      playOutages(schedule, { postgresql }, life, report),
    )
    if (outcome.failures.length > 0) expect.fail(`${describeOutages(schedule)}\n${describeFailure(schedule, outcome)}`)
  })
})
