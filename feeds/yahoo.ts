// https://github.com/gadicc/yahoo-finance2 (Yahoo documents nothing)
//
// question            how often                      what becomes of it
// quote(symbols)      every poll, 50 symbols each    ticks, market states; at the start the instruments
// chart(symbol)       when candles are asked for     candles
//
// Each part has a file. Asking: when it may be (yahoo-client.ts, yahoo-breaker.ts), with which secret (yahoo-crumb.ts),
// how (yahoo-fetch.ts, yahoo-page.ts, yahoo-api.ts), and what an answer is that is none (yahoo-refusal.ts). Quotes: which
// symbols there are (yahoo-symbols.ts), what a row says (yahoo-quote.ts), what is new in it (yahoo-seen.ts,
// yahoo-receive.ts), which ticks it makes (yahoo-ticks.ts). Charts: rows (yahoo-rows.ts), candles of them
// (yahoo-candles.ts), how far back (yahoo-history.ts).
import type { Feed } from '../src/feed.ts'
import type { SymbolMapping } from '../src/market/instrument.ts'
import type { CoolDown } from './yahoo-breaker.ts'
import { createYahooClient } from './yahoo-client.ts'
import { createYahooHistory } from './yahoo-history.ts'
import { receiveQuotes } from './yahoo-receive.ts'
import { SeenQuotes } from './yahoo-seen.ts'
import { resolveSymbols } from './yahoo-symbols.ts'
import { normalizeQuote, type YahooRaw } from './yahoo-ticks.ts'

export interface YahooOptions {
  readonly symbols: readonly SymbolMapping[]
  /** Origin in place of the public hosts, whose names become the first part of the path; undefined: the public ones. */
  readonly yahooUrl?: string | undefined
  /** From the beginning of a poll to that of the next. */
  readonly pollMs: number
  /** Unix ms: stamps what is received. */
  readonly now?: () => number
  readonly timeouts?: Partial<YahooTimeouts>
}

export interface YahooTimeouts {
  /** Longest wait for one answer. */
  readonly requestMs: number
  /** How long nothing is asked after a refusal that is meant for this address. */
  readonly coolDown: CoolDown
}

const TIMEOUTS: YahooTimeouts = { requestMs: 10_000, coolDown: { firstMs: 60_000, maxMs: 30 * 60_000 } }

/** Quotes of Yahoo, polled; candles from its charts. */
export function createYahooFeed(options: YahooOptions): Feed<YahooRaw> & Required<Pick<Feed, 'candles'>> {
  const { symbols, yahooUrl, pollMs, now = Date.now, timeouts } = options
  const client = createYahooClient({ yahooUrl, now, ...TIMEOUTS, ...timeouts })
  const seen = new SeenQuotes()
  // Reversed, so that of two names for one stream the first stays: the second is refused.
  const symbolByVenueSymbol = new Map(symbols.toReversed().map(({ symbol, sourceSymbol }) => [sourceSymbol, symbol]))
  return {
    name: 'yahoo',
    assetClass: 'stock',
    ids: 'rising',
    symbols,
    heardEveryMs: pollMs,
    resolve: (signal) => resolveSymbols(client, symbols, signal),
    receive: (instruments, events, signal) => receiveQuotes({ client, seen, pollMs, now }, instruments, events, signal),
    normalize: (raw, received) => normalizeQuote(raw, received, symbolByVenueSymbol),
    ...createYahooHistory(client, (sourceSymbol) => seen.delayOf(sourceSymbol)),
  }
}
