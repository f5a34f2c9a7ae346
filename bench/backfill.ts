import { setTimeout as elapse } from 'node:timers/promises'
import { z } from 'zod'
import type { Bench, BenchOptions } from './bench.ts'
import { type Child, startChild } from './child.ts'
import { SOURCE } from './gateway-under-test.ts'
import { createOwnDatabase } from './own-database.ts'
import { type Row, type RowPlan, summarize } from './report.ts'
import { subscribe } from './subscriber.ts'
import { makeTemporaryDirectory } from './temporary-directory.ts'

const TRADES = 100_000
/** Before the measurement, so that the compiler has seen everything. */
const WARM_TRADES = 20_000
const SEED = 7
const WAYS = 3
/** Between two holes. */
const SPARE = 2_000
/** Of five symbols: the last hours have enough trades of one for every hole. */
const RATE = 500
const PAST_MS = 10 * 3_600_000
const HOLD_BACK_MS = 600_000

const PLACE = z.object({ url: z.string() })
const TIMED = z.object({ seconds: z.number() })
const NOTHING = z.object({})

type Way = 'catchUp' | 'fillBehind' | 'fetch'
type Run = Readonly<Record<Way, number>>

export const backfill: Bench = {
  description: 'a hole of 100,000 trades, from the first question to stored and published, beside fetching alone',
  run,
}

async function run({ runs, say }: BenchOptions): Promise<readonly Row[]> {
  const stage = await startStage(runs)
  try {
    for (const way of ['catchUp', 'fillBehind', 'fetch'] as const) await stage.rate(way, WARM_TRADES)
    const measured: Run[] = []
    for (let n = 1; n <= runs; n++) {
      const catchUp = await stage.rate('catchUp')
      const fetch = await stage.rate('fetch')
      const fillBehind = await stage.rate('fillBehind')
      measured.push({ catchUp, fetch, fillBehind })
      say(
        `run ${n} of ${runs}: ${Math.round(catchUp)} trades/s, behind the stream ${Math.round(fillBehind)}, control ${Math.round(fetch)}`,
      )
    }
    const row = (plan: RowPlan, way: Way) =>
      summarize(
        plan,
        measured.map((rates) => ({ value: rates[way], control: rates.fetch })),
      )
    return [
      row({ name: 'hole filled in the stream', unit: 'trades/s', want: { of: 'ratio', least: 0.6 } }, 'catchUp'),
      row({ name: 'gap filled behind the stream', unit: 'trades/s' }, 'fillBehind'),
    ]
  } finally {
    await stage.close()
  }
}

/** A simulated exchange, and a gateway's path from its REST side to the database and to a client. */
async function startStage(runs: number) {
  const simulator = startChild('simulator', { rate: RATE, seed: SEED, pastMs: PAST_MS })
  const { streamUrl, restUrl, symbols } = await simulator.ask({ ask: 'where' }, SOURCE)
  const directory = makeTemporaryDirectory()
  const database = await createOwnDatabase(process.env.DATABASE_URL)
  const env = {
    DATA_DIR: directory.path,
    ...(database && { DATABASE_URL: database.url }),
    BINANCE_STREAM_URL: streamUrl,
    BINANCE_REST_URL: restUrl,
    CRYPTO_SYMBOLS: symbols.find((mapping) => mapping.startsWith('BTC=')) ?? '',
    STOCK_SYMBOLS: '',
    MACRO_SERIES: '',
    HOLD_BACK_MS: String(HOLD_BACK_MS),
  }
  const gateway = startChild('backfill', { env, trades: WAYS * (runs * (TRADES + SPARE) + WARM_TRADES + SPARE) })
  const { url } = await gateway.ask({ ask: 'where' }, PLACE)
  return {
    /** Trades a second. */
    rate: (way: Way, trades = TRADES) => rate(gateway, url, way, trades),
    async close() {
      await gateway.stop()
      await simulator.stop()
      await database?.drop()
      directory.remove()
    },
  }
}

async function rate(gateway: Child, url: string, way: Way, trades: number): Promise<number> {
  await gateway.ask({ ask: 'open', trades }, NOTHING)
  const subscriber = way === 'catchUp' ? await subscribe(url, 'BTC', 'BTC') : undefined
  const { seconds } = await gateway.ask({ ask: way }, TIMED)
  // Those of the hole and the one behind it; each followed the one before, else the subscriber has thrown.
  while (subscriber && subscriber.ticks < trades + 1) await elapse(10)
  subscriber?.close()
  return trades / seconds
}
