// What an outage leaves on disk and gives back: the spool as the gateway has it, and behind it the database.
import { join } from 'node:path'
import { createLog } from '../../src/base/log.ts'
import type { Batch } from '../../src/tiers/database/database.ts'
import { openDatabase } from '../../src/tiers/database/open-database.ts'
import { drain } from '../../src/tiers/outage/drain.ts'
import { openSpool } from '../../src/tiers/spool/open-spool.ts'
import type { Spool } from '../../src/tiers/spool/spool.ts'
import { converse, readSetup } from './conversation.ts'
import { madeInstruments, madeTick, midnight, type TickOf } from './made-rows.ts'

interface Setup {
  readonly databaseUrl: string
  readonly directory: string
  readonly symbols: number
  /** Ticks in a stretch, and in each of the batches that the writer hands over. */
  readonly ticks: number
  readonly batchTicks: number
}

const { databaseUrl, directory, symbols, ticks, batchTicks } = readSetup<Setup>()
const log = createLog('error')
const instruments = madeInstruments(symbols)
const database = await openDatabase({ databaseUrl })
await database.register(instruments)
const newest = new Map<string, number>()
let made = 0
let stretches = 0
let spool: Spool | undefined

converse(
  {
    /** Puts later ticks than all before on disk, each batch when the one before is fsynced. */
    append: async () => {
      const batches = Array.from({ length: ticks / batchTicks }, makeBatch)
      stretches += 1
      spool = await openSpool({
        ...{ directory: join(directory, String(stretches)), maxBytes: 4 * 2 ** 30, log },
        onDropped: () => fail('room for all ticks'),
      })
      const kept = spool
      return timed(async () => {
        for (const batch of batches) await kept.append(batch)
      })
    },
    /** Moves them all into the database, as it is done when it is back. */
    replay: async () => {
      const kept = spool ?? fail('a spool')
      const replayed = await timed(async () => {
        const onTried = (error?: unknown) => error === undefined || fail('a database')
        const retry = { firstMs: 100, maxMs: 1_000 }
        await drain(
          { spool: kept, write: (batch) => database.write(batch), onTried, retry, log },
          new AbortController().signal,
        )
      })
      await kept.close()
      return replayed
    },
  },
  () => database.close(),
)

function makeBatch(): Batch {
  const rows: TickOf[] = []
  for (; rows.length < batchTicks; made += 1) {
    const { instrument, update } = madeTick(instruments, made, midnight())
    rows.push({ instrument, update: { ...update, prev: newest.get(instrument.symbol) ?? null } })
    newest.set(instrument.symbol, update.id)
  }
  return { ticks: rows, candles: [], gaps: [] }
}

async function timed(work: () => Promise<void>) {
  const started = performance.now()
  await work()
  return { seconds: (performance.now() - started) / 1_000 }
}

function fail(what: string): never {
  throw new Error(`there must be ${what}`)
}
