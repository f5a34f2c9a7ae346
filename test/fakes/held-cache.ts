import { systemClock } from '../../src/base/clock.ts'
import { type CacheViewParts, createCacheView } from '../../src/gateway/cache-view.ts'
import { CacheKeys } from '../../src/tiers/cache/cache-keys.ts'
import { CacheManager } from '../../src/tiers/cache/cache-manager.ts'
import type { PriceValue } from '../../src/tiers/cache/values.ts'
import type { DatabaseStatus } from '../../src/tiers/database/database-status.ts'
import { NO_REDIS } from '../../src/tiers/redis/redis-tier.ts'

export const keys = new CacheKeys()

export function priceKey(symbol: string) {
  return keys.price({ assetClass: 'crypto', symbol })
}

export function priceOf(symbol: string, price = 100): PriceValue {
  return { symbol, id: 7, price, time: 1_732_250_000_000, stale: false }
}

/** A cache in memory with a clock of its own, and how its gateway tells of it. */
export function heldCache() {
  const time = { ms: 1_000 }
  const clock = { ...systemClock, now: () => time.ms }
  const cache = new CacheManager({ redis: NO_REDIS, maxBytes: 2 ** 20, readOrder: 'memory-first', clock })
  const status: DatabaseStatus = { kind: 'pglite', state: 'open', since: 1_732_250_000_000 }
  const parts: { -readonly [Name in keyof CacheViewParts]: CacheViewParts[Name] } = {
    ...{ config: { cacheReadOrder: 'memory-first' }, cache, redis: NO_REDIS, database: { status } },
  }
  return { cache, time, parts, view: createCacheView(parts) }
}
