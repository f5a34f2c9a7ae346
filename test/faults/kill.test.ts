import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Program } from '../fakes/program.ts'
import { describeWithPostgres } from '../servers/describe.ts'
import { newDatabasePrefix } from '../servers/test-databases.ts'
import { killOnEmbedded, killOnPostgresql } from './kill-run.ts'
import { describeKills, type KillSchedule, killScheduleOf } from './kill-schedule.ts'
import { describeFailure } from './outcome.ts'
import type { Outcome } from './run-schedule.ts'
import { Stores } from './stores.ts'
import { createTurns } from './turns.ts'
import { EVERYTHING } from './verdict.ts'

/** Processes start slowly when many do at the same time. */
const turns = createTurns(3)

/** A schedule waits for its turn in this time too. */
const timeout = 1_200_000

const seedsOf = (first: number) => Array.from({ length: 10 }, (_, index) => first + 2 * index)

function expectWell(schedule: KillSchedule, outcome: Outcome): void {
  const command = `npm test -- test/faults/kill.test.ts -t 'schedule ${schedule.seed}$'`
  if (outcome.failures.length > 0)
    expect.fail(`${describeFailure(schedule, outcome, command)}\n${describeKills(schedule)}`)
}

describe('a gateway on the embedded database that is killed in the middle of faults', () => {
  let template: string
  beforeAll(async () => {
    template = await mkdtemp(join(tmpdir(), 'tickgate-template-'))
    const making = new Program(['migrate'], { DATA_DIR: template })
    expect(await making.ended, making.err).toBe(0)
  }, 60_000)
  afterAll(() => rm(template, { recursive: true, force: true }))

  it.concurrent.each(seedsOf(1))('loses and doubles nothing in schedule %i', { timeout }, async (seed) => {
    const schedule = killScheduleOf(seed)
    expectWell(schedule, await turns.take(() => killOnEmbedded(schedule, template, EVERYTHING)))
  })

  it.concurrent('begins anew when it is killed while its database is made', { timeout }, async () => {
    const kills = [500, 1_500].map((ms) => ({ since: 'start', ms, downMs: 0 }) as const)
    const schedule = { ...killScheduleOf(0), faults: [], kills }
    expectWell(schedule, await turns.take(() => killOnEmbedded(schedule, undefined, EVERYTHING)))
  })
})

describeWithPostgres('a gateway on PostgreSQL that is killed in the middle of faults', (database) => {
  let stores: Stores
  beforeAll(() => {
    stores = new Stores(database.url, newDatabasePrefix())
  })
  afterAll(() => stores.drop())

  it.concurrent.each(seedsOf(2))('loses and doubles nothing in schedule %i', { timeout }, async (seed) => {
    const schedule = killScheduleOf(seed)
    const play = () => stores.lend((store) => killOnPostgresql(schedule, store, EVERYTHING))
    expectWell(schedule, await turns.take(play))
  })
})
