import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createBinanceFeed } from '../../feeds/binance.ts'
import { loadConfig } from '../../src/config.ts'
import { type Gateway, startGateway } from '../../src/gateway.ts'
import { TIMEFRAMES, type Timeframe } from '../../src/market/timeframe.ts'
import { type BinanceSimulator, startBinanceSimulator } from '../../src/simulate/binance.ts'
import { openDatabase } from '../../src/tiers/database/open-database.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'
import { type ComparedCandle, fetchKlines, findDifferences } from './exchange-klines.ts'
import { Player } from './player.ts'
import { checkStoredTrades } from './stored-trades.ts'
import { watchCandles } from './watch-candles.ts'

/** Klines of the exchange itself, for the times of the recording. */
export interface KnownKlines {
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly klines: readonly ComparedCandle[]
}

export interface RecordingPlan {
  /** Files of trades, one a symbol, all of the same day. */
  readonly recordings: readonly string[]
  readonly known?: readonly KnownKlines[]
  /** How many of the trades have happened when the gateway starts. */
  readonly pastTrades: number
}

export interface RecordingProof {
  readonly trades: number
  /** From the first trade that was played until memory had the last. */
  readonly seconds: number
  /** Candles that were compared with the exchange's own klines, and with those made of the same trades. */
  readonly compared: { readonly known: number; readonly made: number }
  readonly intervalEnds: number
  /** Empty: everything is as it must be. */
  readonly differences: readonly string[]
}

const WATCHED = ['1s', '1m', '5m'] as const satisfies readonly Timeframe[]

/**
 * Plays recorded trades at full speed through the simulator, the real adapter, memory and the store, then once more
 * starts on that store. Compares every stored trade with the recording, and the candles (live in memory, as a client got
 * them, as they were stored, and after the restart) with the simulator's klines and with the exchange's own.
 */
export async function proveRecording({ recordings, known = [], pastTrades }: RecordingPlan): Promise<RecordingProof> {
  const directory = await mkdtemp(join(tmpdir(), 'tickgate recording '))
  const player = new Player()
  const simulator = await startBinanceSimulator({ recordings, pastTrades, weightLimit: Infinity, now: player.now })
  try {
    const shift = await shiftOf(recordings[0]!, simulator)
    const shifted = known.map(({ klines, ...rest }) => ({
      ...rest,
      klines: klines.map((kline) => ({ ...kline, time: kline.time + shift })),
    }))
    return await new Proof(simulator, player, directory, shifted).run()
  } finally {
    await simulator.close()
    await rm(directory, { recursive: true, force: true })
  }
}

class Proof {
  readonly #simulator: BinanceSimulator
  readonly #player: Player
  readonly #directory: string
  readonly #known: readonly KnownKlines[]
  readonly #symbols: readonly string[]
  readonly #differences: string[] = []
  readonly #compared = { known: 0, made: 0 }

  constructor(simulator: BinanceSimulator, player: Player, directory: string, known: readonly KnownKlines[]) {
    this.#simulator = simulator
    this.#player = player
    this.#directory = directory
    this.#symbols = [...simulator.markets.keys()]
    this.#known = known
  }

  async run(): Promise<RecordingProof> {
    const first = await this.#start()
    await first.ready
    const leaving = new AbortController()
    const watches = WATCHED.map((timeframe) => watchCandles(first.url, this.#symbols, timeframe, leaving.signal))
    await expectClients(first, WATCHED.length * this.#symbols.length)
    const started = performance.now()
    await this.#player.play([...this.#simulator.markets.values()], first.memory)
    const seconds = (performance.now() - started) / 1_000
    // The clients have what was sent when they hear nothing new; conflation is off for them.
    await sleep(500)
    leaving.abort()
    const seen = await Promise.all(watches)
    await this.#compareMemory('live', first)
    for (const [index, timeframe] of WATCHED.entries()) {
      this.#differences.push(...seen[index]!.faults)
      for (const [symbol, candles] of seen[index]!.candles) await this.#compare('client', symbol, timeframe, candles)
    }
    await first.close()
    const trades = await this.#compareStored()
    const second = await this.#start()
    await second.ready
    await this.#compareMemory('restarted', second)
    await second.close()
    const intervalEnds = seen.reduce((sum, { ends }) => sum + ends, 0)
    return { trades, seconds, compared: this.#compared, intervalEnds, differences: this.#differences }
  }

  async #start(): Promise<Gateway> {
    const { streamUrl, restUrl } = this.#simulator
    const config = loadConfig({
      ...{ PORT: '0', STOCK_SYMBOLS: '', MACRO_SERIES: '', DATA_DIR: join(this.#directory, 'data') },
      CRYPTO_SYMBOLS: this.#symbols.map((symbol) => `${symbol}=${symbol}`).join(','),
      ...{ BINANCE_STREAM_URL: streamUrl, BINANCE_REST_URL: restUrl },
    })
    const feed = createBinanceFeed({ symbols: config.cryptoSymbols, streamUrl, restUrl })
    const log = createLogRecorder()
    return startGateway({ config, feeds: [feed], dashboardDirectory: this.#directory, log })
  }

  async #compareMemory(when: string, { memory }: Gateway): Promise<void> {
    for (const symbol of this.#symbols) {
      for (const timeframe of TIMEFRAMES) {
        await this.#compare(when, symbol, timeframe, memory.stream(symbol)!.candles(timeframe, 1_000))
      }
    }
  }

  async #compare(when: string, symbol: string, timeframe: Timeframe, ours: readonly ComparedCandle[]): Promise<void> {
    const made = await fetchKlines(this.#simulator.restUrl, symbol, timeframe)
    this.#differences.push(...findDifferences(`${when} ${symbol} ${timeframe}`, ours, made))
    this.#compared.made += ours.length
    for (const { klines } of this.#known.filter((each) => each.symbol === symbol && each.timeframe === timeframe)) {
      this.#differences.push(...findDifferences(`${when} ${symbol} ${timeframe} of the exchange`, ours, klines))
      this.#compared.known += klines.filter(({ time }) => ours.some((candle) => candle.time === time)).length
    }
  }

  /** Every trade and every candle in the store. Returns how many trades there are. */
  async #compareStored(): Promise<number> {
    const database = await openDatabase({ dataDir: join(this.#directory, 'data') })
    let trades = 0
    try {
      const instruments = await database.instruments()
      await database.register(instruments)
      for (const instrument of instruments) {
        const { symbol } = instrument
        const checked = await checkStoredTrades(database, instrument, this.#simulator.markets.get(symbol)!)
        trades += checked.trades
        this.#differences.push(...checked.differences)
        for (const timeframe of TIMEFRAMES) {
          await this.#compare('stored', symbol, timeframe, await database.candles(instrument, timeframe, 1_000))
        }
      }
    } finally {
      await database.close()
    }
    return trades
  }
}

async function expectClients({ hub }: Gateway, subscriptions: number): Promise<void> {
  while (hub.stats.subscriptions < subscriptions) await sleep(5)
}

/** Recordings are played as of today: they, and so the klines of their times, are shifted by whole days. */
async function shiftOf(recording: string, simulator: BinanceSimulator): Promise<number> {
  const [first = ''] = (await readFile(recording, 'utf8')).split('\n').filter((line) => /^\d/.test(line))
  const [id, , , , , time] = first.split(',').map(Number)
  const market = [...simulator.markets.values()].find(({ firstId }) => firstId === id)
  if (market === undefined || time === undefined) throw new Error(`a recording must begin with a trade, was '${first}'`)
  // Times in the files are ms, or since 2025 microseconds.
  return market.trade(market.firstId).time - (time > 1e14 ? Math.floor(time / 1_000) : time)
}
