import { GatewayError, isGatewayError } from '../src/base/errors.ts'
import type { FeedPast } from '../src/feed.ts'
import type { Instrument } from '../src/market/instrument.ts'
import type { Tick } from '../src/market/tick.ts'
import { readQuote, type YahooQuote } from './yahoo-quote.ts'
import { isBehind, isNews, type SeenQuote, type YahooRaw } from './yahoo-ticks.ts'

/** A row of a poll, and what is to be done with it. */
export interface Sighting {
  /** Undefined when it cannot be read. */
  readonly quote: YahooQuote | undefined
  /** To be handed on; undefined when there is no news in it. */
  readonly raw: YahooRaw | undefined
}

/** Quotes that go on behind the newest for this long, by Yahoo's own clock, are no other server's: its clock was set. */
const RESET_MS = 60_000

/** Which quotes were handed on, by the source's symbol: what comes again is no news. It outlives restarts of the feed. */
export class SeenQuotes {
  readonly #seen = new Map<string, SeenQuote>()
  /** Why a row could not be read: one that stays so is handed on, and counted, once. */
  readonly #unreadable = new Map<string, string>()
  readonly #delays = new Map<string, number>()
  /** When the quotes that are behind began to be (their own time): a feed that ends for it is down until they go on. */
  readonly #behind = new Map<string, number>()

  /** By how much the prices of a symbol are late, as Yahoo said last (ms). */
  delayOf(sourceSymbol: string): number {
    return this.#delays.get(sourceSymbol) ?? 0
  }

  /** What the stream has counts, be it that more was handed on; what it does not have is news again. */
  begin(instruments: readonly Instrument[], past: FeedPast | undefined): void {
    if (past === undefined) return
    for (const { symbol, sourceSymbol } of instruments) {
      const newest = past.newest(symbol)
      const known = this.#seen.get(sourceSymbol)
      if (newest?.price === undefined) this.#seen.delete(sourceSymbol)
      else {
        const print = { time: eventTimeOf(newest), price: newest.price }
        const isKnown = known?.time === print.time && known.price === print.price
        if (!isKnown) this.#seen.set(sourceSymbol, { ...print, day: undefined, volume: undefined })
      }
    }
  }

  /** @throws GatewayError feed_broken when a symbol's times run backwards for long. */
  look(sourceSymbol: string, row: unknown): Sighting {
    const before = this.#seen.get(sourceSymbol)
    try {
      const quote = readQuote(row)
      this.#unreadable.delete(sourceSymbol)
      if (quote.state !== undefined) this.#delays.set(sourceSymbol, quote.state.delayMs)
      this.#watchBehind(quote, before)
      return { quote, raw: isNews(quote, before) ? { row, before } : undefined }
    } catch (error) {
      if (!isGatewayError(error, 'feed_payload')) throw error
      const isTold = this.#unreadable.get(sourceSymbol) === error.message
      this.#unreadable.set(sourceSymbol, error.message)
      return { quote: undefined, raw: isTold ? undefined : { row, before } }
    }
  }

  /** The quote is the newest there is: it was handed on, or was no news. */
  take(quote: YahooQuote): void {
    const { symbol, latest, day, volume } = quote
    const before = this.#seen.get(symbol)
    if (before !== undefined && isBehind(quote, before)) return
    const known = before?.day === day ? before?.volume : undefined
    this.#seen.set(symbol, { ...latest, day, volume: volume ?? known })
  }

  #watchBehind({ symbol, latest }: YahooQuote, before: SeenQuote | undefined): void {
    if (before === undefined || latest.time >= before.time) {
      this.#behind.delete(symbol)
      return
    }
    const since = this.#behind.get(symbol) ?? latest.time
    this.#behind.set(symbol, since)
    if (latest.time <= since + RESET_MS) return
    const was = `was ${new Date(latest.time).toISOString()}`
    throw new GatewayError(
      'feed_broken',
      `ids_reset: times of ${symbol} must go on from ${new Date(before.time).toISOString()}, ${was}`,
    )
  }
}

/** A closing price's time was set back, but its id has kept the event's, in whole seconds as Yahoo tells them. */
function eventTimeOf({ id, time }: Tick): number {
  return Math.max(time, Math.floor(id / 1e6) * 1_000)
}
