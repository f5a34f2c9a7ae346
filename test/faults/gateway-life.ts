import { cpSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pass } from 'node:timers/promises'
import { type BinanceTimeouts, createBinanceFeed } from '../../feeds/binance.ts'
import { describeError } from '../../src/base/errors.ts'
import { loadConfig } from '../../src/config.ts'
import { type Gateway, startGateway } from '../../src/gateway.ts'
import type { BinanceSimulator } from '../../src/simulate/binance.ts'
import { spoolDirectory } from '../../src/tiers/database/database-tier.ts'
import type { Life } from './life.ts'
import { openRelay, type Relay } from './relay.ts'
import type { Report } from './report.ts'
import { fillsInTime, losesUnseen, type Schedule } from './schedule.ts'
import { storeTheRest } from './store-the-rest.ts'

/** Silence is noticed within a schedule, and a question is given up within it. */
const TIMEOUTS: Partial<BinanceTimeouts> = {
  ...{ connectMs: 600, pingMs: 400, silenceMs: 900, requestMs: 600 },
  ...{ rotateSpreadMs: 100, overlapMs: 150, replace: { firstMs: 20, maxMs: 200 } },
}

/** A hole that no later trade shows is asked for within a schedule too. */
const QUIET_MS = 400
const NEVER_MS = 3_600_000

/** One gateway from its start to its end, with wires of its own to the database. */
interface Incarnation {
  readonly dataDir: string
  readonly stop: AbortController
  readonly database: Relay
  gateway: Gateway | undefined
  /** Settles when it serves, or was stopped before. */
  started: Promise<void>
}

export interface GatewayPlace {
  readonly schedule: Schedule
  readonly simulator: BinanceSimulator
  readonly databaseUrl: string
  /** More of its environment. */
  readonly env?: Readonly<Record<string, string>>
  /** For what they keep beside the database. */
  readonly directory: string
  /** Where the clients find it, whichever incarnation it is. */
  readonly clients: Relay
  readonly report: Report
}

/** A gateway that dies and comes again on the same store, as a supervisor of processes would have it. */
export class GatewayLife implements Life {
  readonly #place: GatewayPlace
  #now: Incarnation | undefined
  #count = 0
  /** The folder of the next one. */
  #folder = 1
  #ended = false
  /** Those that died may still be closing: they reach nobody. */
  readonly #graves: Promise<unknown>[] = []
  #changes: Promise<void> = Promise.resolve()

  constructor(place: GatewayPlace) {
    this.#place = place
  }

  /** Starts it if it is down, after whatever is under way. */
  start(): Promise<void> {
    return this.#next(async () => {
      if (this.#now === undefined && !this.#ended) this.#now = await this.#create()
    })
  }

  /** Memory, connections and what was not yet written are gone at once; the disk stays. It starts again after `downMs`. */
  crash(downMs: number): void {
    const { clients } = this.#place
    const dead = this.#now
    if (dead === undefined) return
    this.#now = undefined
    // One that died in this process still holds the lock of its own, and may write on: the next has what is there now.
    this.#folder++
    copyNow(spoolDirectory(dead.dataDir), spoolDirectory(this.#dataDir()))
    // One turn: whatever it still writes or says goes nowhere.
    clients.aim(undefined)
    clients.cut()
    this.#graves.push(dead.database.close(), end(dead))
    this.#startAfter(downMs)
  }

  /** Stops it as SIGTERM does; it starts again after `downMs`. */
  restart(downMs: number): Promise<void> {
    this.#startAfter(downMs, this.stop())
    return this.#changes
  }

  /** Stops it in good order. */
  stop(): Promise<void> {
    return this.#next(async () => {
      const stopped = this.#now
      if (stopped === undefined) return
      this.#now = undefined
      await end(stopped)
      this.#place.clients.aim(undefined)
      await stopped.database.close()
    })
  }

  storeTheRest(): Promise<void> {
    return this.#next(() => storeTheRest(this.#place.databaseUrl, this.#dataDir(), this.#place.report))
  }

  /** Cuts the wires to the database; new ones are refused for `ms`. */
  loseDatabase(ms: number): void {
    const database = this.#now?.database
    if (database === undefined) return
    database.aim(undefined)
    database.cut()
    setTimeout(() => database.aim(this.#databasePort()), ms)
  }

  /** Ends it for good. Resolves when nothing of any incarnation is left. */
  async close(): Promise<void> {
    this.#ended = true
    await this.stop()
    await Promise.all(this.#graves)
  }

  #startAfter(ms: number, ended: Promise<void> = Promise.resolve()): void {
    void ended.then(() => pass(ms)).then(() => this.start())
  }

  #next(change: () => Promise<void>): Promise<void> {
    this.#changes = this.#changes.then(change)
    return this.#changes
  }

  async #create(): Promise<Incarnation> {
    const { report } = this.#place
    const name = `gateway ${++this.#count}`
    report.say(`${name} starts`)
    const database = await openRelay(this.#databasePort())
    const stop = new AbortController()
    const incarnation: Incarnation = {
      ...{ dataDir: this.#dataDir(), stop, database, gateway: undefined },
      started: Promise.resolve(),
    }
    incarnation.started = this.#run(name, incarnation)
    return incarnation
  }

  /** Tries until it has started, as the database may be away; ends when it is stopped. */
  async #run(name: string, incarnation: Incarnation): Promise<void> {
    const { report, clients } = this.#place
    const { signal } = incarnation.stop
    while (!signal.aborted) {
      try {
        incarnation.gateway = await this.#startOnce(name, incarnation)
        return
      } catch (error) {
        report.say(`${name} did not start: ${describeError(error)}`)
        if (signal.aborted) return
        clients.aim(undefined)
        await pass(50)
      }
    }
  }

  #startOnce(name: string, { dataDir, database, stop }: Incarnation): Promise<Gateway> {
    const { schedule, simulator, databaseUrl, env, clients, report } = this.#place
    const relayed = new URL(databaseUrl)
    relayed.host = `127.0.0.1:${database.port}`
    const config = loadConfig({
      ...env,
      ...{ DATA_DIR: dataDir, PORT: '0', DATABASE_URL: relayed.href },
      ...{ CRYPTO_SYMBOLS: schedule.symbols.join(',') },
      ...{ HOLD_BACK_MS: String(schedule.holdBackMs), LATENESS_MS: String(schedule.latenessMs) },
    })
    const { streamUrl, restUrl } = simulator
    const timeouts = { ...TIMEOUTS, rotateMs: schedule.rotateMs }
    return startGateway({
      config,
      feeds: [createBinanceFeed({ symbols: config.cryptoSymbols, streamUrl, restUrl, timeouts })],
      dashboardDirectory: '',
      log: report.log(name),
      stop: stop.signal,
      ...quietOf(schedule),
      onServing({ url }) {
        if (!stop.signal.aborted) clients.aim(Number(new URL(url).port))
      },
    })
  }

  #dataDir(): string {
    return join(this.#place.directory, String(this.#folder))
  }

  #databasePort(): number {
    return Number(new URL(this.#place.databaseUrl).port || 5_432)
  }
}

/**
 * Where a question after a connect may find no answer in time, and nothing happens afterwards, it is as anywhere: the
 * stream is asked for again within seconds, but one that was answered is not before the run is judged.
 */
function quietOf(schedule: Schedule): { readonly quietMs?: number } {
  if (losesUnseen(schedule)) return { quietMs: QUIET_MS }
  return schedule.endsInSilence && !fillsInTime(schedule) ? {} : { quietMs: NEVER_MS }
}

async function end(incarnation: Incarnation): Promise<void> {
  incarnation.stop.abort(new Error('stopped'))
  await incarnation.started
  await incarnation.gateway?.close()
}

/** Copies a folder as it is in this turn. */
function copyNow(from: string, to: string): void {
  while (existsSync(from)) {
    try {
      cpSync(from, to, { recursive: true })
      return
    } catch (error) {
      // A file that is removed or renamed just then by a thread of the dead one: once more.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
      rmSync(to, { recursive: true, force: true })
    }
  }
}
