import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pass } from 'node:timers/promises'
import type { LaunchedServer } from '../servers/launch.ts'
import { GatewayLife } from './gateway-life.ts'
import type { Life } from './life.ts'
import type { OutageSchedule } from './outage-schedule.ts'
import type { Report } from './report.ts'
import { type Outcome, runOn, type Surroundings } from './run-schedule.ts'
import type { Store } from './store.ts'
import type { Judged } from './verdict.ts'

/** The servers behind the gateway, this run's own. */
export interface OwnServers {
  readonly postgresql: LaunchedServer
  readonly redis: LaunchedServer
}

/** Plays a schedule while the servers behind the gateway are stopped and started. */
export async function runThroughOutages(
  schedule: OutageSchedule,
  store: Store,
  servers: OwnServers,
  judged: Judged,
): Promise<Outcome> {
  await store.clear()
  const directory = await mkdtemp(join(tmpdir(), 'tickgate-faults-'))
  const env = { REDIS_URL: servers.redis.url }
  try {
    const prepare = (around: Surroundings) => {
      const life = new GatewayLife({ ...around, schedule, databaseUrl: store.url, directory, env })
      return { store, life, play: () => playOutages(schedule, servers, life, around.report) }
    }
    return await runOn(schedule, prepare, judged)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Stops and starts the servers, and kills the gateway while they are down. */
export async function playOutages(
  { outages }: OutageSchedule,
  servers: Partial<OwnServers>,
  life: Life,
  report: Report,
): Promise<void> {
  const began = performance.now()
  for (const { atMs, server: name, signal, downMs, kills = [] } of outages) {
    const server = servers[name]
    if (server === undefined) throw new Error(`a schedule that stops ${name} must have one`)
    await pass(Math.max(0, began + atMs - performance.now()))
    report.say(`=== ${signal} to ${name}`)
    await server.halt(signal)
    const halted = performance.now()
    for (const kill of kills) {
      await pass(kill.afterMs)
      report.say('=== kill -9')
      life.crash(kill.downMs)
    }
    await pass(Math.max(0, halted + downMs - performance.now()))
    await server.revive()
    report.say(`=== ${name} is back`)
  }
}
