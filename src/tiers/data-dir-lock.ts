import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describeError, GatewayError } from '../base/errors.ts'
import { codeOf } from './database/sqlstate.ts'

export interface DataDirLock {
  /** Removes the lock file; safe to call twice. */
  release(): Promise<void>
}

/** Who holds the lock. A process id comes back after a while, so the start time says which life of it is meant. */
interface Holder {
  readonly pid: number
  /** From /proc, in clock ticks since boot; null where there is no /proc. */
  readonly startTime: string | null
  /** Where it answers over HTTP, if it does. */
  readonly url?: string | undefined
}

/** The file in a data directory that says who holds it. */
export const LOCK_FILE = 'tickgate.lock'
/** A file is made and then written, a turn is taken and then over: what is older than this was left by the dead. */
const SETTLED_AFTER_MS = 2_000
/** `starttime` is field 22 of /proc/PID/stat (proc(5)): counted from the fourth, the state being the third. */
const START_TIME_FIELD = 22 - 4

/**
 * Makes `directory` if it is not there and takes its lock: one process at a time. The lock of a process that is gone
 * is taken over. `url`: where commands beside this process find it.
 *
 * @throws GatewayError data_dir_locked naming the process that runs there; config_invalid when nothing can be written
 * there.
 */
export async function lockDataDir(directory: string, url?: string): Promise<DataDirLock> {
  const file = join(directory, LOCK_FILE)
  const self: Holder = { pid: process.pid, startTime: (await startTimeOf(process.pid)) ?? null, url }
  const text = `${JSON.stringify(self)}\n`
  try {
    await mkdir(directory, { recursive: true })
    await take(directory, file, text)
  } catch (error) {
    if (error instanceof GatewayError) throw error
    const message = `DATA_DIR must be a directory the gateway can write, but: ${describeError(error)}`
    throw new GatewayError('config_invalid', message, { cause: error })
  }
  return {
    async release() {
      if ((await read(file)) === text) await rm(file, { force: true })
    },
  }
}

/** The living process that holds the lock of `directory`; undefined: none. */
export async function holderOf(directory: string): Promise<Pick<Holder, 'pid' | 'url'> | undefined> {
  const found = await read(join(directory, LOCK_FILE))
  const holder = found === undefined ? undefined : parse(found)
  return holder !== undefined && (await isRunning(holder)) ? holder : undefined
}

async function take(directory: string, file: string, text: string): Promise<void> {
  while (!(await create(file, text))) {
    const found = await read(file)
    if (found === undefined) continue
    const holder = parse(found)
    if (holder ? await isRunning(holder) : await isYoung(file)) {
      const who = holder ? `process ${holder.pid} runs there` : 'another process is starting there'
      throw new GatewayError(
        'data_dir_locked',
        `the data directory ${directory} must be free, but ${who}; DATA_DIR names another one`,
      )
    }
    if (await takeOver(file, found, text)) return
  }
}

/** True when this call made the file. */
async function create(file: string, text: string): Promise<boolean> {
  try {
    await writeFile(file, text, { flag: 'wx' })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/**
 * Replaces the stale lock in one step, while a second file keeps other starters from doing the same: one of them
 * would otherwise remove the lock that the other has just taken. False: look again.
 */
async function takeOver(file: string, stale: string, text: string): Promise<boolean> {
  const turn = `${file}.taking`
  if (!(await create(turn, text))) {
    if (!(await isYoung(turn))) await rm(turn, { force: true })
    await delay(20)
    return false
  }
  try {
    if ((await read(file)) !== stale) return false
    const own = `${file}.${process.pid}`
    await writeFile(own, text)
    await rename(own, file)
    return true
  } finally {
    await rm(turn, { force: true })
  }
}

/** Written so lately that its writer may be about to go on. */
async function isYoung(file: string): Promise<boolean> {
  const made = await stat(file).catch(ignoreMissing)
  return made !== undefined && Date.now() - made.mtimeMs < SETTLED_AFTER_MS
}

async function isRunning({ pid, startTime }: Holder): Promise<boolean> {
  try {
    // Signal 0 asks and does nothing; EPERM is the answer of somebody else's living process.
    process.kill(pid, 0)
  } catch (error) {
    if (codeOf(error) !== 'EPERM') return false
  }
  const now = await startTimeOf(pid)
  return startTime === null || now === startTime
}

/** Undefined: gone, or a zombie; null: this system does not tell. */
async function startTimeOf(pid: number): Promise<string | null | undefined> {
  if (!existsSync('/proc/self/stat')) return null
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(ignoreMissing)
  // The second field is the program's name in parentheses and may hold anything; from the third on there are no spaces.
  const [state, ...fields] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  return state === 'Z' ? undefined : fields[START_TIME_FIELD]
}

function parse(text: string): Holder | undefined {
  try {
    const { pid, startTime, url } = JSON.parse(text) as Partial<Holder>
    return typeof pid === 'number' && pid > 0 ? { pid, startTime: startTime ?? null, url } : undefined
  } catch {
    // Half written, or not ours: nobody is named, so only its age counts.
    return undefined
  }
}

function read(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(ignoreMissing)
}

function ignoreMissing(error: unknown): undefined {
  // ESRCH: a process that ended while its /proc file was open.
  if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ESRCH') throw error
}
