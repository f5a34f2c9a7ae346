import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Program } from '../fakes/program.ts'
import { postgresqlBinaries, startPostgresql } from '../servers/postgresql.ts'
import { redisBinary, startRedis } from '../servers/redis.ts'
import { newDatabasePrefix } from '../servers/test-databases.ts'
import { killOnEmbedded, killOnPostgresql } from './kill-run.ts'
import { describeKills, killScheduleOf } from './kill-schedule.ts'
import { playOutages, runThroughOutages } from './outage-run.ts'
import { darkScheduleOf, describeOutages, outageScheduleOf } from './outage-schedule.ts'
import type { Outcome } from './run-schedule.ts'
import type { Schedule } from './schedule.ts'
import { Store } from './store.ts'
import type { Stores } from './stores.ts'
import type { Judged } from './verdict.ts'

/** Schedules of one kind besides the plain ones, played by seed; one after the other, unless it says that it is many. */
export interface SoakKind {
  readonly isParallel: boolean
  readonly play: (
    seed: number,
  ) => Promise<{ readonly schedule: Schedule; readonly more: string; readonly outcome: Outcome }>
  readonly end: () => Promise<void>
}

export const SOAK_KINDS = { kills, outages, dark } as const

/** Gateways as processes, killed: with odd seeds on an embedded database, with even ones on PostgreSQL. */
async function kills(judged: Judged, stores: Stores): Promise<SoakKind> {
  const template = await mkdtemp(join(tmpdir(), 'tickgate-template-'))
  await new Program(['migrate'], { DATA_DIR: template }).ended
  return {
    isParallel: true,
    async play(seed) {
      const schedule = killScheduleOf(seed)
      const isEmbedded = seed % 2 === 1
      const outcome = isEmbedded
        ? await killOnEmbedded(schedule, template, judged)
        : await stores.lend((store) => killOnPostgresql(schedule, store, judged))
      return { schedule, more: describeKills(schedule), outcome }
    },
    end: () => rm(template, { recursive: true, force: true }),
  }
}

/** PostgreSQL and Redis stopped and started. */
async function outages(judged: Judged): Promise<SoakKind> {
  const redis = await startRedis(redisBinary(process.env)!)
  const { postgresql, store, end } = await ownPostgresql()
  return {
    isParallel: false,
    async play(seed) {
      const schedule = outageScheduleOf(seed)
      const outcome = await runThroughOutages(schedule, store, { postgresql, redis }, judged)
      return { schedule, more: describeOutages(schedule), outcome }
    },
    end: () => end().then(() => redis.stop()),
  }
}

/** Gateways as processes, killed while PostgreSQL is down, and started without it. */
async function dark(judged: Judged): Promise<SoakKind> {
  const { postgresql, store, end } = await ownPostgresql()
  return {
    isParallel: false,
    async play(seed) {
      const schedule = darkScheduleOf(seed)
      const outcome = await killOnPostgresql(schedule, store, judged, (life, report) =>
        playOutages(schedule, { postgresql }, life, report),
      )
      return { schedule, more: describeOutages(schedule), outcome }
    },
    end,
  }
}

async function ownPostgresql() {
  const postgresql = await startPostgresql(postgresqlBinaries(process.env)!)
  const store = await Store.create(postgresql.url, newDatabasePrefix(), { durable: true })
  return { postgresql, store, end: () => store.drop().then(() => postgresql.stop()) }
}
