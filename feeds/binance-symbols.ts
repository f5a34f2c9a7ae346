// https://developers.binance.com/docs/binance-spot-api-docs/rest-api/general-endpoints
import { z } from 'zod'
import { isGatewayError } from '../src/base/errors.ts'
import type { Resolved } from '../src/feed.ts'
import type { Instrument, SymbolMapping } from '../src/market/instrument.ts'
import type { BinanceClient, Question } from './binance-client.ts'

/** Keeps the URL of exchangeInfo under 2 kB. */
const SYMBOLS_PER_QUESTION = 100

/** Binance's own precision, for a filter that is missing or switched off by a zero. */
const DEFAULT_DIGITS = 8

/** Asks which of `symbols` Binance trades now, and in which steps. */
export async function resolveSymbols(
  client: BinanceClient,
  symbols: readonly SymbolMapping[],
  signal: AbortSignal,
): Promise<Resolved> {
  const venueSymbols = [...new Set(symbols.map(({ sourceSymbol }) => sourceSymbol))]
  const listed = new Map<string, BinanceSymbol>()
  for (let n = 0; n < venueSymbols.length; n += SYMBOLS_PER_QUESTION) {
    const answer = await askListed(client, venueSymbols.slice(n, n + SYMBOLS_PER_QUESTION), signal)
    for (const symbol of answer) listed.set(symbol.symbol, symbol)
  }
  const instruments: Instrument[] = []
  const refused: { symbol: string; reason: string }[] = []
  for (const mapping of symbols) {
    const found = judge(mapping, listed.get(mapping.sourceSymbol), instruments)
    if (typeof found === 'string') refused.push({ symbol: mapping.symbol, reason: found })
    else instruments.push(found)
  }
  return { instruments, refused }
}

/** One unknown symbol spoils the whole answer, so the question is halved until that symbol stands alone. */
async function askListed(
  client: BinanceClient,
  venueSymbols: readonly string[],
  signal: AbortSignal,
): Promise<readonly BinanceSymbol[]> {
  const symbols = JSON.stringify(venueSymbols)
  const question: Question = { name: 'exchangeInfo', weight: 20, call: (api) => api.exchangeInfo({ symbols }) }
  try {
    const { rateLimits, symbols: listed } = await client.ask(question, ExchangeInfo, signal)
    const weight = rateLimits.find(isWeightAMinute)
    if (weight !== undefined) client.limitWeight(weight.limit)
    return listed
  } catch (error) {
    if (!isGatewayError(error, 'feed_refused')) throw error
    if (venueSymbols.length === 1) return []
    const middle = venueSymbols.length >> 1
    const first = await askListed(client, venueSymbols.slice(0, middle), signal)
    return [...first, ...(await askListed(client, venueSymbols.slice(middle), signal))]
  }
}

/** The instrument, or the reason why there is none. */
function judge(
  { symbol, sourceSymbol }: SymbolMapping,
  listed: BinanceSymbol | undefined,
  taken: readonly Instrument[],
): Instrument | string {
  if (!listed) return `Binance has no symbol ${sourceSymbol}`
  if (listed.status !== 'TRADING') return `${sourceSymbol} is not trading (${listed.status})`
  // One stream has one name here: trades could not be told apart by their symbol.
  const twin = taken.find((instrument) => instrument.sourceSymbol === sourceSymbol)
  if (twin) return `${sourceSymbol} is already ${twin.symbol}`
  const filters = new Map(listed.filters.map((filter) => [filter.filterType, filter]))
  return {
    symbol,
    sourceSymbol,
    assetClass: 'crypto',
    source: 'binance',
    priceDigits: digitsOf(filters.get('PRICE_FILTER')?.tickSize),
    sizeDigits: digitsOf(filters.get('LOT_SIZE')?.stepSize),
  }
}

function isWeightAMinute({ rateLimitType, interval, intervalNum }: RateLimit): boolean {
  return rateLimitType === 'REQUEST_WEIGHT' && interval === 'MINUTE' && intervalNum === 1
}

/** `0.01000000` has 2, `1.00000000` has 0. */
function digitsOf(step: string | undefined): number {
  if (step === undefined || Number(step) === 0) return DEFAULT_DIGITS
  return (step.split('.')[1] ?? '').replace(/0+$/, '').length
}

// --- the part of exchangeInfo that we use ---

const Step = z
  .string()
  .regex(/^\d+(\.\d+)?$/)
  .optional()

const BinanceSymbol = z.object({
  symbol: z.string(),
  status: z.string(),
  filters: z.array(z.object({ filterType: z.string(), tickSize: Step, stepSize: Step })),
})
type BinanceSymbol = z.infer<typeof BinanceSymbol>

const RateLimit = z.object({
  rateLimitType: z.string(),
  interval: z.string(),
  intervalNum: z.int().positive(),
  limit: z.int().positive(),
})
type RateLimit = z.infer<typeof RateLimit>

const ExchangeInfo = z.object({ rateLimits: z.array(RateLimit).default([]), symbols: z.array(BinanceSymbol) })
