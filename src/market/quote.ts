import { type DaySummary, type SummarizedStream, summarizeDay } from './day-summary.ts'
import type { PriceRow } from './price.ts'

/** The newest price of an instrument with what is told beside it. */
export interface PriceQuote extends PriceRow, DaySummary {
  /** By how much the source's prices are late (ms). */
  readonly delay?: number | undefined
}

/** The part of a stream that is quoted. */
export interface QuotedStream extends SummarizedStream {
  readonly stale: boolean
}

/** The newest price as it is kept for others; undefined before the first. */
export function priceRowOf({
  instrument,
  latest,
  stale,
  market,
}: Pick<QuotedStream, 'instrument' | 'latest' | 'stale' | 'market'>): PriceRow | undefined {
  if (latest === undefined) return undefined
  const { id, price, time, period, vintage } = latest
  return {
    ...{ symbol: instrument.symbol, id, price: price ?? null, time, stale },
    ...(market !== undefined && { market: market.market }),
    ...(period !== undefined && { period, vintage }),
  }
}

/** The newest price as clients are told it at our `now` (Unix ms); undefined before the first. */
export function quoteOf(stream: QuotedStream, now: number): PriceQuote | undefined {
  const row = priceRowOf(stream)
  return row && { ...row, ...summarizeDay(stream, now), delay: stream.market?.delayMs }
}
