import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Config, loadConfig } from './config.ts'
import { describeFirstTick, describePlaces } from './demo/places.ts'
import { type SimulatedSources, startSimulatedSources } from './demo/simulated-sources.ts'
import type { Gateway, ServingGateway } from './gateway.ts'
import { LOCK_FILE, lockDataDir } from './tiers/data-dir-lock.ts'

export interface DemoOptions {
  /** The same seed gives the same prices. */
  readonly seed: number
  readonly port: number | undefined
  /** Trades a second, of all crypto symbols together. */
  readonly rate: number
  /** How many of crypto: BTC, ETH, SOL, BNB, XRP, then made-up ones. */
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

/** Starts the simulators and a gateway on them, and prints where to look. */
export async function startDemo(
  options: DemoOptions,
  env: Readonly<Record<string, string | undefined>>,
  start: (config: Config, onServing: (gateway: ServingGateway) => void) => Promise<Gateway>,
): Promise<Demo> {
  const began = performance.now()
  const directory = await demoDirectory(options, env.DATA_DIR ?? './data')
  const sources = await startSimulatedSources({ ...options, directory })
  try {
    const config = demoConfig(options, env, directory, sources)
    const gateway = await start(config, (serving) => {
      process.stdout.write(describePlaces(serving, symbolsOf(config), directory))
      void serving.ready.then(() => process.stdout.write(describeFirstTick(serving, performance.now() - began)))
    })
    return {
      async close() {
        await gateway.close()
        await sources.close()
      },
    }
  } catch (error) {
    await sources.close()
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

/** How often the simulators are polled: they do not mind. */
const POLL_MS = '1000'

function demoConfig(
  { port, symbols }: DemoOptions,
  env: Readonly<Record<string, string | undefined>>,
  directory: string,
  { binance, yahoo, fred }: SimulatedSources,
): Config {
  return loadConfig({
    HOST: '127.0.0.1',
    PORT: port === undefined ? env.PORT : String(port),
    LOG_LEVEL: env.LOG_LEVEL ?? 'warn',
    DATA_DIR: directory,
    BINANCE_STREAM_URL: binance.streamUrl,
    BINANCE_REST_URL: binance.restUrl,
    CRYPTO_SYMBOLS: tradingOn(binance, symbols),
    YAHOO_URL: yahoo.url,
    YAHOO_POLL_MS: POLL_MS,
    FRED_URL: fred.url,
    FRED_POLL_MS: POLL_MS,
    FRED_API_KEY: fred.apiKey,
  })
}

function tradingOn({ markets }: SimulatedSources['binance'], count: number): string {
  const trading = [...markets.values()].filter(({ status }) => status === 'TRADING').slice(0, count)
  return trading.map(({ baseAsset, symbol }) => `${baseAsset}=${symbol}`).join(',')
}

function symbolsOf({ cryptoSymbols, stockSymbols, macroSeries }: Config) {
  const names = (mappings: Config['cryptoSymbols']) => mappings.map(({ symbol }) => symbol)
  return { crypto: names(cryptoSymbols), stock: names(stockSymbols), macro: names(macroSeries) }
}
