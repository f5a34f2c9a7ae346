import type { OhlcvRow } from '../../../src/market/candle.ts'
import { CacheKeys } from '../../../src/tiers/cache/cache-keys.ts'
import { CacheManager, type CacheManagerOptions } from '../../../src/tiers/cache/cache-manager.ts'
import { CandleRows } from '../../../src/tiers/cache/candle-rows.ts'
import type { CandlesValue, PriceValue } from '../../../src/tiers/cache/values.ts'
import { FakeClock } from '../../fakes/fake-clock.ts'
import { FakeRedis } from '../../fakes/fake-redis.ts'

export const keys = new CacheKeys(['BTC', 'ETH', 'NVDA', 'AAPL'])
export const BTC = keys.price({ assetClass: 'crypto', symbol: 'BTC' })
export const HISTORY = keys.wsHistory('BTC', '1h')

export function priceOf(id: number, symbol = 'BTC'): PriceValue {
  return { symbol, id, price: 60_000 + id, time: 1_732_250_000_000 + id, stale: false }
}

export function candlesOf(cursor: number, count = 3): CandlesValue {
  const candles = Array.from({ length: count }, (_, index): OhlcvRow => [index * 3_600_000, 1.5, 2.5, 0.5, 2.25, index])
  return { cursor, candles: CandleRows.of(candles) }
}

/** A cache of one process on a clock and a Redis of the test's. */
export function aCache(options: Partial<CacheManagerOptions> = {}, redis = new FakeRedis(new FakeClock())) {
  const clock = redis.clock as FakeClock
  const tier = redis.connect()
  const settings = { redis: tier, maxBytes: 2 ** 20, readOrder: 'memory-first', clock, random: () => 0.5 } as const
  return { clock, redis, tier, cache: new CacheManager({ ...settings, ...options }) }
}
