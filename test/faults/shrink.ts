import type { Schedule } from './schedule.ts'

/** A failure that shows only now and then is tried so often before its cause is thought to be gone. */
const TRIES = 3

/**
 * Leaves out one fault after another, as long as the schedule still fails: what is left is what a person should read.
 */
export async function shrink(schedule: Schedule, fails: (schedule: Schedule) => Promise<boolean>): Promise<Schedule> {
  let least = schedule
  for (let index = least.faults.length - 1; index >= 0; index--) {
    const fewer = { ...least, faults: least.faults.toSpliced(index, 1) }
    if (await failsOnce(fewer, fails)) least = fewer
  }
  return least
}

async function failsOnce(schedule: Schedule, fails: (schedule: Schedule) => Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < TRIES; tries++) if (await fails(schedule)) return true
  return false
}
