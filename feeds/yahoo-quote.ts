import { z } from 'zod'
import { GatewayError } from '../src/base/errors.ts'
import { calendarOf } from '../src/market/calendar.ts'
import type { MarketState } from '../src/market/market-state.ts'

/** A price and when it was made (Unix ms). */
export interface Print {
  readonly price: number
  readonly time: number
}

/** What a row of `quote` says. */
export interface YahooQuote {
  /** The source's own symbol. */
  readonly symbol: string
  /** The latest of the regular, pre- and post-market price. */
  readonly latest: Print
  readonly isExtended: boolean
  /** Undefined where it has none that can be read. */
  readonly regular: Print | undefined
  /** The exchange day of the regular price, and the regular volume of that day. */
  readonly day: number | undefined
  readonly volume: number | undefined
  /** Undefined: it does not say. */
  readonly state: MarketState | undefined
}

/** Ids are event times x 1000, and must stay below 2^53. */
const LATEST_TIME = 9e12
const MINUTE = 60_000
/** What Yahoo calls a closed market between the sessions of trading days; on others it says `CLOSED`. */
const NIGHT: ReadonlySet<string> = new Set(['PREPRE', 'POSTPOST'])

/** @throws GatewayError feed_payload when its latest price cannot be read: it must not pass for an older one. */
export function readQuote(row: unknown): YahooQuote {
  const parsed = Row.safeParse(row)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw unreadable(`${issue?.path.join('.') || 'it'}: ${issue?.message}`)
  }
  const quote = parsed.data
  const regular = { price: quote.regularMarketPrice, time: quote.regularMarketTime }
  const before = { price: quote.preMarketPrice, time: quote.preMarketTime }
  const after = { price: quote.postMarketPrice, time: quote.postMarketTime }
  const latest = [regular, before, after].reduce((last, each) => ((each.time ?? 0) > (last.time ?? 0) ? each : last))
  if (!isPrint(latest)) throw unreadable(`the latest price of ${quote.symbol} must have a time and a price`)
  const zone = quote.exchangeTimezoneName
  const calendar = calendarOf({ about: zone === undefined ? {} : { timeZone: zone } })
  return {
    symbol: quote.symbol,
    latest,
    isExtended: latest !== regular,
    regular: isPrint(regular) ? regular : undefined,
    day: isPrint(regular) ? calendar.startOf('1D', regular.time) : undefined,
    volume: quote.regularMarketVolume,
    state: readState(quote, latest === before),
  }
}

/** Before the session of a day its previous close is the last regular price; of the day itself there is nothing yet. */
function readState(quote: Row, isBefore: boolean): MarketState | undefined {
  if (quote.marketState === undefined) return undefined
  return {
    market: NIGHT.has(quote.marketState) ? 'CLOSED' : quote.marketState,
    delayMs: (quote.exchangeDataDelayedBy ?? 0) * MINUTE,
    day: isBefore
      ? { previousClose: quote.regularMarketPrice ?? undefined, high: undefined, low: undefined, volume: undefined }
      : {
          previousClose: quote.regularMarketPreviousClose,
          high: quote.regularMarketDayHigh,
          low: quote.regularMarketDayLow,
          volume: quote.regularMarketVolume,
        },
  }
}

function isPrint(print: {
  readonly price?: number | null | undefined
  readonly time?: number | null | undefined
}): print is Print {
  return typeof print.price === 'number' && typeof print.time === 'number'
}

function unreadable(what: string): GatewayError {
  return new GatewayError('feed_payload', `a quote of Yahoo must be readable, was not: ${what}`)
}

// --- the part of a row that we use; the package makes a Date of the times in some rows and leaves seconds in others ---

const Time = z
  .union([z.date(), z.number()])
  .transform((time) => (time instanceof Date ? time.getTime() : Math.round(time * 1_000)))
  .pipe(z.int().positive().max(LATEST_TIME))
  .nullish()
const Price = z.number().positive().nullish()
/** What a row may be without, or have in another form, and still be one. */
const Amount = z.number().nonnegative().optional().catch(undefined)
const Word = z.string().min(1).max(64).optional().catch(undefined)

const Row = z.object({
  symbol: z.string().min(1),
  marketState: Word,
  regularMarketPrice: Price,
  regularMarketTime: Time,
  preMarketPrice: Price,
  preMarketTime: Time,
  postMarketPrice: Price,
  postMarketTime: Time,
  regularMarketVolume: Amount,
  regularMarketPreviousClose: Amount,
  regularMarketDayHigh: Amount,
  regularMarketDayLow: Amount,
  exchangeDataDelayedBy: Amount,
  exchangeTimezoneName: Word,
})
type Row = z.infer<typeof Row>
