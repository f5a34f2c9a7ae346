import { pause } from '../src/base/backoff.ts'
import { GatewayError } from '../src/base/errors.ts'
import type { FeedEvents, Received } from '../src/feed.ts'
import type { Instrument } from '../src/market/instrument.ts'
import { SYMBOLS_PER_QUOTE, type YahooClient } from './yahoo-client.ts'
import type { YahooQuote } from './yahoo-quote.ts'
import type { SeenQuotes } from './yahoo-seen.ts'
import type { YahooRaw } from './yahoo-ticks.ts'

export interface ReceivePorts {
  readonly client: YahooClient
  readonly seen: SeenQuotes
  readonly pollMs: number
  readonly now: () => number
}

/** Asks for all quotes again and again and yields what is new in them, until the signal aborts. @throws GatewayError feed_broken */
export async function* receiveQuotes(
  { client, seen, pollMs, now }: ReceivePorts,
  instruments: readonly Instrument[],
  events: FeedEvents,
  signal: AbortSignal,
): AsyncGenerator<readonly Received<YahooRaw>[]> {
  if (instruments.length === 0) throw new GatewayError('feed_refused', 'Yahoo must know a symbol, knew none')
  const symbols = new Map(instruments.map(({ symbol, sourceSymbol }) => [sourceSymbol, symbol]))
  seen.begin(instruments, events.past)
  for (let polls = 0; !signal.aborted; polls++) {
    const began = performance.now()
    const rows = await poll(client, [...symbols.keys()], signal)
    // An abort ends an iterable: it is no error of the source.
    if (rows === undefined) return
    const received = now()
    const { news, quotes } = sift(rows, symbols, seen)
    events.heard?.(news.length > 0 ? undefined : nothingBefore(quotes, client.clock()))
    for (const { symbol, state } of quotes) if (state !== undefined) events.state?.(symbols.get(symbol)!, state)
    if (news.length > 0) yield news.map((raw) => ({ raw, received }))
    // Taken only when the reader has come back: what it did not store is news again.
    for (const quote of quotes) seen.take(quote)
    // What the first poll has found is on the streams by then.
    if (polls === 0) events.connected()
    await pause(Math.max(0, pollMs - (performance.now() - began)), signal)
  }
}

/** Every row of every batch, or an error: undefined when the signal aborted. */
async function poll(client: YahooClient, symbols: readonly string[], signal: AbortSignal) {
  const rows: unknown[] = []
  try {
    for (let n = 0; n < symbols.length; n += SYMBOLS_PER_QUOTE) {
      rows.push(...(await client.quote(symbols.slice(n, n + SYMBOLS_PER_QUOTE), signal)))
    }
  } catch (error) {
    if (signal.aborted) return undefined
    throw error
  }
  return rows
}

/** What is to be handed on, and what can be read; of symbols that were asked for. */
function sift(rows: readonly unknown[], symbols: ReadonlyMap<string, string>, seen: SeenQuotes) {
  const news: YahooRaw[] = []
  const quotes: YahooQuote[] = []
  let answered = 0
  for (const row of rows) {
    const symbol = symbolOf(row)
    if (symbol === undefined || !symbols.has(symbol)) continue
    answered++
    const { raw, quote } = seen.look(symbol, row)
    if (raw !== undefined) news.push(raw)
    if (quote !== undefined) quotes.push(quote)
  }
  if (answered === 0)
    throw new GatewayError('feed_broken', 'Yahoo must have one of its symbols, had none in this answer')
  return { news, quotes }
}

/** Nothing is traded while every market is closed: its time passes all the same, be it that its last price is old. */
function nothingBefore(quotes: readonly YahooQuote[], clock: number): number | undefined {
  if (quotes.length === 0 || quotes.some(({ state }) => state?.market !== 'CLOSED')) return undefined
  return clock - Math.max(...quotes.map(({ state }) => state?.delayMs ?? 0))
}

function symbolOf(row: unknown): string | undefined {
  const symbol = typeof row === 'object' && row !== null && 'symbol' in row ? row.symbol : undefined
  return typeof symbol === 'string' ? symbol : undefined
}
