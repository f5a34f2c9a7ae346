import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWithPostgres } from '../servers/describe.ts'
import { newDatabasePrefix } from '../servers/test-databases.ts'
import { describeFailure } from './outcome.ts'
import { runSchedule } from './run-schedule.ts'
import { scheduleOf } from './schedule.ts'
import { Stores } from './stores.ts'

/** Always the same: what CI tries must not depend on the day. Others are for `npm run test:soak`. */
const SEEDS = Array.from({ length: 180 }, (_, index) => index + 1)

describeWithPostgres('every client and the store get exactly the trades of the exchange, in order', (database) => {
  let stores: Stores
  beforeAll(() => {
    stores = new Stores(database.url, newDatabasePrefix())
  })
  afterAll(() => stores.drop())

  it.concurrent.each(SEEDS)('whatever happens in schedule %i', { timeout: 900_000 }, async (seed) => {
    const schedule = scheduleOf(seed)
    const outcome = await stores.lend((store) => runSchedule(schedule, store))
    if (outcome.failures.length > 0) expect.fail(describeFailure(schedule, outcome))
  })
})
