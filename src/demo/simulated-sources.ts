import { type BinanceSimulator, startBinanceSimulator } from '../simulate/binance.ts'
import { createCatchingUpClock } from '../simulate/catching-up-clock.ts'
import { type FredSimulator, startFredSimulator } from '../simulate/fred.ts'
import type { ExchangeHours } from '../simulate/yahoo/exchange-hours.ts'
import { startYahooSimulator, type YahooSimulator } from '../simulate/yahoo.ts'

const DAY = 24 * 60 * 60_000

/**
 * An exchange on New York's clock that trades around the clock, but for a quarter of an hour on either side of midnight,
 * when prices come from outside of its regular hours: whenever somebody tries the demo, something moves.
 */
const DEMO_HOURS: ExchangeHours = {
  timeZone: 'America/New_York',
  preMinute: 0,
  openMinute: 15,
  closeMinute: 24 * 60 - 15,
  postMinute: 24 * 60,
  everyDay: true,
}

/** How far back its charts go, as crypto's do: each day of it is read at a start, which is to be quick. */
const LISTED_DAYS = 30

/** More than a chart shows: around the clock, the days that are asked for have thrice the minutes of New York's. */
const MOST_ROWS = 2_000

/** Where FRED's time begins: for hours there is news, a day's within ten seconds, and none of it is of the future. */
const RELEASES_FROM_DAYS = 1_000
const RELEASE_SPEED = 8_640

/** The simulators always have these; made-up symbols come after them. */
const WELL_KNOWN = 5

export interface SourceOptions {
  readonly seed: number
  readonly rate: number
  readonly symbols: number
  /** Where what they must remember is kept. */
  readonly directory: string
  readonly recordings?: readonly string[] | undefined
  readonly speed?: number | 'max' | undefined
}

/** Simulators of all sources. */
export interface SimulatedSources {
  readonly binance: BinanceSimulator
  readonly yahoo: YahooSimulator
  readonly fred: FredSimulator
  close(): Promise<void>
}

/**
 * Starts them all; when one cannot, the others are ended.
 * @throws GatewayError `config_invalid`, `port_taken`, `row_refused` for a bad recording
 */
export async function startSimulatedSources(options: SourceOptions): Promise<SimulatedSources> {
  const { seed, rate, symbols, directory, recordings, speed } = options
  const starting = [
    startBinanceSimulator({
      ...{ seed, rate, directory, recordings, speed, weightLimit: Number.POSITIVE_INFINITY },
      symbols: Math.max(0, symbols - WELL_KNOWN),
    }),
    startYahooSimulator({
      ...{ seed, hours: DEMO_HOURS, printsPerMinute: 30, mostRows: MOST_ROWS },
      listed: Date.now() - LISTED_DAYS * DAY,
    }),
    startFred(seed, directory),
  ] as const
  const close = async () => {
    const started = await Promise.allSettled(starting)
    await Promise.all(started.map((result) => (result.status === 'fulfilled' ? result.value.close() : undefined)))
  }
  try {
    const [binance, yahoo, fred] = await Promise.all(starting)
    return { binance, yahoo, fred, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function startFred(seed: number, directory: string): Promise<FredSimulator> {
  const from = Date.now() - RELEASES_FROM_DAYS * DAY
  return startFredSimulator({ seed, now: createCatchingUpClock({ directory, from, speed: RELEASE_SPEED }) })
}
