// https://github.com/ccxt/binance-api-node
import { createRequire } from 'node:module'

/** The part of binance-api-node that we use; its own types promise more than it does. */
export interface BinanceApi {
  /** `symbols`: a JSON array. */
  exchangeInfo(payload: { readonly symbols: string }): Promise<unknown>
  time(): Promise<unknown>
  aggTrades(payload: AggTradesQuery): Promise<unknown>
  candles(payload: CandlesQuery): Promise<unknown>
}

/** Ascending. Without `fromId` and `startTime` the newest; both are inclusive. */
export interface AggTradesQuery {
  readonly symbol: string
  readonly limit: number
  readonly fromId?: number
  readonly startTime?: number
}

/** Ascending; the newest of those that open at or before `endTime` (Unix ms). */
export interface CandlesQuery {
  readonly symbol: string
  readonly interval: string
  readonly limit: number
  readonly endTime?: number
}

/** @param restUrl origin */
export function createBinanceApi(restUrl: string): BinanceApi {
  return loadPackage()({ httpBase: restUrl.replace(/\/+$/, '') })
}

/**
 * The package is CommonJS with a `default`: Node's `import` gives the namespace and Vitest's gives the function, but
 * `require` gives the same thing everywhere.
 */
function loadPackage(): (options: { readonly httpBase: string }) => BinanceApi {
  return createRequire(import.meta.url)('binance-api-node').default
}
