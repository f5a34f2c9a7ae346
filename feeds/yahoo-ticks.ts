import { GatewayError } from '../src/base/errors.ts'
import type { Tick } from '../src/market/tick.ts'
import { type Print, readQuote, type YahooQuote } from './yahoo-quote.ts'

/** What the feed hands on: a row as Yahoo gave it, and what it knew before, so that the ticks follow from this alone. */
export interface YahooRaw {
  readonly row: unknown
  readonly before: SeenQuote | undefined
}

/** The newest quote of a symbol that was handed on. */
export interface SeenQuote {
  /** Of its latest price (Unix ms). */
  readonly time: number
  readonly price: number
  /** The exchange day of its regular price, and that day's volume; undefined where the quote is not of this process. */
  readonly day: number | undefined
  readonly volume: number | undefined
}

const OPEN = 'REGULAR'

const IDS_PER_MS = 1_000

/** Closing auctions end within moments, and sessions at a time that clocks show without odd minutes. */
const CLOSING_MS = 60_000
const SESSIONS_END_AT_MS = 5 * 60_000

/**
 * The ticks of a row: the latest price; before it the regular one too, when both are new, for it closes the session.
 * Ids are the least they may be.
 * @throws GatewayError feed_payload
 */
export function normalizeQuote(
  raw: YahooRaw,
  received: number,
  symbolByVenueSymbol: ReadonlyMap<string, string>,
): readonly Tick[] {
  const { row, before } = readRaw(raw)
  const quote = readQuote(row)
  const symbol = symbolByVenueSymbol.get(quote.symbol)
  if (symbol === undefined)
    throw unreadable(`the symbol must be one that was asked for, was ${quote.symbol.slice(0, 32)}`)
  const { latest, regular, isExtended } = quote
  const ofTick = (time: number) => ({ symbol, id: time * IDS_PER_MS, side: undefined, received })
  const ticks: Tick[] = []
  if (regular !== undefined && (!isExtended || isNewToo(regular, quote, before))) {
    const risen = risenBy(quote, before) ?? -1
    const size = risen < 0 ? undefined : risen
    const trades = isOfSession(quote, before) ? 1 : 0
    const time = timeInSession(regular, quote, before)
    ticks.push({ ...ofTick(regular.time), price: regular.price, size, trades, time })
  }
  // Yahoo says of prices outside of regular hours only that they are.
  if (isExtended)
    ticks.push({ ...ofTick(latest.time), price: latest.price, size: undefined, trades: 0, time: latest.time })
  return ticks
}

/** Whether there is anything to hand on: an event time, a price or a volume that moved, and not back. */
export function isNews(quote: YahooQuote, before: SeenQuote | undefined): boolean {
  if (before === undefined || quote.latest.time > before.time) return true
  if (isBehind(quote, before)) return false
  return quote.latest.price !== before.price || (!quote.isExtended && (risenBy(quote, before) ?? 0) > 0)
}

/** Another server of Yahoo's answered, which is a moment behind. */
export function isBehind(quote: YahooQuote, before: SeenQuote): boolean {
  if (quote.latest.time !== before.time) return quote.latest.time < before.time
  return (risenBy(quote, before) ?? 0) < 0
}

function isNewToo(regular: Print, { latest }: YahooQuote, before: SeenQuote | undefined): boolean {
  return before !== undefined && regular.time > before.time && regular.time < latest.time
}

/**
 * A price of a session that is over belongs to its candles only when the session was seen: at a start it is an old one,
 * which the source's candles hold already.
 */
function isOfSession({ state, day }: YahooQuote, before: SeenQuote | undefined): boolean {
  return state === undefined || state.market === OPEN || (before !== undefined && before.day === day)
}

/**
 * When a price counts as made. The closing auction's comes some seconds after the session: it closes the candles of the
 * session, and must not open one after it.
 */
function timeInSession({ time }: Print, { state, day }: YahooQuote, before: SeenQuote | undefined): number {
  if (state === undefined || state.market === OPEN || state.delayMs > 0) return time
  if (before === undefined || before.day !== day) return time
  const end = time - (time % SESSIONS_END_AT_MS)
  return time - end < CLOSING_MS && before.time < end ? end - 1 : time
}

/** Undefined across days; negative when the volume was corrected, or is that of a server that is behind. */
function risenBy({ day, volume }: YahooQuote, before: SeenQuote | undefined): number | undefined {
  if (day === undefined || volume === undefined || before?.day !== day || before.volume === undefined) return undefined
  return volume - before.volume
}

function readRaw(raw: unknown): YahooRaw {
  if (typeof raw === 'object' && raw !== null && 'row' in raw) return raw as YahooRaw
  throw unreadable('it must be a row of quotes')
}

function unreadable(what: string): GatewayError {
  return new GatewayError('feed_payload', `a quote of Yahoo must be readable, was not: ${what}`)
}
