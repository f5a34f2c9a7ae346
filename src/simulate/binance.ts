import { createServer } from 'node:http'
import { GatewayError } from '../base/errors.ts'
import { createDemandClock, createWallClock, type ExchangeClock } from './clock.ts'
import { startEmitter } from './emitter.ts'
import { createRestFaults } from './faults/rest-faults.ts'
import { createFaults, type SimulatorFaults } from './faults/simulator-faults.ts'
import { createHistory } from './history.ts'
import { type KeptMinutes, openKeptMinutes } from './kept-minutes.ts'
import { listen, stopServer } from './listen.ts'
import type { SimulatedMarket } from './market.ts'
import type { MinuteStore } from './minute-ledger.ts'
import { seedFor } from './noise.ts'
import { playRecordings, type RecordingSource } from './recorded-market.ts'
import { createRestHandler } from './rest-server.ts'
import { createSeenCounters, type SimulatorSeen } from './seen.ts'
import { openSimulatorState } from './simulator-state.ts'
import { BINANCE_RULES, type ConnectionRules, serveStreams } from './stream-server.ts'
import { HALTED, symbolSpecs } from './symbols.ts'
import { createHaltedMarket, createSyntheticMarket, type HaltableMarket } from './synthetic-market.ts'
import { createWeightMeter } from './weight-meter.ts'

export interface BinanceSimulatorOptions {
  readonly host?: string | undefined
  /** 0 takes any free one. */
  readonly port?: number | undefined
  /** Decides every trade. Another one than the kept state's begins anew. Default: the kept one, else 1. */
  readonly seed?: number | undefined
  /** Made-up symbols beside the five well-known: SIM001USDT and so on. Default 0. */
  readonly symbols?: number | undefined
  /** Trades a second of all symbols together, default 50; `max` makes them as fast as the listeners take them. */
  readonly rate?: number | 'max' | undefined
  /** Candles of the 30 days before the first trade, default true. Made up as they are asked for, which takes time. */
  readonly past?: boolean | undefined
  /** Where the state is kept over restarts; without it, in memory only. */
  readonly directory?: string | undefined
  /** Begin anew, whatever is kept. */
  readonly fresh?: boolean | undefined
  /** Files of aggregate trades to replay instead of making trades up; they wait for the first listener. */
  readonly recordings?: readonly (string | RecordingSource)[] | undefined
  /** Of the recordings, default 1. */
  readonly speed?: number | 'max' | undefined
  /** How many recorded trades have already happened at the start. Default 0. */
  readonly pastTrades?: number | undefined
  /** Request weight a minute, default 6000; `Infinity` is allowed. */
  readonly weightLimit?: number | undefined
  readonly rules?: Partial<ConnectionRules> | undefined
  /** Wall time, Unix ms. */
  readonly now?: (() => number) | undefined
}

/** A running simulator of Binance's spot market data. */
export interface BinanceSimulator {
  readonly port: number
  /** `ws://127.0.0.1:PORT`: `/stream?streams=...` and `/ws/...` live below it. */
  readonly streamUrl: string
  /** `http://127.0.0.1:PORT`: `/api/v3/...` lives below it. */
  readonly restUrl: string
  /** By the exchange's symbol. */
  readonly markets: ReadonlyMap<string, SimulatedMarket>
  readonly faults: SimulatorFaults
  readonly seen: SimulatorSeen
  /**
   * While true, nothing new happens on any market, or on one; time and klines go on. Then trading goes on with the next
   * id. @throws GatewayError `config_invalid` unless trades are made up at a rate and kept in memory only
   */
  halt(halted: boolean, symbol?: string): void
  /** Sends `text` to every stream connection as it is. */
  inject(text: string): void
  /** Leaves no timer and no socket. */
  close(): Promise<void>
}

/**
 * Starts a local server that speaks Binance spot market data, REST and WebSocket on one port.
 * @throws GatewayError `port_taken`; `config_invalid` for bad options or state; `row_refused` for a bad recording
 */
export async function startBinanceSimulator(options: BinanceSimulatorOptions = {}): Promise<BinanceSimulator> {
  const { host = '127.0.0.1', port = 0, weightLimit = 6000, now = Date.now, rules } = options
  const exchange = await createMarkets(options, now())
  const { markets, clock, minutes } = exchange
  const histories = new Map(markets.map((market) => [market, createHistory(market, storeOf(market, minutes))]))
  const bySymbol = new Map(markets.map((market) => [market.symbol, market]))
  const source = {
    markets: bySymbol,
    historyOf: (market: SimulatedMarket) => histories.get(market)!,
    weightLimit,
    clock: clock.at,
  }

  const seen = createSeenCounters()
  const restFaults = createRestFaults(weightLimit)
  const meter = createWeightMeter(weightLimit)
  const server = createServer(createRestHandler({ source, meter, faults: restFaults, seen, now }))
  const boundPort = await listen(server, host, port)
  const streams = serveStreams(server, now, { ...BINANCE_RULES, ...rules }, seen)
  const { faults, deliver, close: closeFaults } = createFaults(streams, restFaults, () => clock.at(now()))
  const stopEmitting = startEmitter({
    markets: [...histories].map(([market, history]) => ({ market, history })),
    peers: streams.peers,
    clock,
    now,
    deliver,
  })
  return {
    port: boundPort,
    streamUrl: `ws://${host}:${boundPort}`,
    restUrl: `http://${host}:${boundPort}`,
    markets: bySymbol,
    faults,
    seen,
    halt: (halted, symbol) => halt(exchange, { halted, symbol, now: now() }),
    inject(text) {
      for (const peer of streams.peers) peer.say(text)
    },
    async close() {
      stopEmitting()
      closeFaults()
      streams.close()
      await stopServer(server)
    },
  }
}

interface Exchange {
  readonly markets: readonly SimulatedMarket[]
  readonly clock: ExchangeClock
  readonly minutes?: KeptMinutes | undefined
  readonly haltable?: readonly HaltableMarket[] | undefined
}

function halt(
  { haltable }: Exchange,
  { halted, symbol, now }: { readonly halted: boolean; readonly symbol: string | undefined; readonly now: number },
): void {
  if (haltable === undefined) {
    const other = 'was played, made as fast as it is taken, or kept in a directory'
    throw new GatewayError('config_invalid', `trading must be made up at a rate and in memory to be halted, ${other}`)
  }
  for (const market of haltable) if (symbol === undefined || market.symbol === symbol) market.halt(halted, now)
}

function storeOf({ symbol }: SimulatedMarket, minutes: KeptMinutes | undefined): MinuteStore | undefined {
  return minutes && { minutes: minutes.of(symbol), keep: (ended) => minutes.keep(symbol, ended) }
}

async function createMarkets(options: BinanceSimulatorOptions, now: number): Promise<Exchange> {
  const { recordings = [], speed = 1, pastTrades = 0 } = options
  if (recordings.length === 0) return inventMarkets(options, now)
  const sources = recordings.map((source) => (typeof source === 'string' ? { path: source } : source))
  return playRecordings(sources, { speed, pastTrades, now })
}

/** Trades a second of the market's own time, where it runs as fast as it can. */
const RATE_AT_MAX = 20_000
const STEP_AT_MAX_MS = 100

function inventMarkets(options: BinanceSimulatorOptions, now: number): Exchange {
  const { rate = 50, symbols = 0, past = true, directory, fresh = false, seed } = options
  if (rate === 'max' && directory !== undefined) {
    throw new GatewayError('config_invalid', "rate must be a number where trades are kept in a directory, was 'max'")
  }
  if (rate !== 'max' && !(rate > 0 && rate <= 1_000_000)) {
    throw new GatewayError('config_invalid', `rate must be above 0 and at most 1000000 trades a second, was ${rate}`)
  }
  const state = openSimulatorState({ directory, fresh, seed, now })
  const clock =
    rate === 'max' ? createDemandClock(now, (time) => time + STEP_AT_MAX_MS) : createWallClock(state.reserve)
  const all = rate === 'max' ? RATE_AT_MAX : rate
  const specs = symbolSpecs(state.seed, symbols)
  const shares = specs.reduce((sum, { share }) => sum + share, 0)
  const markets = specs.map((spec) => {
    const life = state.lifeOf(spec, { own: (all * spec.share) / shares, all })
    const market = createSyntheticMarket(spec, seedFor(state.seed, spec.symbol), life, clock)
    return past ? market : { ...market, past: undefined }
  })
  const minutes = directory === undefined ? undefined : openKeptMinutes(directory, state.isNew)
  const haltable = directory === undefined && rate !== 'max' ? markets : undefined
  return { markets: [...markets, createHaltedMarket(HALTED, clock)], clock, minutes, haltable }
}
