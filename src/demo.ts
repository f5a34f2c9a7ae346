import { readdir, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Config, loadConfig } from './config.ts'
import type { Gateway, ServingGateway } from './gateway.ts'
import { type BinanceSimulator, startBinanceSimulator } from './simulate/binance.ts'
import { LOCK_FILE, lockDataDir } from './tiers/data-dir-lock.ts'

export interface DemoOptions {
  /** The same seed gives the same trades. */
  readonly seed: number
  readonly port: number | undefined
  /** Trades a second, of all symbols together. */
  readonly rate: number
  /** How many: BTC, ETH, SOL, BNB, XRP, then made-up ones. */
  readonly symbols: number
  /** Begin anew, instead of going on where the last demo stopped. */
  readonly fresh: boolean
  /** Files of recorded aggregate trades to replay instead of made-up ones. */
  readonly recordings?: readonly string[] | undefined
  /** How fast they are replayed; default 1. */
  readonly speed?: number | 'max' | undefined
}

export interface Demo {
  close(): Promise<void>
}

/** The simulator always has these; made-up symbols come after them. */
const WELL_KNOWN = 5
const BIN = fileURLToPath(new URL('./cli/tickgate.js', import.meta.url))

/** Starts the simulators and a gateway on them, and prints where to look. */
export async function startDemo(
  options: DemoOptions,
  env: Readonly<Record<string, string | undefined>>,
  start: (config: Config, onServing: (gateway: ServingGateway) => void) => Promise<Gateway>,
): Promise<Demo> {
  const began = performance.now()
  const directory = await demoDirectory(options, env.DATA_DIR ?? './data')
  const simulator = await startBinanceSimulator({
    seed: options.seed,
    rate: options.rate,
    symbols: Math.max(0, options.symbols - WELL_KNOWN),
    directory,
    weightLimit: Number.POSITIVE_INFINITY,
    recordings: options.recordings,
    speed: options.speed,
  })
  try {
    const gateway = await start(demoConfig(options, env, directory, simulator), (serving) => {
      process.stdout.write(describePlaces(serving, directory))
      void serving.ready.then(() => process.stdout.write(describeFirstTick(serving, performance.now() - began)))
    })
    return {
      async close() {
        await gateway.close()
        await simulator.close()
      },
    }
  } catch (error) {
    await simulator.close()
    throw error
  }
}

/** Each seed has a directory of its own: its trades have the same ids as another seed's, and other contents. */
async function demoDirectory({ seed, fresh, recordings }: DemoOptions, dataDir: string): Promise<string> {
  const directory = join(dataDir, 'demo', recordings ? 'recording' : `seed-${seed}`)
  // A recording is replayed from its beginning, and on another day with other times: its trades are not those stored.
  if (fresh || recordings) await emptyDirectory(directory)
  return directory
}

/** @throws GatewayError data_dir_locked while another demo runs on it */
async function emptyDirectory(directory: string): Promise<void> {
  const lock = await lockDataDir(directory)
  try {
    const kept = (await readdir(directory)).filter((name) => name !== LOCK_FILE)
    await Promise.all(kept.map((name) => rm(join(directory, name), { recursive: true, force: true })))
  } finally {
    await lock.release()
  }
}

function demoConfig(
  { port, symbols }: DemoOptions,
  env: Readonly<Record<string, string | undefined>>,
  directory: string,
  simulator: BinanceSimulator,
): Config {
  return loadConfig({
    HOST: '127.0.0.1',
    PORT: port === undefined ? env.PORT : String(port),
    LOG_LEVEL: env.LOG_LEVEL ?? 'warn',
    DATA_DIR: directory,
    BINANCE_STREAM_URL: simulator.streamUrl,
    BINANCE_REST_URL: simulator.restUrl,
    CRYPTO_SYMBOLS: symbolsOf(simulator, symbols),
    STOCK_SYMBOLS: '',
    MACRO_SERIES: '',
  })
}

function symbolsOf({ markets }: BinanceSimulator, count: number): string {
  const trading = [...markets.values()].filter(({ status }) => status === 'TRADING').slice(0, count)
  return trading.map(({ baseAsset, symbol }) => `${baseAsset}=${symbol}`).join(',')
}

function describePlaces({ url }: ServingGateway, directory: string): string {
  const bin = relative(process.cwd(), BIN)
  const command = /\s/.test(bin) ? `"${bin}"` : bin
  return [
    '',
    'tickgate demo: a simulated Binance, the embedded database, no network',
    '',
    `  dashboard   ${url}`,
    `  websocket   ${url.replace('http', 'ws')}/ws?symbols=BTC&channel=candles&timeframe=1m&history=5`,
    `  pipe        node ${command} tail BTC ETH --url ${url}`,
    `  data        ${directory}`,
    '',
    'Ctrl-C stops it.',
    '',
    '',
  ].join('\n')
}

function describeFirstTick({ memory }: ServingGateway, tookMs: number): string {
  const latest = [...memory.streams()].map((stream) => stream.latest).find((update) => update !== undefined)
  const tick = latest === undefined ? 'no tick yet' : `${latest.symbol} ${latest.price}`
  return `ready after ${(tookMs / 1000).toFixed(1)} s: ${tick}\n`
}
