import { readdirSync, readFileSync } from 'node:fs'

/** A stretch of work: how many trades, in how much wall time, and how much of it the main thread was busy (0 to 1). */
export interface Stretch {
  readonly trades: number
  readonly seconds: number
  readonly busy: number
}

const LOOK_EVERY_MS = 2

/** Resolves when `count` has reached `until`, with the stretch from `from` to there. */
export function meterStretch(count: () => number, from: number, until: number): Promise<Stretch> {
  let start: Moment | undefined
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const counted = count()
      if (counted < from) return
      start ??= momentAt(counted)
      if (counted < until) return
      clearInterval(timer)
      const end = momentAt(counted)
      const seconds = end.at - start.at
      resolve({ trades: counted - start.counted, seconds, busy: (end.cpuSeconds - start.cpuSeconds) / seconds })
    }, LOOK_EVERY_MS)
  })
}

interface Moment {
  readonly counted: number
  readonly at: number
  readonly cpuSeconds: number
}

function momentAt(counted: number): Moment {
  return { counted, at: performance.now() / 1_000, cpuSeconds: cpuSecondsOf(process.pid) ?? cpuSecondsOfProcess() }
}

/** Linux counts in ticks of 10 ms. */
const CLOCK_TICKS_A_SECOND = 100

/** What one thread of this process has computed; undefined where there is no /proc. */
export function cpuSecondsOf(thread: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
    // The name in brackets may hold spaces; user and system time are the 14th and 15th fields, the state is the 3rd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_A_SECOND
  } catch {
    return undefined
  }
}

/** Ids of this process's threads; empty where there is no /proc. */
export function threads(): readonly number[] {
  try {
    return readdirSync('/proc/self/task').map(Number)
  } catch {
    return []
  }
}

function cpuSecondsOfProcess(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
