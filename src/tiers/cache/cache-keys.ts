import type { AssetClass, Instrument } from '../../market/instrument.ts'
import type { ChartTimeframe } from '../../market/timeframe.ts'
import { CacheGrace, CacheTTL } from './cache-ttl.ts'
import type { CandlesValue, MarketValue, PredictionValue, PriceValue } from './values.ts'

export const KEY_KINDS = ['price', 'prediction', 'market', 'chart', 'ws_history'] as const
export type KeyKind = (typeof KEY_KINDS)[number]

/** Where a value is kept, in memory and in Redis alike, and for how long. */
export interface CacheKey<Value> {
  /** As `redis-cli` shows it: `price:crypto:BTC`. */
  readonly name: string
  readonly kind: KeyKind
  readonly seconds: number
  /** For so much longer memory may serve it as stale. */
  readonly graceSeconds: number
  /** What its value must say it is of, where values of the kind say so. */
  readonly symbol?: string
  /** Never set: it lets the compiler know what is kept under the key. */
  readonly value?: Value
}

/** Every key of the cache. Spelt here and nowhere else. */
export class CacheKeys {
  readonly #hotSymbols: ReadonlySet<string>

  /** @param hotSymbols whose predictions live shorter */
  constructor(hotSymbols: Iterable<string> = []) {
    this.#hotSymbols = new Set(hotSymbols)
  }

  price({ assetClass, symbol }: Pick<Instrument, 'assetClass' | 'symbol'>): CacheKey<PriceValue> {
    const name = `price:${assetClass}:${symbol}`
    return {
      name,
      kind: 'price',
      seconds: CacheTTL.price[assetClass],
      graceSeconds: CacheGrace.price[assetClass],
      symbol,
    }
  }

  prediction(symbol: string): CacheKey<PredictionValue> {
    const heat = this.#hotSymbols.has(symbol) ? 'hot' : 'other'
    const seconds = CacheTTL.prediction[heat]
    const graceSeconds = CacheGrace.prediction[heat]
    return { name: `prediction:${symbol}`, kind: 'prediction', seconds, graceSeconds, symbol }
  }

  market(scope: AssetClass | 'all'): CacheKey<MarketValue> {
    return { name: `market:${scope}`, kind: 'market', seconds: CacheTTL.market, graceSeconds: CacheGrace.market }
  }

  chart(symbol: string, timeframe: ChartTimeframe): CacheKey<CandlesValue> {
    const name = `chart:${symbol}:${timeframe}`
    return { name, kind: 'chart', seconds: CacheTTL.chart, graceSeconds: CacheGrace.chart }
  }

  wsHistory(symbol: string, timeframe: ChartTimeframe): CacheKey<CandlesValue> {
    const name = `ws_history:${symbol}:${timeframe}`
    return { name, kind: 'ws_history', seconds: CacheTTL.wsHistory, graceSeconds: CacheGrace.wsHistory }
  }
}
