import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { createReadSide } from '../../src/gateway/read-side.ts'
import { createHub } from '../../src/hub/hub.ts'
import { TIMEFRAME_MS } from '../../src/market/timeframe.ts'
import type { Database } from '../../src/tiers/database/database.ts'
import { openDatabase } from '../../src/tiers/database/open-database.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import { describeWithPostgres } from '../servers/describe.ts'
import { runStatements } from '../servers/postgresql.ts'
import { BTC, batch, candle, NOON } from '../tiers/fixtures.ts'

/** So many open at once are what an ordinary limit of files allows; DEEP_CLIENTS=10000 needs 10,100 of them. */
const CLIENTS = Number(process.env.DEEP_CLIENTS ?? 2_000)
const WINDOW = 100
const STORED = 3_000
const HISTORY = 1_000

const MINUTE = TIMEFRAME_MS['1m']
const crowd = fileURLToPath(new URL('../fakes/deep-crowd.ts', import.meta.url))

describeWithPostgres('a stampede on a history deeper than memory', (server) => {
  const candles = Array.from({ length: STORED }, (_, index) => candle(NOON - index * MINUTE, { final: true })).reverse()

  it(`of ${CLIENTS} clients at once is one query of the database, and each gets all of it`, async () => {
    await scansOf(server.url, async (database) => {
      await database.write(
        batch({ candles: candles.map((each) => ({ instrument: BTC, timeframe: '1m', candle: each })) }),
      )
    })
    const ofOpening = await scansOf(server.url, async () => undefined)
    let told = { clients: 0, bytes: 0, ms: 0 }
    const scans = await scansOf(server.url, async (database) => {
      told = await crowdOn(database)
    })
    expect(told.clients).toBe(CLIENTS)
    // A row has some thirty bytes.
    expect(told.bytes / CLIENTS).toBeGreaterThan(HISTORY * 25)
    expect(scans - ofOpening).toBe(1)
    console.log(`deep history: ${CLIENTS} clients, 1 query, ${told.ms} ms, ${Math.round(told.bytes / 2 ** 20)} MiB`)
  }, 180_000)

  /** Lets all clients in on a gateway with a small memory; resolves when each has the whole of its history. */
  async function crowdOn(database: Database): Promise<{ clients: number; bytes: number; ms: number }> {
    const memory = new MemoryTier({ candles: WINDOW, ticks: 100 })
    const stream = memory.prepare(BTC)
    stream.history.restore('1m', candles.slice(-WINDOW))
    memory.adopt(stream)
    const nothing = { storeChanged: () => undefined, stored: async () => undefined }
    const hub = createHub({ source: createReadSide(memory, database, nothing), heartbeatMs: 60_000 })
    const http = createServer().listen(0, '127.0.0.1', 65_535)
    await once(http, 'listening')
    hub.attach(http, { ready: () => true })
    const { port } = http.address() as AddressInfo
    const path = `/ws?symbols=BTC&timeframe=1m&history=${HISTORY}`
    const child = spawn(process.execPath, ['--import', 'tsx', crowd, String(port), String(CLIENTS), path])
    child.stderr.pipe(process.stderr)
    const told = JSON.parse(await text(child.stdout))
    await hub.close()
    http.close()
    return told
  }
})

/** How often the database looked candles up for what `work` did with it, as it has counted itself. */
async function scansOf(url: string, work: (database: Database) => Promise<void>): Promise<number> {
  const before = await scansSoFar(url)
  const database = await openDatabase({ databaseUrl: url, now: () => NOON })
  await database.register([BTC])
  await work(database)
  await database.close()
  return (await scansSoFar(url)) - before
}

/** Sessions tell what they have counted when they end. */
async function scansSoFar(url: string): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 300))
  const [row] = await runStatements(url, [
    "select coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::int as scans from pg_stat_user_tables where relname = 'candles'",
  ])
  return Number(row?.scans)
}
