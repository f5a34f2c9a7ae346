import type { AssetClass } from './instrument.ts'
import type { PriceQuote } from './quote.ts'

/** One instrument in the summary of a market. A field is absent where it is not known. */
export interface MarketRow {
  readonly symbol: string
  readonly assetClass: AssetClass
  /** Null: an observation without a value. */
  readonly price: number | null
  /** Against 24 hours ago, the previous close, or the observation before; in units of the price. */
  readonly change?: number | undefined
  readonly changePercent?: number | undefined
  readonly high24h?: number | undefined
  readonly low24h?: number | undefined
  readonly volume24h?: number | undefined
  /** Unix ms. */
  readonly time: number
  readonly stale: boolean
  readonly market?: string | undefined
  /** By how much the source's prices are late (ms). */
  readonly delay?: number | undefined
  readonly period?: string | undefined
  readonly vintage?: string | undefined
}

const PERCENT_DIGITS = 4

export function marketRowOf(assetClass: AssetClass, quote: PriceQuote): MarketRow {
  const { symbol, price, time, stale, change24h: change, high24h, low24h, volume24h, ...beside } = quote
  const { market, delay, period, vintage } = beside
  return {
    ...{ symbol, assetClass, price, change, changePercent: percentOf(price, change), high24h, low24h, volume24h },
    ...{ time, stale, market, delay, period, vintage },
  }
}

/** Of what the price was before. */
function percentOf(price: number | null, change: number | undefined): number | undefined {
  if (price === null || change === undefined || price === change) return undefined
  return Number(((100 * change) / Math.abs(price - change)).toFixed(PERCENT_DIGITS))
}
