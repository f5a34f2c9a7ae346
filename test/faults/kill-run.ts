import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmbeddedStore } from './embedded-store.ts'
import type { KillSchedule } from './kill-schedule.ts'
import type { Life } from './life.ts'
import { ProcessLife } from './process-life.ts'
import { openRelay } from './relay.ts'
import type { Report } from './report.ts'
import { type Outcome, runOn, type Surroundings } from './run-schedule.ts'
import type { Store } from './store.ts'
import type { Judged } from './verdict.ts'

/**
 * Plays a schedule with the gateway as a process of its own, on PostgreSQL; `play`: what happens beside its faults, with
 * the gateway in hand.
 */
export async function killOnPostgresql(
  schedule: KillSchedule,
  store: Store,
  judged: Judged,
  play?: (life: Life, report: Report) => Promise<void>,
): Promise<Outcome> {
  await store.clear()
  const url = new URL(store.url)
  const port = Number(url.port || 5_432)
  const relay = await openRelay(port)
  url.host = `127.0.0.1:${relay.port}`
  const database = { relay, url: url.href, port }
  try {
    return await inDirectory((dataDir) => {
      const prepare = (around: Surroundings) => {
        const life = new ProcessLife({ ...around, schedule, dataDir, database })
        return { life, store, isPlayed: () => life.isKilled, play: play && (() => play(life, around.report)) }
      }
      return runOn(schedule, prepare, judged)
    })
  } finally {
    await relay.close()
  }
}

/** Plays a schedule with the gateway as a process of its own, on an embedded database: a copy of `template`, or new. */
export function killOnEmbedded(schedule: KillSchedule, template: string | undefined, judged: Judged): Promise<Outcome> {
  return inDirectory(async (dataDir) => {
    if (template !== undefined) await cp(template, dataDir, { recursive: true })
    let store: EmbeddedStore | undefined
    const prepare = (around: Surroundings) => {
      store = new EmbeddedStore(dataDir, `http://127.0.0.1:${around.clients.port}`)
      const life = new ProcessLife({ ...around, schedule, dataDir })
      return { life, store, isPlayed: () => life.isKilled }
    }
    const outcome = await runOn(schedule, prepare, judged)
    await store?.close()
    return outcome
  })
}

/** With a folder whose name has a space, as a user's may have. */
async function inDirectory(run: (directory: string) => Promise<Outcome>): Promise<Outcome> {
  const directory = await mkdtemp(join(tmpdir(), 'tickgate kill '))
  try {
    return await run(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
