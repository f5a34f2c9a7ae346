import { join } from 'node:path'
import { z } from 'zod'
import { type Child, startChild } from '../child.ts'
import { createOwnDatabase } from '../own-database.ts'
import { type RowPlan, unmeasured } from '../report.ts'
import { makeTemporaryDirectory } from '../temporary-directory.ts'
import { type Part, type PartOptions, perSecond, rowOf } from './part.ts'
import { copyFile, hasPsql, runSql, saveBinary } from './psql.ts'

const TICKS = 300_000
const SYMBOLS = 5
const BATCH_TICKS = 5_000
/** Of every tenth batch so many are stored already, spread over it. */
const STORED_BEFORE = 50

const WRITER: RowPlan = { name: 'tick writer beside \\copy', unit: 'rows/s', want: { of: 'ratio', least: 0.8 } }
const SMALL: RowPlan = { name: 'the same, 5,000 to a batch', unit: 'rows/s', want: { of: 'ratio', least: 0.8 } }
const BINARY: RowPlan = { name: 'tick writer beside binary \\copy', unit: 'rows/s' }
const COLLIDING: RowPlan = {
  name: 'every tenth batch collides, beside none',
  unit: 'rows/s',
  want: { of: 'ratio', least: 0.9 },
}

const NOTHING = z.object({})
const WRITTEN = z.object({ seconds: z.number() })

interface Run {
  readonly written: number
  readonly small: number
  readonly colliding: number
  readonly text: number
  readonly binary: number
}

/** Ticks through the gateway's queue into PostgreSQL, beside psql's `\copy` of the same rows into the same table. */
export const tickWrites: Part = async (options) => {
  const { databaseUrl } = options.servers
  if (databaseUrl === undefined || !hasPsql()) {
    const reason = `${databaseUrl === undefined ? 'a PostgreSQL' : 'psql'} is not here`
    return [WRITER, SMALL, BINARY, COLLIDING].map((plan) => unmeasured(plan, reason))
  }
  const runs = await measure(databaseUrl, options)
  const text = (run: Run) => run.text
  return [
    rowOf(WRITER, runs, ({ written }) => written, text),
    rowOf(SMALL, runs, ({ small }) => small, text),
    rowOf(
      BINARY,
      runs,
      ({ written }) => written,
      ({ binary }) => binary,
    ),
    rowOf(
      COLLIDING,
      runs,
      ({ colliding }) => colliding,
      ({ small }) => small,
    ),
  ]
}

async function measure(databaseUrl: string, { runs, say }: PartOptions): Promise<readonly Run[]> {
  const directory = makeTemporaryDirectory()
  const own = await createOwnDatabase(databaseUrl)
  if (own === undefined) throw new Error('a server was found, but gave no database')
  const child = startChild('tick-writer', { databaseUrl: own.url, symbols: SYMBOLS, ticks: TICKS })
  const [text, binary] = [join(directory.path, 'ticks.txt'), join(directory.path, 'ticks.bin')]
  const { write, collide, copy } = stretchesOn(own.url, child)
  try {
    await write(0)
    const measured: Run[] = []
    for (let n = 1; n <= runs; n += 1) {
      const written = await write(0)
      await child.ask({ ask: 'save', file: text }, NOTHING)
      saveBinary(own.url, 'select * from ticks order by instrument_id, id', binary)
      const run = {
        written,
        text: copy(text),
        ...(await collide()),
        binary: copy(binary, '(format binary)'),
      }
      measured.push(run)
      const said = Object.entries(run).map(([name, rate]) => `${name} ${perSecond(rate)}`)
      say(`ticks, run ${n} of ${runs}: ${said.join(', ')}`)
    }
    return measured
  } finally {
    await child.stop()
    await own.drop()
    directory.remove()
  }
}

/** What is measured: each begins with an empty table, and returns rows a second. */
function stretchesOn(url: string, child: Child) {
  const empty = () => runSql(url, 'truncate ticks')
  const write = async (batchTicks: number, storedBefore = 0) => {
    await child.ask({ ask: 'make' }, NOTHING)
    empty()
    if (storedBefore > 0) await child.ask({ ask: 'storeSome', ticks: storedBefore, batchTicks }, NOTHING)
    const { seconds } = await child.ask({ ask: 'write', batchTicks }, WRITTEN)
    const stored = Number(runSql(url, 'select count(*) from ticks'))
    if (stored !== TICKS) throw new Error(`the table must hold ${TICKS} ticks, were ${stored}`)
    return TICKS / seconds
  }
  /** There and back, so that neither has the better half of a changing machine. */
  const collide = async () => {
    const [small, colliding] = [await write(BATCH_TICKS), await write(BATCH_TICKS, STORED_BEFORE)]
    const [collidingAgain, smallAgain] = [await write(BATCH_TICKS, STORED_BEFORE), await write(BATCH_TICKS)]
    return { small: together(small, smallAgain), colliding: together(colliding, collidingAgain) }
  }
  const copy = (file: string, format?: string) => {
    empty()
    return TICKS / copyFile(url, 'ticks', file, format)
  }
  return { write, collide, copy }
}

/** The rate of two stretches of as many rows. */
function together(one: number, other: number): number {
  return 2 / (1 / one + 1 / other)
}
