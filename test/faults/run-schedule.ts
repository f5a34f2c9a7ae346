import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BinanceSimulator, startBinanceSimulator } from '../../src/simulate/binance.ts'
import { type Cast, createCast } from './cast.ts'
import { GatewayLife } from './gateway-life.ts'
import { happen } from './happen.ts'
import type { Life } from './life.ts'
import { openRelay, type Relay } from './relay.ts'
import { Report } from './report.ts'
import type { Schedule } from './schedule.ts'
import type { Store } from './store.ts'
import type { Stored } from './stored.ts'
import { EVERYTHING, type Judged, judge } from './verdict.ts'

export interface Outcome {
  /** What should not have happened; empty when all is well. */
  readonly failures: readonly string[]
  readonly report: Report
  readonly ms: number
}

/** A machine that is busy with other things may take long; a gateway that does not start shows at the end. */
const FIRST_START_MS = 10_000

/** Processes come back slowly on a machine with a lot to do. */
const PLAYED_WITHIN_MS = 60_000

/** What a schedule plays with: everything on real sockets of this machine. */
export interface Stage extends Cast {
  readonly schedule: Schedule
  readonly life: Life
  readonly store: Stored
  readonly report: Report
}

/** What is there before the gateway. */
export interface Surroundings {
  readonly simulator: BinanceSimulator
  /** Where the clients find the gateway. */
  readonly clients: Relay
  readonly report: Report
}

/** A gateway and what it stores into. */
export interface Ground {
  readonly life: Life
  readonly store: Stored
  /** The faults go on until then at least, if it takes longer than the schedule. */
  readonly isPlayed?: (() => boolean) | undefined
  /** What happens beside the schedule's faults, from their beginning on. */
  readonly play?: (() => Promise<void>) | undefined
}

/** Plays a schedule with gateways in this process, on the emptied `store`. */
export async function runSchedule(schedule: Schedule, store: Store, judged: Judged = EVERYTHING): Promise<Outcome> {
  await store.clear()
  const directory = await mkdtemp(join(tmpdir(), 'tickgate-faults-'))
  try {
    const prepare = (around: Surroundings) => {
      return { store, life: new GatewayLife({ ...around, schedule, databaseUrl: store.url, directory }) }
    }
    return await runOn(schedule, prepare, judged)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Plays a schedule on a fresh exchange and empty ground, waits until all is quiet, and judges. */
export async function runOn(
  schedule: Schedule,
  prepare: (around: Surroundings) => Ground,
  judged: Judged,
): Promise<Outcome> {
  const began = performance.now()
  const report = new Report()
  const { seed, rate } = schedule
  const simulator = await startBinanceSimulator({ seed, rate, past: false, weightLimit: Number.POSITIVE_INFINITY })
  const clients = await openRelay()
  const { life, store, isPlayed = () => true, play: playMore } = prepare({ simulator, clients, report })
  const cast = createCast({ schedule, simulator, clients, report })
  const stage = { ...cast, schedule, life, store, report }
  try {
    await life.start()
    const haveBegun = () => cast.ledgers.every(({ last }) => typeof last === 'number')
    if (schedule.waits) await report.until(haveBegun, FIRST_START_MS)
    await Promise.all([play(stage), playMore?.()])
    await report.until(() => report.failures.length > 0 || isPlayed(), PLAYED_WITHIN_MS)
    await judge(stage, judged)
  } catch (error) {
    report.fail(`the run itself failed: ${error instanceof Error ? error.stack : error}`)
  } finally {
    cast.stop()
    await life.close()
    await clients.close()
    await simulator.close()
  }
  return { failures: report.failures, report, ms: performance.now() - began }
}

/** Lets every fault happen at its time. Resolves at the end of the schedule's time. */
async function play(stage: Stage): Promise<void> {
  const { schedule, report } = stage
  const timers = schedule.faults.map(({ atMs, fault }) =>
    setTimeout(() => {
      report.say(`=== ${JSON.stringify(fault)}`)
      happen(fault, stage)
    }, atMs),
  )
  const ended = performance.now() + schedule.lastsMs
  await report.until(() => report.failures.length > 0 || performance.now() >= ended, schedule.lastsMs)
  for (const timer of timers) clearTimeout(timer)
}
