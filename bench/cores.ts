import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** The core of what is measured, and the core of everything else. */
export const MEASURED_CORE = 0
export const OTHER_CORE = 1

let pinnable: boolean | undefined

/** Whether threads can be bound to a core here: util-linux's `taskset`, and two cores. */
export function canPin(): boolean {
  pinnable ??= availableParallelism() >= 2 && succeeds('taskset', '--version')
  return pinnable
}

/** Binds one thread (a process's id is that of its main thread) to a core; does nothing where that is not possible. */
export function pinThread(id: number, core: number): void {
  if (canPin()) succeeds('taskset', '-cp', String(core), String(id))
}

function succeeds(command: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    // Not there, or not allowed: the benchmark says that it ran unpinned.
    return false
  }
}
