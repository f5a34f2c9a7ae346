import { setPriority } from 'node:os'
import { setTimeout as elapse } from 'node:timers/promises'
import { z } from 'zod'
import type { Bench, BenchOptions } from './bench.ts'
import { type Child, startChild } from './child.ts'
import { canPin, MEASURED_CORE, OTHER_CORE, pinThread } from './cores.ts'
import { createOwnDatabase } from './own-database.ts'
import { type Row, type RowPlan, summarize } from './report.ts'
import { makeTemporaryDirectory } from './temporary-directory.ts'

const CLIENTS = 1_000
const BEHIND = 10_000
/** Clients that never leave, whose live ticks are timed; and how many ticks a second there are. */
const LOYAL = 100
const LIVE_RATE = 100
const QUIET_MS = 4_000
/** In each turn of the event loop, of the control's live ticks. */
const PER_TURN = 1_000

const NOTHING = z.object({})
const PLACE = z.object({ url: z.string(), databaseThread: z.number().optional() })
const NEWEST = z.object({ newest: z.number() })
const JOINED = z.object({ started: z.number(), first: z.number(), ended: z.number(), ticks: z.number() })
const DELAYS = z.object({ count: z.number(), p50: z.number(), p99: z.number(), max: z.number() })
type Where = 'ring' | 'database'

export const resume: Bench = {
  description: '1,000 clients that come back at once, 1 to 10,000 ticks behind, beside as many ticks live',
  run,
}

interface Pace {
  /** Ticks a second. */
  readonly resumed: number
  readonly live: number
}

interface Herd {
  readonly pace: Pace
  readonly quiet: z.infer<typeof DELAYS>
  readonly herd: z.infer<typeof DELAYS>
}

async function run({ runs, say }: BenchOptions): Promise<readonly Row[]> {
  say(canPin() ? 'the gateway has a core of its own' : 'NOT pinned: taskset and two cores are needed')
  pinThread(process.pid, OTHER_CORE)
  const measured: Record<Where, Herd[]> = { ring: [], database: [] }
  for (let n = 1; n <= runs; n++) {
    const stage = await startStage()
    try {
      await stage.warmUp()
      for (const where of ['ring', 'database'] as const) {
        const herd = { pace: await stage.pace(where), ...(await stage.delays(where)) }
        measured[where].push(herd)
        const { pace, quiet } = herd
        say(
          `run ${n} of ${runs}, ${where}: ${Math.round(pace.resumed)} ticks/s, live ${Math.round(pace.live)}; ` +
            `p99 ${herd.herd.p99.toFixed(1)} ms (max ${herd.herd.max.toFixed(1)}), quiet ${quiet.p99.toFixed(1)} ms (max ${quiet.max.toFixed(1)})`,
        )
      }
    } finally {
      await stage.close()
    }
  }
  return (['ring', 'database'] as const).flatMap((where) => rows(where, measured[where]))
}

function rows(where: Where, herds: readonly Herd[]): readonly Row[] {
  const place = where === 'ring' ? 'the ring' : `the database (${process.env.DATABASE_URL ? 'PostgreSQL' : 'PGlite'})`
  const pace: RowPlan = {
    name: `resume from ${place}`,
    unit: 'ticks/s',
    want: { of: 'ratio', least: where === 'ring' ? 0.5 : 0.1 },
  }
  const delay: RowPlan = { name: `live p99, resume from ${where}`, unit: 'ms', want: { of: 'ratio', most: 3 } }
  return [
    summarize(
      pace,
      herds.map(({ pace: { resumed, live } }) => ({ value: resumed, control: live })),
    ),
    summarize(
      delay,
      herds.map(({ herd, quiet }) => ({ value: herd.p99, control: quiet.p99 })),
    ),
  ]
}

/** A gateway with a thousand clients that come and go, and a hundred that stay. */
async function startStage() {
  const directory = makeTemporaryDirectory()
  const database = await createOwnDatabase(process.env.DATABASE_URL)
  const stream = startChild('stream', { dataDir: directory.path, databaseUrl: database?.url }, MEASURED_CORE)
  const { url, databaseThread } = await stream.ask({ ask: 'where' }, PLACE)
  if (databaseThread !== undefined) pinThread(databaseThread, OTHER_CORE)
  const crowd = startChild('crowd', { url, count: CLIENTS }, OTHER_CORE)
  const loyal = startChild('crowd', { url, count: LOYAL }, OTHER_CORE)
  preferred(loyal)

  const fill = async (trades: number) => (await stream.ask({ ask: 'fill', trades }, NEWEST)).newest
  const joinAll = (newest: number, behind = BEHIND) => crowd.ask({ ask: 'join', newest, behind }, JOINED)
  const missTicks = async (where: Where) => {
    await crowd.ask({ ask: 'leave' }, NOTHING)
    const newest = await fill(BEHIND + 1_000)
    if (where === 'database') await stream.ask({ ask: 'forget' }, NOTHING)
    return newest
  }

  /** The same ticks to the same clients, live. */
  async function publishLive(perClient: number): Promise<number> {
    const trades = Math.ceil(perClient / PER_TURN) * PER_TURN
    const counted = crowd.ask({ ask: 'count', trades: trades * CLIENTS }, z.object({ at: z.number() }))
    const { started } = await stream.ask(
      { ask: 'publish', trades, perTurn: PER_TURN },
      z.object({ started: z.number() }),
    )
    const { at } = await counted
    return (trades * CLIENTS) / ((at - started) / 1_000)
  }

  return {
    async warmUp() {
      await joinAll(await fill(2 * BEHIND))
      await publishLive(BEHIND / 2)
    },
    async pace(where: Where): Promise<Pace> {
      const { started, ended, ticks } = await joinAll(await missTicks(where))
      const live = await publishLive(ticks / CLIENTS)
      return { resumed: ticks / ((ended - started) / 1_000), live }
    },
    async delays(where: Where) {
      await loyal.ask({ ask: 'join', newest: await missTicks(where), behind: 1 }, JOINED)
      await joinAll(await fill(1), 1)
      await stream.ask({ ask: 'trickle', trades: LIVE_RATE }, NOTHING)
      await elapse(500)
      await loyal.ask({ ask: 'watch' }, NOTHING)
      await elapse(QUIET_MS)
      const quiet = await loyal.ask({ ask: 'watched' }, DELAYS)
      await loyal.ask({ ask: 'watch' }, NOTHING)
      await joinAll((await stream.ask({ ask: 'newest' }, NEWEST)).newest)
      const herd = await loyal.ask({ ask: 'watched' }, DELAYS)
      await stream.ask({ ask: 'trickle', trades: 0 }, NOTHING)
      await loyal.ask({ ask: 'leave' }, NOTHING)
      return { quiet, herd }
    },
    async close() {
      await Promise.all([crowd.stop(), loyal.stop()])
      await stream.stop()
      await database?.drop()
      directory.remove()
    },
  }
}

/** Whoever takes the time must not wait for those who make the load; where that is not allowed, the delays are longer. */
function preferred({ pid }: Child): void {
  try {
    setPriority(pid, -10)
  } catch {
    // Only the administrator may.
  }
}
