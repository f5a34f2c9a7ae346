// Histories deeper than memory's windows: memory, database and hub as `serve` puts them together, on a database that
// holds millions of candles; beside them a market whose ticks are put in where the sequencer would.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createLog } from '../../src/base/log.ts'
import { createReadSide } from '../../src/gateway/read-side.ts'
import { createHub } from '../../src/hub/hub.ts'
import { createDelivery } from '../../src/ingest.ts'
import type { Candle } from '../../src/market/candle.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import { keepCandles } from '../../src/streams/keep-candles.ts'
import { openDatabase } from '../../src/tiers/database/open-database.ts'
import { MEMORY_BOUNDS, MemoryStream, MemoryTier } from '../../src/tiers/memory/memory.ts'
import { createDatabaseWriter } from '../../src/tiers/writer/writer.ts'
import { converse, readSetup } from './conversation.ts'
import { madeInstruments, madeTick } from './made-rows.ts'

interface Setup {
  readonly databaseUrl: string
  /** Symbols whose candles are stored. */
  readonly symbols: number
}

const LIVE_SYMBOLS = 5
const WRITE_EVERY_MS = 10

const { databaseUrl, symbols } = readSetup<Setup>()
const log = createLog('error')
const stored = madeInstruments(symbols)
const live = madeInstruments(LIVE_SYMBOLS, 'live')
const database = await openDatabase({ databaseUrl })
await database.register([...stored, ...live])
const memory = new MemoryTier()
for (const instrument of live) memory.adopt(new MemoryStream(instrument))
const windows = new Map<Instrument, readonly Candle[]>()
for (const instrument of stored)
  windows.set(instrument, await database.candles(instrument, '1m', MEMORY_BOUNDS.candles))
const writer = createDatabaseWriter({
  database,
  log,
  onDurable: ({ symbol }, id) => memory.stream(symbol)?.durable(id),
})
const hub = createHub({
  source: createReadSide(memory, database, { storeChanged: () => keeper.storeChanged(), stored: () => writer.flush() }),
  heartbeatMs: 15_000,
  limits: { messagesPerSecond: 10_000, messageBurst: 10_000 },
})
const keeper = keepCandles({
  memory,
  latenessMs: 2_000,
  onFinal: (symbol, timeframe, candle) => hub.candle(symbol, timeframe, candle),
  onClosed: () => hub.closed(),
  store: (row) => writer.candle(row),
  now: Date.now,
})
const instrumentOf = new Map(live.map((instrument) => [instrument.symbol, instrument]))
const deliver = createDelivery({
  remember: (update) => memory.stream(update.symbol)?.append(update),
  publish: (update) => hub.publish(update),
  store: (update) => writer.tick(instrumentOf.get(update.symbol)!, update),
})
const server = createServer()
hub.attach(server, { ready: () => true })
const port = await new Promise<number>((resolve) => {
  server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
})
let made = 0
let writing: NodeJS.Timeout | undefined
/** When it began to write, and how many ticks were made by then. */
let began = { at: 0, made: 0 }

converse(
  {
    where: () => ({ url: `http://127.0.0.1:${port}`, symbols: stored.map(({ symbol }) => symbol) }),
    /** Memory has the newest candles of each, and nothing that was read of the database since. */
    forget: () => {
      for (const [instrument, candles] of windows) {
        const stream = new MemoryStream(instrument)
        stream.history.restore('1m', candles)
        memory.adopt(stream)
      }
    },
    /** Puts so many ticks a second in, until it is asked for none; then says how many came, and how many wait. */
    write: ({ perSecond }) => {
      clearInterval(writing)
      const rate = (made - began.made) / ((performance.now() - began.at) / 1_000)
      began = { at: performance.now(), made }
      if (perSecond > 0) writing = setInterval(() => putIn(perSecond), WRITE_EVERY_MS)
      return { rate, backlog: writer.backlog }
    },
    flushed: () => writer.flush(),
    /** How long the database takes for the newest candles of each symbol, without a socket (ms). */
    read: async ({ rows }) => {
      const delays: number[] = []
      for (const instrument of stored) {
        const started = performance.now()
        const candles = await database.candles(instrument, '1m', rows)
        delays.push(performance.now() - started)
        if (candles.length !== rows) throw new Error(`${instrument.symbol} must have ${rows} candles`)
      }
      return { delays }
    },
  },
  async () => {
    clearInterval(writing)
    keeper.stop()
    await hub.close()
    server.close()
    await writer.close()
    await database.close()
  },
)

/** As many as are due since it began, so that a late timer costs none. */
function putIn(perSecond: number): void {
  const due = began.made + Math.floor(((performance.now() - began.at) / 1_000) * perSecond)
  for (; made < due; made += 1) {
    const { instrument, update } = madeTick(live, made, 0)
    const time = Date.now()
    const prev = memory.stream(instrument.symbol)?.cursor ?? null
    deliver({ ...update, prev, time, received: time })
  }
}
