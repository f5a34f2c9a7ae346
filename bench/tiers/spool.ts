import { z } from 'zod'
import { runStatements } from '../../test/servers/postgresql.ts'
import { startChild } from '../child.ts'
import { createOwnDatabase } from '../own-database.ts'
import { type RowPlan, unmeasured } from '../report.ts'
import { makeTemporaryDirectory } from '../temporary-directory.ts'
import { type Part, type PartOptions, perSecond, rowOf } from './part.ts'

const TICKS = 300_000
const BATCH_TICKS = 5_000
const SYMBOLS = 5
/** What comes live meanwhile (ticks/s): ten minutes of it are to be over in one. */
const LIVE = 10_000

const APPEND: RowPlan = { name: 'spool on disk, beside live', unit: 'ticks/s', want: { of: 'ratio', least: 10 } }
const REPLAY: RowPlan = {
  name: 'spool into the database, beside live',
  unit: 'ticks/s',
  want: { of: 'ratio', least: 10 },
}

const TIMED = z.object({ seconds: z.number() })

interface Run {
  readonly append: number
  readonly replay: number
}

/** How fast an outage goes to disk, and how fast it is made up for. */
export const spoolRates: Part = async (options) => {
  const { databaseUrl } = options.servers
  if (databaseUrl === undefined) return [APPEND, REPLAY].map((plan) => unmeasured(plan, 'a PostgreSQL is not here'))
  const runs = await measure(databaseUrl, options)
  const live = () => LIVE
  return [rowOf(APPEND, runs, ({ append }) => append, live), rowOf(REPLAY, runs, ({ replay }) => replay, live)]
}

async function measure(databaseUrl: string, { runs, say }: PartOptions): Promise<readonly Run[]> {
  const directory = makeTemporaryDirectory()
  const own = await createOwnDatabase(databaseUrl)
  if (own === undefined) throw new Error('a server was found, but gave no database')
  const setup = { databaseUrl: own.url, directory: directory.path }
  const child = startChild('spool', { ...setup, symbols: SYMBOLS, ticks: TICKS, batchTicks: BATCH_TICKS })
  try {
    const measured: Run[] = []
    for (let n = 0; n <= runs; n += 1) {
      const append = TICKS / (await child.ask({ ask: 'append' }, TIMED)).seconds
      const replay = TICKS / (await child.ask({ ask: 'replay' }, TIMED)).seconds
      // The first is for the compiler.
      if (n === 0) continue
      measured.push({ append, replay })
      say(`spool, run ${n} of ${runs}: ${perSecond(append)} to disk, ${perSecond(replay)} into the database`)
    }
    const [row] = await runStatements(own.url, ['select count(*)::int as ticks from ticks'], 60_000)
    if (row?.ticks !== TICKS * (runs + 1)) throw new Error(`every tick must be stored once, were ${row?.ticks}`)
    return measured
  } finally {
    await child.stop()
    await own.drop()
    directory.remove()
  }
}
