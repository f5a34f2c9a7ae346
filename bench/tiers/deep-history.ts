import { setTimeout as elapse } from 'node:timers/promises'
import { z } from 'zod'
import { type Child, startChild } from '../child.ts'
import { type Percentiles, percentilesOf } from '../processes/percentiles.ts'
import { type RowPlan, unmeasured } from '../report.ts'
import { openCandleStore, STORED_SYMBOLS } from './candle-store.ts'
import { beside, type Part, type PartOptions, rowOf } from './part.ts'

/** Of which memory's window holds two thirds. */
const WANTED_ROWS = 1_500
const DESIGN_ROWS = 500
/** What the cache design says a database takes at best (ms). */
const DESIGN_DATABASE_MS = 10
const TICKS_PER_SECOND = 10_000
/** Each symbol is asked for so often in a stretch; memory has forgotten it each time. */
const ROUNDS = 2
const SETTLE_MS = 1_000

const NAME = 'ws_history from 10 million candles'
const WRITING: RowPlan = {
  name: `${NAME}, p99, 10,000 ticks/s beside none`,
  unit: 'ms',
  want: { of: 'ratio', most: 3 },
}
const WRITING_P50: RowPlan = { name: `${NAME}, p50, likewise`, unit: 'ms' }
const RATE: RowPlan = { name: 'ticks written meanwhile', unit: 'ticks/s', want: { of: 'value', least: 9_500 } }
const DESIGN_P50 = beside('500 rows from the database, p50')
const DESIGN_P99 = beside('500 rows from the database, p99')

const NOTHING = z.object({})
const PLACE = z.object({ url: z.string(), symbols: z.array(z.string()) })
const DELAYS = z.object({ delays: z.array(z.number()), fromDatabase: z.number().optional() })
const WRITTEN = z.object({ rate: z.number(), backlog: z.number() })

interface Run {
  readonly idle: Percentiles
  readonly writing: Percentiles
  readonly direct: Percentiles
  readonly rate: number
}

/** Histories that memory does not hold, over a socket, while ticks are written and while none are. */
export const deepHistory: Part = async (options) => {
  const { databaseUrl } = options.servers
  if (databaseUrl === undefined) {
    return [WRITING, RATE, DESIGN_P50, DESIGN_P99].map((plan) => unmeasured(plan, 'a PostgreSQL is not here'))
  }
  const runs = await measure(databaseUrl, options)
  const idle = (of: 'p50' | 'p99') => (run: Run) => run.idle[of]
  const design = () => DESIGN_DATABASE_MS
  return [
    rowOf(WRITING, runs, ({ writing }) => writing.p99, idle('p99')),
    rowOf(WRITING_P50, runs, ({ writing }) => writing.p50, idle('p50')),
    rowOf(RATE, runs, ({ rate }) => rate),
    rowOf(DESIGN_P50, runs, ({ direct }) => direct.p50, design),
    rowOf(DESIGN_P99, runs, ({ direct }) => direct.p99, design),
  ]
}

async function measure(databaseUrl: string, { runs, say }: PartOptions): Promise<readonly Run[]> {
  const store = await openCandleStore(databaseUrl, say)
  const gateway = startChild('deep-history', { databaseUrl: store.url, symbols: STORED_SYMBOLS })
  const client = startChild('history-client', await gateway.ask({ ask: 'where' }, PLACE))
  const write = (perSecond: number) => gateway.ask({ ask: 'write', perSecond }, WRITTEN)
  const idle = () => stretch(gateway, client)
  const writing = async () => {
    await write(TICKS_PER_SECOND)
    await elapse(SETTLE_MS)
    const delays = await stretch(gateway, client)
    const { rate } = await write(0)
    await gateway.ask({ ask: 'flushed' }, NOTHING)
    return { delays, rate }
  }
  try {
    await writing()
    const measured: Run[] = []
    for (let n = 1; n <= runs; n += 1) {
      // In turn, so that neither always has the warmer cache.
      const before = n % 2 === 1 ? await idle() : undefined
      const written = await writing()
      const run = {
        idle: before ?? (await idle()),
        writing: written.delays,
        rate: written.rate,
        direct: percentilesOf(
          Float64Array.from((await gateway.ask({ ask: 'read', rows: DESIGN_ROWS }, DELAYS)).delays),
        ),
      }
      measured.push(run)
      say(
        `histories, run ${n} of ${runs}: p99 ${run.writing.p99.toFixed(1)} ms, idle ${run.idle.p99.toFixed(1)} ms; ` +
          `${DESIGN_ROWS} rows p50 ${run.direct.p50.toFixed(1)} ms, p99 ${run.direct.p99.toFixed(1)} ms`,
      )
    }
    return measured
  } finally {
    await client.stop()
    await gateway.stop()
    await store.clean()
  }
}

/** Each symbol a few times, none of them known to memory. */
async function stretch(gateway: Child, client: Child): Promise<Percentiles> {
  const all: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    await gateway.ask({ ask: 'forget' }, NOTHING)
    const { delays, fromDatabase = 0 } = await client.ask({ ask: 'read', rows: WANTED_ROWS }, DELAYS)
    if (fromDatabase === 0) throw new Error('the histories must reach into the database, did not')
    all.push(...delays)
  }
  return percentilesOf(Float64Array.from(all))
}
