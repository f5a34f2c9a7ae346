import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pass } from 'node:timers/promises'
import { type BinanceSimulator, startBinanceSimulator } from '../../src/simulate/binance.ts'
import { Program } from '../fakes/program.ts'
import type { LaunchedServer } from '../servers/launch.ts'
import type { Store } from './store.ts'

export interface OutageLoad {
  readonly postgresql: LaunchedServer
  /** Empty, of that server. */
  readonly store: Store
  /** Trades a second of all symbols together. */
  readonly rate: number
  /** How long the server is down. */
  readonly seconds: number
  /** The gateway is killed by `kill -9` in the middle of that, and started again at once. */
  readonly kill: boolean
}

export interface OutageFigures {
  /** Trades of the exchange from the first stored to the last. */
  readonly trades: number
  /** Resident memory of the gateway before the outage, and the most during it and after it. */
  readonly rssBefore: number
  readonly rssMost: number
  readonly rssMostLater: number
  /** Bytes on disk at the end of the outage. */
  readonly spoolBytes: number
  /** From the server's return until nothing waited on disk. */
  readonly drainedMs: number
  /** What is not as it must be. */
  readonly failures: readonly string[]
}

const SYMBOLS = ['BTC', 'ETH', 'SOL', 'BNB', 'XRP']
/** So long before the outage: memory has filled by then with what it always holds. */
const WARM_MS = 8_000
/** A restart asks for all trades of the running minute: half a million, on a machine with a lot to do. */
const SETTLES_WITHIN_MS = 180_000

/** A gateway as a process of its own, under load, whose PostgreSQL goes away and comes back. */
export async function runOutageLoad({ postgresql, store, rate, seconds, kill }: OutageLoad): Promise<OutageFigures> {
  const directory = await mkdtemp(join(tmpdir(), 'tickgate-outage-'))
  const simulator = await startBinanceSimulator({ rate, past: false, weightLimit: Number.POSITIVE_INFINITY })
  let gateway = await start(simulator, store.url, directory)
  try {
    // On a machine with a lot to do, a stream takes long to come to where its source is.
    await until(async () => (await store.newest()).size === SYMBOLS.length, SETTLES_WITHIN_MS)
    await pass(WARM_MS)
    const rssBefore = await rssOf(gateway)
    const watch = watchMemory(() => gateway)
    await postgresql.halt('SIGQUIT')
    const halted = performance.now()
    if (kill) {
      await pass(seconds * 500)
      await gateway.kill('SIGKILL')
      gateway = await start(simulator, store.url, directory)
    }
    await pass(Math.max(0, halted + seconds * 1_000 - performance.now()))
    const spoolBytes = await gauge(gateway, 'tickgate_spool_bytes')
    const rssMost = watch.most
    await postgresql.revive()
    const back = performance.now()
    await until(async () => (await gauge(gateway, 'tickgate_spool_ticks')) === 0, SETTLES_WITHIN_MS)
    const drainedMs = performance.now() - back
    simulator.halt(true)
    await until(
      async () => (await isStored(simulator, store)) && (await store.openGaps()).length === 0,
      SETTLES_WITHIN_MS,
    )
    const failures = await verifyAll(gateway)
    const rssMostLater = watch.stop()
    await gateway.kill('SIGTERM')
    const found = await compare(simulator, store)
    return {
      ...{ rssBefore, rssMost, rssMostLater, spoolBytes, drainedMs, trades: found.trades },
      failures: [...failures, ...found.failures],
    }
  } catch (error) {
    const waits = await gauge(gateway, 'tickgate_spool_ticks').catch(String)
    const queued = await gauge(gateway, 'tickgate_writer_queue_rows').catch(String)
    const said = `${waits} ticks waited on disk, ${queued} rows in memory; it said last: ${gateway.err.slice(-4_000)}`
    throw new Error(said, { cause: error })
  } finally {
    await gateway.kill('SIGKILL')
    await simulator.close()
    await rm(directory, { recursive: true, force: true })
  }
}

async function start(simulator: BinanceSimulator, databaseUrl: string, dataDir: string): Promise<Program> {
  const gateway = new Program(['serve'], {
    ...{ PORT: '0', DATA_DIR: dataDir, DATABASE_URL: databaseUrl, LOG_LEVEL: 'info' },
    ...{ CRYPTO_SYMBOLS: SYMBOLS.join(','), STOCK_SYMBOLS: '', MACRO_SERIES: '' },
    ...{ BINANCE_STREAM_URL: simulator.streamUrl, BINANCE_REST_URL: simulator.restUrl, HOLD_BACK_MS: '60000' },
  })
  await gateway.until(({ err }) => err.includes('"msg":"ready"'), 30_000)
  return gateway
}

async function isStored(simulator: BinanceSimulator, store: Store): Promise<boolean> {
  const newest = await store.newest()
  return SYMBOLS.every((symbol) => newest.get(symbol) === lastOf(simulator, symbol))
}

function lastOf(simulator: BinanceSimulator, symbol: string): number {
  return simulator.markets.get(`${symbol}USDT`)!.nextId(Date.now()) - 1
}

/** `tickgate verify` of every symbol: that no id is missing or twice, and that candles are those of the trades. */
async function verifyAll(gateway: Program): Promise<readonly string[]> {
  const failures: string[] = []
  for (const symbol of SYMBOLS) {
    const answer = await fetch(`${urlOf(gateway)}/api/v1/verify/${symbol}`, { method: 'POST' })
    const events = (await answer.text()).split('\n').filter(Boolean)
    const summary = events.map((line) => JSON.parse(line)).at(-1)
    if (summary?.type !== 'summary' || !summary.ok || summary.counts.candles === 0) {
      failures.push(`verify ${symbol}: ${events.slice(-4).join(' ')}`)
    }
  }
  return failures
}

/** Every trade of the exchange from the first that is stored is there, once, as it happened. */
async function compare(simulator: BinanceSimulator, store: Store) {
  const failures: string[] = []
  let trades = 0
  for (const symbol of SYMBOLS) {
    const market = simulator.markets.get(`${symbol}USDT`)!
    const rows = await store.ticks(symbol)
    const last = lastOf(simulator, symbol)
    let next = rows[0]?.id ?? 0
    for (const { id, price, size, time } of rows) {
      const trade = market.trade(id)
      const isSame = price === Number(trade.price) && size === Number(trade.size) && time === trade.time
      if (id !== next || !isSame) failures.push(`${symbol} ${id} must be ${next}, as the exchange has it`)
      next = id + 1
    }
    if (next !== last + 1) failures.push(`${symbol} must be stored up to ${last}, is up to ${next - 1}`)
    trades += rows.length
  }
  return { trades, failures: failures.slice(0, 20) }
}

function watchMemory(gateway: () => Program) {
  let most = 0
  const look = async () => {
    most = Math.max(most, await rssOf(gateway()))
  }
  const timer = setInterval(() => void look(), 250)
  return {
    get most() {
      return most
    },
    stop() {
      clearInterval(timer)
      return most
    },
  }
}

/** 0 while it is not there. */
async function rssOf({ child }: Program): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024
}

async function gauge(gateway: Program, name: string): Promise<number> {
  const text = await (await fetch(`${urlOf(gateway)}/metrics`)).text()
  return Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
}

function urlOf({ err }: Program): string {
  return /"url":"([^"]+)"/.exec(err)![1]!
}

async function until(condition: () => Promise<boolean>, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await condition().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`what is waited for must come within ${withinMs} ms`)
    await pass(100)
  }
}
