// One stream with its history: memory, database and hub as `serve` puts them together. Its ticks are made
// here and put in where the sequencer would.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createLog } from '../../src/base/log.ts'
import { createReadSide } from '../../src/gateway/read-side.ts'
import { createHub } from '../../src/hub/hub.ts'
import { createDelivery } from '../../src/ingest.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import type { Update } from '../../src/market/tick.ts'
import { openDatabaseTier } from '../../src/tiers/database/database-tier.ts'
import { MEMORY_BOUNDS, MemoryStream, MemoryTier } from '../../src/tiers/memory/memory.ts'
import { createDatabaseWriter } from '../../src/tiers/writer/writer.ts'
import { converse, readSetup } from './conversation.ts'
import { cpuSecondsOf, threads } from './meter.ts'

interface Setup {
  readonly dataDir: string
  readonly databaseUrl?: string
}

const INSTRUMENT: Instrument = {
  symbol: 'BTC',
  sourceSymbol: 'BTCUSDT',
  source: 'binance',
  assetClass: 'crypto',
  priceDigits: 2,
  sizeDigits: 5,
}
const FIRST_ID = 3_123_400_000

const { dataDir, databaseUrl } = readSetup<Setup>()
const log = createLog('error')
const memory = new MemoryTier()
memory.adopt(new MemoryStream(INSTRUMENT))
const server = createServer()
const port = await new Promise<number>((resolve) => {
  server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
})
const threadsBefore = new Set(threads())
const tier = await openDatabaseTier({
  ...{ databaseUrl, dataDir, tickRetentionDays: 7, stop: undefined, log, now: Date.now },
})
await tier.opened
const { database } = tier
await database.register([INSTRUMENT])
const writer = createDatabaseWriter({ database, log, onDurable: (_, id) => stream().durable(id) })
const hub = createHub({
  source: createReadSide(memory, database, { storeChanged: () => undefined, stored: () => writer.flush() }),
  heartbeatMs: 15_000,
})
hub.attach(server, { ready: () => true })
const deliver = createDelivery({
  remember: (update) => stream().append(update),
  publish: (update) => hub.publish(update),
  store: (update) => writer.tick(INSTRUMENT, update),
})
let trickling: NodeJS.Timeout | undefined

const now = () => performance.timeOrigin + performance.now()

converse(
  {
    where: () => ({ url: `http://127.0.0.1:${port}`, databaseThread: databaseUrl ? undefined : busiestNewThread() }),
    /** Adds ticks that everyone who comes later has missed; resolves when they are durable. */
    fill: async ({ trades }) => {
      for (let n = 0; n < trades; n += 1) deliver(next())
      await writer.flush()
      return { newest: stream().cursor }
    },
    newest: () => ({ newest: stream().cursor }),
    /** Memory has its newest tick only, as after a start; the database has the rest. */
    forget: async () => {
      await writer.flush()
      const { latest } = stream()
      const emptied = new MemoryStream(INSTRUMENT, MEMORY_BOUNDS)
      emptied.restore(latest ? [latest] : [])
      memory.adopt(emptied)
    },
    /** Publishes ticks as fast as it goes, `perTurn` in each turn of the event loop. */
    publish: async ({ trades, perTurn }) => {
      const started = now()
      for (let sent = 0; sent < trades; sent += perTurn) {
        for (let n = 0; n < perTurn; n += 1) deliver(next())
        await new Promise((resolve) => setImmediate(resolve))
      }
      return { started, sessions: hub.stats.sessions }
    },
    /** Publishes ticks at random moments, `trades` a second on average, until it is asked for none. */
    trickle: ({ trades }) => {
      clearTimeout(trickling)
      const wait = () => -Math.log(1 - Math.random()) * (1_000 / trades)
      let due = performance.now()
      const tick = () => {
        for (; due <= performance.now(); due += wait()) deliver(next())
        trickling = setTimeout(tick, due - performance.now())
      }
      if (trades > 0) tick()
    },
  },
  async () => {
    clearTimeout(trickling)
    await hub.close()
    server.close()
    await writer.close()
    await tier.close()
  },
)

function stream(): MemoryStream {
  return memory.stream('BTC')!
}

function next(): Update {
  const prev = stream().cursor
  const id = (prev ?? FIRST_ID) + 1
  const at = now()
  const received = Math.floor(at)
  return {
    symbol: 'BTC',
    id,
    prev,
    price: 97_000 + (id % 100_000) / 100,
    // A time is whole milliseconds: the clients that time it find the rest of it here.
    size: Number((1 + at - received).toFixed(3)),
    side: id % 3 === 0 ? 'buy' : 'sell',
    trades: 1,
    time: received - 20,
    received,
    backfilled: false,
  }
}

/** The database's, which has made the files of its directory by now. */
function busiestNewThread(): number | undefined {
  const made = threads().filter((thread) => !threadsBefore.has(thread))
  return made.toSorted((a, b) => (cpuSecondsOf(b) ?? 0) - (cpuSecondsOf(a) ?? 0))[0]
}
