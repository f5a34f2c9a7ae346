import { setTimeout as pass } from 'node:timers/promises'
import type { BinanceSimulator } from '../../src/simulate/binance.ts'
import { Program } from '../fakes/program.ts'
import type { Kill, KillSchedule } from './kill-schedule.ts'
import type { Life } from './life.ts'
import type { Relay } from './relay.ts'
import type { Report } from './report.ts'
import { storeTheRest } from './store-the-rest.ts'

export interface ProcessPlace {
  readonly schedule: KillSchedule
  readonly simulator: BinanceSimulator
  /** Of this life alone: the embedded database is in it when there is no other. */
  readonly dataDir: string
  /** The wire to PostgreSQL, and its URL over that wire. */
  readonly database?: { readonly relay: Relay; readonly url: string; readonly port: number } | undefined
  /** Where the clients find it, whichever process it is. */
  readonly clients: Relay
  readonly report: Report
}

/** On a machine with a lot to do, a process is at work after so long at the latest. */
const STARTS_WITHIN_MS = 40_000

/** What is waited for may be kept away by a fault: then it goes on without. */
const MOMENT_WITHIN_MS = 10_000

const AGAIN_AFTER_MS = 100
const MOST_PROCESSES = 20

/** The gateway as a process of its own, killed by `kill -9` as the schedule says, and started again. */
export class ProcessLife implements Life {
  readonly #place: ProcessPlace
  readonly #kills: Kill[]
  #program: Program | undefined
  /** Clients have been let in to it. */
  #serving: Program | undefined
  #hasBegun = false
  #count = 0
  #ended = false
  #changes: Promise<void> = Promise.resolve()

  constructor(place: ProcessPlace) {
    this.#place = place
    this.#kills = [...place.schedule.kills]
  }

  /** Every kill of the schedule has happened. */
  get isKilled(): boolean {
    return this.#kills.length === 0
  }

  start(): Promise<void> {
    return this.#next(async () => {
      if (this.#program === undefined && !this.#ended) await this.#spawn()
    })
  }

  crash(downMs: number): void {
    const program = this.#leave()
    if (program === undefined) return
    const killed = program.kill('SIGKILL')
    void this.#next(async () => void (await killed))
    this.#startAfter(downMs)
  }

  restart(downMs: number): Promise<void> {
    void this.stop()
    return this.#startAfter(downMs)
  }

  loseDatabase(ms: number): void {
    const { database } = this.#place
    if (database === undefined) return
    database.relay.aim(undefined)
    database.relay.cut()
    setTimeout(() => database.relay.aim(database.port), ms)
  }

  /** In good order, and after everything it knows is stored: on a busy machine its own time for that may not do. */
  stop(): Promise<void> {
    return this.#next(async () => {
      if (this.#program) await this.#hasStored(this.#program)
      const code = await this.#leave()?.kill('SIGTERM')
      if (code !== undefined && code !== 0) this.#place.report.fail(`a stopped gateway must exit with 0, was ${code}`)
    })
  }

  /** An embedded database has no other disk. */
  async storeTheRest(): Promise<void> {
    const { database, dataDir, report } = this.#place
    if (database !== undefined) await this.#next(() => storeTheRest(database.url, dataDir, report))
  }

  async close(): Promise<void> {
    this.#ended = true
    await this.#leave()?.kill('SIGKILL')
    await this.#changes
  }

  /** From now on nobody finds the process that runs. */
  #leave(): Program | undefined {
    const program = this.#program
    this.#program = undefined
    this.#place.clients.aim(undefined)
    return program
  }

  #startAfter(ms: number): Promise<void> {
    void this.#next(() => pass(ms))
    return this.start()
  }

  #next(change: () => Promise<void>): Promise<void> {
    this.#changes = this.#changes.then(change)
    return this.#changes
  }

  async #spawn(): Promise<void> {
    const { report, clients } = this.#place
    const name = `gateway ${++this.#count}`
    report.say(`${name} starts`)
    const program = new Program(['serve'], this.#env())
    this.#program = program
    program.child.stderr!.on('data', (data) => report.say(`${name}: ${String(data).trimEnd()}`))
    const [kill] = this.#kills
    if (kill) void this.#killOnce(program, kill)
    if (!(await this.#hasSaid(program, 'listening', STARTS_WITHIN_MS))) return this.#startAgain(program)
    // A stream begins when its first tick is stored: nobody can resume one that nothing is known of.
    if (!this.#hasBegun) this.#hasBegun = (await this.#hasSaid(program, 'ready')) && (await this.#hasStored(program))
    if (this.#program !== program) return
    clients.aim(Number(new URL(urlOf(program)).port))
    this.#serving = program
    report.wake()
  }

  /** One that could not start, as its database was away, is started again, as a supervisor of processes would. */
  async #startAgain(program: Program): Promise<void> {
    const { report } = this.#place
    if (this.#program !== program) return
    this.#leave()
    if (program.child.exitCode !== 1 || this.#count > MOST_PROCESSES) {
      await program.kill('SIGKILL')
      report.fail(`a gateway must start, said: ${program.err}`)
      return
    }
    await pass(AGAIN_AFTER_MS)
    if (!this.#ended) await this.#spawn()
  }

  async #killOnce(program: Program, { since, ms, downMs }: Kill): Promise<void> {
    if (since === 'listening') await this.#hasSaid(program, since)
    if (since === 'serving') await this.#waitFor(program, () => this.#serving === program)
    await pass(ms)
    this.#kills.shift()
    if (this.#program !== program) return
    this.#place.report.say(`=== kill -9 ${ms} ms after ${since}`)
    this.crash(downMs)
    this.#place.report.wake()
  }

  /** Whether everything that it knows is in its database; false when it ended before. */
  async #hasStored(program: Program): Promise<boolean> {
    const { schedule, report } = this.#place
    // To verify is to wait for that first.
    const verify = `${urlOf(program)}/api/v1/verify/${schedule.symbols[0]}`
    return this.#waitFor(program, async () => {
      const answer = await fetch(verify, { method: 'POST' }).then((response) => response.text(), String)
      if (!answer.includes('"type":"summary"')) report.say(`cannot verify: ${answer}`)
      return answer.includes('"type":"summary"')
    })
  }

  /** Whether it says so in its log. */
  #hasSaid(program: Program, message: string, withinMs = MOMENT_WITHIN_MS): Promise<boolean> {
    return this.#waitFor(program, () => program.err.includes(`"msg":"${message}"`), withinMs)
  }

  /** False when it ended before, or took too long. */
  async #waitFor(
    program: Program,
    condition: () => boolean | Promise<boolean>,
    withinMs = MOMENT_WITHIN_MS,
  ): Promise<boolean> {
    const isOver = () => program.child.exitCode !== null || program.child.signalCode !== null
    let holds = false
    await this.#place.report.until(async () => {
      holds = await condition()
      return holds || isOver()
    }, withinMs)
    return holds && !isOver()
  }

  #env(): Readonly<Record<string, string>> {
    const { schedule, simulator, dataDir, database } = this.#place
    return {
      ...{ PORT: '0', DATA_DIR: dataDir, LOG_LEVEL: 'info', STOCK_SYMBOLS: '', MACRO_SERIES: '' },
      ...{ CRYPTO_SYMBOLS: schedule.symbols.join(','), HOLD_BACK_MS: String(schedule.holdBackMs) },
      ...{ BINANCE_STREAM_URL: simulator.streamUrl, BINANCE_REST_URL: simulator.restUrl },
      ...{ LATENESS_MS: String(schedule.latenessMs) },
      ...(database === undefined ? {} : { DATABASE_URL: database.url }),
    }
  }
}

function urlOf(program: Program): string {
  return /"url":"([^"]+)"/.exec(program.err)![1]!
}
