import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { describeError, GatewayError } from '../base/errors.ts'
import { parseAggregateCsv, type RecordedTrades } from './aggregate-csv.ts'
import { createDemandClock, createPlaybackClock, type ExchangeClock } from './clock.ts'
import { digitsOf, printTrade } from './decimal.ts'
import type { MarketFacts, SimulatedMarket, TradeSteps } from './market.ts'
import { knownFacts } from './symbols.ts'

const DAY = 24 * 60 * 60_000

/** A file of aggregate trades in Binance's public CSV format. */
export interface RecordingSource {
  readonly path: string
  /** `BTCUSDT`; without it, what the file's name begins with. */
  readonly symbol?: string | undefined
}

/** How recordings are played. */
export interface Playback {
  /** Times wall speed, or `max`: as fast as the listeners take it. */
  readonly speed: number | 'max'
  /** How many trades, of all recordings together, have already happened when it starts. */
  readonly pastTrades: number
  /** Wall time: the last trade is shifted by whole days into the day that ends here. */
  readonly now: number
}

export interface PlayedRecordings {
  readonly markets: readonly SimulatedMarket[]
  readonly clock: ExchangeClock
}

/**
 * Reads recordings and lays them on one clock, which waits for the first listener.
 * @throws GatewayError `config_invalid` for a file that cannot be read or names no symbol, `row_refused` for a bad row
 */
export async function playRecordings(
  sources: readonly RecordingSource[],
  { speed, pastTrades, now }: Playback,
): Promise<PlayedRecordings> {
  const unshifted = await Promise.all(sources.map(readRecording))
  const shift = wholeDays(now - Math.max(...unshifted.map(({ trades }) => trades.times.at(-1)!)))
  const recordings = unshifted.map(({ symbol, trades }) => ({
    symbol,
    trades: { ...trades, times: trades.times.map((time) => time + shift) },
  }))
  const timeline = mergedTimes(recordings.map(({ trades }) => trades.times))
  const start = pastTrades < timeline.length ? timeline[pastTrades]! - 1 : timeline.at(-1)!
  const clock =
    speed === 'max' ? createDemandClock(start, (time) => laterTime(timeline, time)) : createPlaybackClock(start, speed)
  return { clock, markets: recordings.map(({ symbol, trades }) => createRecordedMarket(symbol, trades, clock)) }
}

/** Trades let go at once by a recording that is played as fast as it is taken. */
const TRADES_A_STEP = 2_000

/** The time of the trade some way after `time`; undefined at the end. */
function laterTime(timeline: Float64Array, time: number): number | undefined {
  const next = firstAtOrAfter(timeline, time + 1)
  return next < timeline.length ? timeline[Math.min(next + TRADES_A_STEP, timeline.length) - 1] : undefined
}

async function readRecording({ path, symbol = symbolOf(path) }: RecordingSource) {
  const name = basename(path)
  if (symbol === undefined) {
    throw new GatewayError('config_invalid', `a recording's name must begin with its symbol, was '${name}'`)
  }
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new GatewayError('config_invalid', `recording must be readable, was ${describeError(error)}`, {
      cause: error,
    })
  })
  return { symbol, trades: parseAggregateCsv(text, name) }
}

function symbolOf(path: string): string | undefined {
  return /^[A-Z0-9]{5,}/.exec(basename(path).toUpperCase())?.[0]
}

function wholeDays(time: number): number {
  return Math.floor(time / DAY) * DAY
}

function mergedTimes(columns: readonly Float64Array[]): Float64Array {
  const merged = new Float64Array(columns.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const column of columns) {
    merged.set(column, offset)
    offset += column.length
  }
  return merged.sort()
}

/** The first row at or after `time`, in a column that never falls. */
function firstAtOrAfter(times: Float64Array, time: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (times[middle]! >= time) high = middle
    else low = middle + 1
  }
  return low
}

function createRecordedMarket(symbol: string, trades: RecordedTrades, clock: ExchangeClock): SimulatedMarket {
  const facts = recordedFacts(symbol, trades)
  const priceUnit = 10 ** (8 - facts.priceDigits)
  const sizeUnit = 10 ** (8 - facts.sizeDigits)
  const steps = (id: number): TradeSteps => {
    const row = id - trades.firstId
    return {
      id,
      priceSteps: trades.prices[row]! / priceUnit,
      sizeSteps: trades.sizes[row]! / sizeUnit,
      firstTradeId: trades.firstTradeIds[row]!,
      lastTradeId: trades.lastTradeIds[row]!,
      time: trades.times[row]!,
      buyerIsMaker: trades.buyerIsMaker[row] === 1,
    }
  }
  const idAt = (time: number) => trades.firstId + firstAtOrAfter(trades.times, time)
  return {
    ...facts,
    firstId: trades.firstId,
    idAt,
    nextId: (now) => idAt(clock.at(now) + 1),
    clock: (now) => clock.at(now),
    steps,
    trade: (id) => printTrade(facts, steps(id)),
    past: undefined,
  }
}

const QUOTE_ASSETS = ['USDT', 'USDC', 'FDUSD', 'BUSD', 'TUSD', 'EUR', 'TRY', 'BTC', 'ETH', 'BNB'] as const

/** The steps are the exchange's where known, and never coarser than the recording. */
function recordedFacts(symbol: string, { prices, sizes }: RecordedTrades): MarketFacts {
  const known = knownFacts(symbol)
  const quoteAsset = QUOTE_ASSETS.find((quote) => symbol.endsWith(quote)) ?? symbol.slice(-3)
  return {
    symbol,
    baseAsset: symbol.slice(0, -quoteAsset.length),
    quoteAsset,
    priceDigits: Math.max(known?.priceDigits ?? 0, finestDigits(prices)),
    sizeDigits: Math.max(known?.sizeDigits ?? 0, finestDigits(sizes)),
    status: 'TRADING',
  }
}

function finestDigits(column: Float64Array): number {
  return column.reduce((finest, units) => Math.max(finest, digitsOf(units)), 0)
}
