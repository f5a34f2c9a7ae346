import { hash, seedFor } from '../../src/simulate/noise.ts'
import { type Schedule, scheduleOf } from './schedule.ts'

/** A moment in a process's life: it is started, it listens, clients find it. */
export const MOMENTS = ['start', 'listening', 'serving'] as const

/** A `kill -9` of one gateway, `ms` after a moment of its life; the next one starts `downMs` later. */
export interface Kill {
  readonly since: (typeof MOMENTS)[number]
  readonly ms: number
  readonly downMs: number
}

export interface KillSchedule extends Schedule {
  /** Of the first gateway, of the second, and so on; the one after them lives on. */
  readonly kills: readonly Kill[]
}

/** A process takes longer to come back than an object does: the other faults are spread over its lives. */
const STRETCH = 2

/** The schedule of a seed, with processes that are killed instead of gateways that crash or are stopped. */
export function killScheduleOf(seed: number): KillSchedule {
  const schedule = scheduleOf(seed)
  const own = seedFor(seed, 'kills')
  let count = 0
  const between = (least: number, most: number) => least + (hash(own, count++) % (most - least + 1))
  const drawKill = (): Kill => ({
    since: MOMENTS[Math.min(between(0, 3), MOMENTS.length - 1)]!,
    ms: between(0, 1_200),
    downMs: between(0, 200),
  })
  return {
    ...schedule,
    // A process asks for quiet streams once a minute: that takes too long here.
    endsInSilence: false,
    lastsMs: schedule.lastsMs * STRETCH,
    faults: schedule.faults
      .filter(({ fault: { kind } }) => kind !== 'crash' && kind !== 'restart')
      .map(({ atMs, fault }) => ({ atMs: atMs * STRETCH, fault })),
    kills: Array.from({ length: between(1, 2) }, drawKill),
  }
}

/** The schedule in lines that can be read. */
export function describeKills({ kills }: KillSchedule): string {
  return kills.map(({ since, ms, downMs }) => `  kill -9 ${ms} ms after ${since}, down for ${downMs} ms`).join('\n')
}
