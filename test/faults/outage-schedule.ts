import { hash, seedFor } from '../../src/simulate/noise.ts'
import { type KillSchedule, killScheduleOf } from './kill-schedule.ts'
import { type Schedule, scheduleOf } from './schedule.ts'

/** A server behind the gateway is stopped, and started again on the same files. */
export interface Outage {
  readonly atMs: number
  readonly server: 'postgresql' | 'redis'
  readonly signal: NodeJS.Signals
  readonly downMs: number
  /** Of the gateway meanwhile, in order: so long after the one before, or after the server was stopped. */
  readonly kills?: readonly { readonly afterMs: number; readonly downMs: number }[]
}

export interface OutageSchedule extends Schedule {
  /** In order, one after the other. */
  readonly outages: readonly Outage[]
}

/** To PostgreSQL its immediate stop, and one in good order: killed, its processes would be in the way of the next. */
const SIGNALS = { postgresql: ['SIGQUIT', 'SIGQUIT', 'SIGINT'], redis: ['SIGKILL', 'SIGINT'] } as const

/** A server takes a while to come back, with its log to read. */
const LASTS_MS = 4_000

/** The schedule of a seed, with two outages of the database and one of Redis. */
export function outageScheduleOf(seed: number): OutageSchedule {
  const own = seedFor(seed, 'outages')
  let count = 0
  const between = (least: number, most: number) => least + (hash(own, count++) % (most - least + 1))
  const outage = (server: Outage['server'], from: number, to: number): Outage => ({
    server,
    atMs: between(from, to),
    signal: SIGNALS[server][between(0, SIGNALS[server].length - 1)]!,
    downMs: between(0, 1_200),
  })
  const schedule = scheduleOf(seed)
  return {
    ...schedule,
    waits: true,
    lastsMs: LASTS_MS,
    outages: [outage('postgresql', 0, 900), outage('redis', 900, 1_500), outage('postgresql', 1_800, 3_500)],
  }
}

/** With so much time a gateway is killed, starts, joins its source and is killed once more while the server is down. */
const DARK_MS = { least: 6_000, most: 9_000 }

/**
 * The schedule of a seed for gateways that are processes: PostgreSQL is away for a while, in which they are killed once
 * or twice, and start without it.
 */
export function darkScheduleOf(seed: number): OutageSchedule & KillSchedule {
  const own = seedFor(seed, 'dark')
  let count = 0
  const between = (least: number, most: number) => least + (hash(own, count++) % (most - least + 1))
  const atMs = between(200, 1_500)
  const downMs = between(DARK_MS.least, DARK_MS.most)
  const kills = Array.from({ length: between(1, 2) }, () => ({ afterMs: between(0, 2_500), downMs: between(0, 300) }))
  const signal = SIGNALS.postgresql[between(0, SIGNALS.postgresql.length - 1)]!
  return {
    ...killScheduleOf(seed),
    ...{ waits: true, kills: [], lastsMs: atMs + downMs + 1_000 },
    outages: [{ atMs, server: 'postgresql', signal, downMs, kills }],
  }
}

/** The outages in lines that can be read. */
export function describeOutages({ outages }: OutageSchedule): string {
  return outages
    .map(({ atMs, server, signal, downMs, kills = [] }) => {
      const killed = kills.map((kill) => `; kill -9 after ${kill.afterMs} ms, down for ${kill.downMs} ms`).join('')
      return `  ${atMs} ms  ${signal} to ${server}, down for ${downMs} ms${killed}`
    })
    .join('\n')
}
