import { createServer } from 'node:http'
import { GatewayError } from '../base/errors.ts'
import { createFredFaults, type FredFaults } from './fred/faults.ts'
import { createLedger, type HandPublished, type Ledger } from './fred/ledger.ts'
import { SERIES } from './fred/series-spec.ts'
import { createFredHandler, type FredSeen } from './fred/server.ts'
import { listen, stopServer } from './listen.ts'

export interface FredSimulatorOptions {
  readonly host?: string | undefined
  /** 0 takes any free one. */
  readonly port?: number | undefined
  /** Decides every value and when it is published. Default 1. */
  readonly seed?: number | undefined
  /** FRED's time at the start, Unix ms; default: wall time. Everything before it has been published. */
  readonly start?: number | undefined
  /** How much faster than wall time FRED's runs, default 1. */
  readonly speed?: number | undefined
  /** The one key that is registered: 32 digits and small letters. */
  readonly apiKey?: string | undefined
  /** More are answered with 429; the real FRED allows 2. Default: as many as come. */
  readonly requestsPerSecond?: number | undefined
  /** Wall time, Unix ms. */
  readonly now?: (() => number) | undefined
}

/** A vintage as a store should have it. */
export interface TrueVintage {
  readonly period: string
  readonly vintage: string
  /** Undefined: missing. */
  readonly value: number | undefined
  /** Unix ms by FRED's clock. */
  readonly releasedAt: number
}

/** A running simulator of FRED's API. */
export interface FredSimulator {
  readonly port: number
  /** Stands in for `https://api.stlouisfed.org`. */
  readonly url: string
  readonly apiKey: string
  /** FRED's clock, Unix ms. */
  clock(): number
  /** Ids. */
  readonly series: readonly string[]
  /** Every vintage of a series that was published by `asOf` (FRED's clock, default: now), by vintage, then period. */
  truth(series: string, asOf?: number): readonly TrueVintage[]
  /**
   * Publishes values by hand, now; `lastUpdated` (Unix ms) lets the series say another moment. A row's vintage is today
   * unless it says another, and replaces one of that day.
   */
  publish(series: string, rows: readonly HandPublished[], options?: { readonly lastUpdated?: number }): void
  readonly faults: FredFaults
  readonly seen: FredSeen
  /** Leaves no timer and no socket. */
  close(): Promise<void>
}

const API_KEY = 'abcdefghijklmnopqrstuvwxyz012345'

/**
 * Starts a local server that speaks the part of FRED's API that a gateway needs: series, observations with their
 * vintages, vintage dates and recent updates. Every publication is a pure function of seed, series and time.
 * @throws GatewayError `port_taken`
 */
export async function startFredSimulator(options: FredSimulatorOptions = {}): Promise<FredSimulator> {
  const { host = '127.0.0.1', port = 0, seed = 1, now = Date.now, speed = 1, apiKey = API_KEY } = options
  const { start = now(), requestsPerSecond = Number.POSITIVE_INFINITY } = options
  const begun = now()
  const clock = () => Math.floor(start + (now() - begun) * speed)
  const ledgers: ReadonlyMap<string, Ledger> = new Map(SERIES.map((spec) => [spec.id, createLedger(spec, seed)]))
  const ledgerOf = (series: string): Ledger => {
    const ledger = ledgers.get(series)
    if (ledger === undefined) throw new GatewayError('config_invalid', `series must be simulated, was ${series}`)
    ledger.advance(clock())
    return ledger
  }

  const faults = createFredFaults()
  const { handle, seen } = createFredHandler({ source: { ledgers }, faults, apiKey, requestsPerSecond, clock })
  const server = createServer(handle)
  const boundPort = await listen(server, host, port)
  return {
    port: boundPort,
    url: `http://${host}:${boundPort}`,
    apiKey,
    clock,
    series: [...ledgers.keys()],
    truth: (series, asOf = clock()) => truthOf(ledgerOf(series), asOf),
    publish: (series, rows, { lastUpdated } = {}) => ledgerOf(series).publish(rows, clock(), lastUpdated),
    faults,
    seen,
    async close() {
      faults.clear()
      await stopServer(server)
    },
  }
}

function truthOf(ledger: Ledger, asOf: number): readonly TrueVintage[] {
  const rows = ledger
    .periods()
    .flat()
    .filter(({ releasedAt }) => releasedAt <= asOf)
  return rows
    .map((row) => ({ ...row, value: row.value === '.' ? undefined : Number(row.value) }))
    .sort((a, b) => compare(a.vintage, b.vintage) || compare(a.period, b.period))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
