import { readdirSync, readFileSync } from 'node:fs'

/** A stretch of work: how many trades, in how much wall time, with how much computing. */
export interface Stretch {
  readonly trades: number
  readonly seconds: number
  /** Of all threads of this process but the one left out. */
  readonly cpuSeconds: number
}

const LOOK_EVERY_MS = 2

/** Resolves when `count` has reached `until`, with the stretch from `from` to there; `leftOut` is a thread's id. */
export function meterStretch(count: () => number, from: number, until: number, leftOut?: number): Promise<Stretch> {
  let start: Moment | undefined
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const counted = count()
      if (counted < from) return
      start ??= momentAt(counted, leftOut)
      if (counted < until) return
      clearInterval(timer)
      const end = momentAt(counted, leftOut)
      resolve({
        trades: end.counted - start.counted,
        seconds: end.at - start.at,
        cpuSeconds: end.cpuSeconds - start.cpuSeconds,
      })
    }, LOOK_EVERY_MS)
  })
}

interface Moment {
  readonly counted: number
  readonly at: number
  readonly cpuSeconds: number
}

function momentAt(counted: number, leftOut: number | undefined): Moment {
  const { user, system } = process.cpuUsage()
  const cpuSeconds = (user + system) / 1e6 - (leftOut === undefined ? 0 : (cpuSecondsOf(leftOut) ?? 0))
  return { counted, at: performance.now() / 1_000, cpuSeconds }
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
