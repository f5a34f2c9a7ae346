// The tick writer as the gateway has it: the queue, the database and its connection, on rows made beforehand.
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { openDatabase } from '../../src/tiers/database/open-database.ts'
import { createDatabaseWriter } from '../../src/tiers/writer/writer.ts'
import { converse, readSetup } from './conversation.ts'
import { madeInstruments, madeTick, midnight, type TickOf } from './made-rows.ts'

interface Setup {
  readonly databaseUrl: string
  readonly symbols: number
  /** Ticks in a stretch. */
  readonly ticks: number
}

const PER_TURN = 1_000

const { databaseUrl, symbols, ticks } = readSetup<Setup>()
const instruments = madeInstruments(symbols)
const database = await openDatabase({ databaseUrl })
/** Another process on the same tables, of which this one's writer knows nothing. */
const rival = await openDatabase({ databaseUrl })
await database.register(instruments)
await rival.register(instruments)
let made = 0
let rows: readonly TickOf[] = []

converse(
  {
    /** Makes the rows of the next stretch: later ticks than all before. */
    make: () => {
      rows = Array.from({ length: ticks }, (_, n) => madeTick(instruments, made + n, midnight()))
      made += ticks
    },
    /** Writes them to a file as `psql` takes them, in the order of the key. */
    save: ({ file }) => save(file),
    /** Stores `ticks` of every tenth batch, as another process would have. */
    storeSome: async ({ ticks: some, batchTicks }) => {
      const taken: TickOf[] = []
      for (let start = 0; start < rows.length; start += 10 * batchTicks) {
        const batch = rows.slice(start, start + batchTicks)
        for (let n = 0; n < some; n += 1) taken.push(batch[Math.floor(((n + 0.5) * batch.length) / some)]!)
      }
      await rival.write({ ticks: taken, candles: [], gaps: [] })
    },
    /** From the first tick that is queued to the commit of the last; `batchTicks` in a batch, 0 for as many as serve has. */
    write: async ({ batchTicks }) => {
      const writer = createDatabaseWriter({
        database,
        ...(batchTicks > 0 && { fullRows: batchTicks, maxRows: batchTicks }),
      })
      const started = performance.now()
      for (let at = 0; at < rows.length; at += PER_TURN) {
        for (const { instrument, update } of rows.slice(at, at + PER_TURN)) writer.tick(instrument, update)
        await nextTurn()
      }
      await writer.flush()
      const seconds = (performance.now() - started) / 1_000
      const { failures } = writer.stats
      await writer.close()
      if (failures > 0) throw new Error(`every batch must be stored at once, ${failures} tries failed`)
      return { seconds }
    },
  },
  async () => {
    await rival.close()
    await database.close()
  },
)

async function save(path: string): Promise<void> {
  const file = createWriteStream(path)
  const numbers = new Map(instruments.map((instrument, index) => [instrument, index + 1]))
  const numberOf = ({ instrument }: TickOf) => numbers.get(instrument) ?? 0
  for (const row of rows.toSorted((a, b) => numberOf(a) - numberOf(b) || a.update.id - b.update.id)) {
    const { id, time, price, size, side, trades, received, backfilled } = row.update
    const columns = [numberOf(row), id, iso(time), price, size, side === 'buy' ? 1 : -1, trades, iso(received)]
    file.write(`${columns.join('\t')}\t${backfilled ? 't' : 'f'}\n`)
  }
  file.end()
  await finished(file)
}

function iso(unixMs: number): string {
  return new Date(unixMs).toISOString()
}
