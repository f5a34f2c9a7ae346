import { createServer } from 'node:http'
import { GatewayError } from '../base/errors.ts'
import { listen, stopServer } from './listen.ts'
import { seedFor } from './noise.ts'
import { createCalendar, type ExchangeCalendar, type ExchangeHours, NEW_YORK } from './yahoo/exchange-hours.ts'
import { createStockNoise } from './yahoo/session-tape.ts'
import type { DatedSplit, Dividend, Split } from './yahoo/splits.ts'
import { createStockMarket, type StockMarket } from './yahoo/stock-market.ts'
import { type StockSpec, stockSpecs } from './yahoo/stock-specs.ts'
import { createYahooFaults, type YahooFaults } from './yahoo/yahoo-faults.ts'
import { createYahooHandler, type YahooSeen, type YahooSeenCounters } from './yahoo/yahoo-server.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

export interface YahooSimulatorOptions {
  readonly host?: string | undefined
  /** 0 takes any free one. */
  readonly port?: number | undefined
  /** Decides every price: the same seed tells the same past, whenever it is started. Default 1. */
  readonly seed?: number | undefined
  /** Made-up symbols beside the well-known: SIM001 and so on. Default 0. */
  readonly symbols?: number | undefined
  /** Wall time, Unix ms. */
  readonly now?: (() => number) | undefined
  /** The market's time at the start, Unix ms. Default: wall time. */
  readonly start?: number | undefined
  /** How fast the market's time runs. Default 1. */
  readonly speed?: number | undefined
  /** Default New York's. */
  readonly hours?: ExchangeHours | undefined
  /** How often a price moves in regular hours, default 4 times a minute; a divisor of 60, at least 4. */
  readonly printsPerMinute?: number | undefined
  /** There is nothing before (Unix ms). Default: 730 days before the start. */
  readonly listed?: number | undefined
  /** Of a longer chart, only its newest rows are told. Default: all. */
  readonly mostRows?: number | undefined
  readonly splits?: readonly Split[] | undefined
  readonly dividends?: readonly Dividend[] | undefined
}

/** A running simulator of Yahoo's quotes and charts. */
export interface YahooSimulator {
  readonly port: number
  /** `http://127.0.0.1:PORT`: each public host is a folder of it, `/query2.finance.yahoo.com/v7/finance/quote`. */
  readonly url: string
  /** The market's time, Unix ms. Never falls. */
  clock(): number
  readonly calendar: ExchangeCalendar
  /** By symbol. */
  readonly markets: ReadonlyMap<string, StockMarket>
  readonly faults: YahooFaults
  readonly seen: YahooSeen
  /** Leaves no timer and no socket. */
  close(): Promise<void>
}

/**
 * Starts a local server that speaks Yahoo's quotes and charts. Nothing is kept: what a price was at a moment follows
 * from the seed, so another start tells the same past and goes on as the market did meanwhile.
 * @throws GatewayError `port_taken`; `config_invalid` for bad options
 */
export async function startYahooSimulator(options: YahooSimulatorOptions = {}): Promise<YahooSimulator> {
  const { host = '127.0.0.1', port = 0, hours = NEW_YORK, mostRows = Number.POSITIVE_INFINITY } = options
  checkOptions(options)
  const clock = createMarketClock(options)
  const calendar = createCalendar(hours)
  const markets = createMarkets(options, calendar)
  const listed = calendar.sessionFrom(calendar.local.dayOf(options.listed ?? clock() - 730 * DAY)).open
  const sources = new Map(
    [...markets].map(([symbol, market]) => {
      const dividends = dated(options.dividends ?? [], calendar).filter((dividend) => dividend.symbol === symbol)
      return [symbol, { market, listed, mostRows, dividends }]
    }),
  )
  const faults = createYahooFaults()
  const seen: YahooSeenCounters = { requests: new Map(), largestBatch: 0 }
  const server = createServer(createYahooHandler({ sources, faults, seen, clock }))
  const boundPort = await listen(server, host, port)
  return {
    port: boundPort,
    url: `http://${host}:${boundPort}`,
    clock,
    calendar,
    markets,
    faults,
    seen,
    async close() {
      faults.clear()
      await stopServer(server)
    },
  }
}

function checkOptions({ printsPerMinute = 4, speed = 1 }: YahooSimulatorOptions): void {
  if (!(printsPerMinute >= 4 && 60 % printsPerMinute === 0)) {
    throw new GatewayError('config_invalid', `printsPerMinute must divide 60 and be at least 4, was ${printsPerMinute}`)
  }
  if (!(speed > 0)) throw new GatewayError('config_invalid', `speed must be above 0, was ${speed}`)
}

function createMarketClock({ now = Date.now, start, speed = 1 }: YahooSimulatorOptions): () => number {
  const begun = now()
  let latest = Number.NEGATIVE_INFINITY
  return () => {
    // A host's clock can be set back; what has happened stays so.
    latest = Math.max(latest, Math.floor((start ?? begun) + (now() - begun) * speed))
    return latest
  }
}

function createMarkets(
  { seed = 1, symbols = 0, printsPerMinute = 4, splits = [] }: YahooSimulatorOptions,
  calendar: ExchangeCalendar,
): ReadonlyMap<string, StockMarket> {
  const create = (spec: StockSpec) => {
    const own: readonly DatedSplit[] = dated(splits, calendar).filter(({ symbol }) => symbol === spec.symbol)
    const noise = createStockNoise(spec, seedFor(seed, spec.symbol), own, printsPerMinute)
    return createStockMarket(spec, noise, calendar, own)
  }
  return new Map(stockSpecs(seed, symbols).map((spec) => [spec.symbol, create(spec)]))
}

/** @throws GatewayError `config_invalid` for a day on which the exchange is closed */
function dated<T extends { readonly date: string }>(
  rows: readonly T[],
  calendar: ExchangeCalendar,
): readonly (T & { readonly time: number })[] {
  return rows.map((row) => {
    const session = calendar.sessionOf(Math.floor(Date.parse(`${row.date}T00:00:00Z`) / DAY))
    if (!session) throw new GatewayError('config_invalid', `date must be a trading day, was ${row.date}`)
    return { ...row, time: session.open }
  })
}
