import { type Clock, neverBack, systemClock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Config } from '../config.ts'
import { CacheKeys } from '../tiers/cache/cache-keys.ts'
import { CacheManager } from '../tiers/cache/cache-manager.ts'
import { openRedis } from '../tiers/redis/open-redis.ts'
import { redisAddress } from '../tiers/redis/redis-address.ts'
import { NO_REDIS, type RedisTier } from '../tiers/redis/redis-tier.ts'

export interface CacheSideOptions {
  readonly config: Config
  readonly log: Log
  readonly now: () => number
}

/** The key-value part of the cache as a gateway has it. */
export interface CacheSide {
  readonly keys: CacheKeys
  readonly cache: CacheManager
  readonly redis: RedisTier
  readonly clock: Clock
  close(): Promise<void>
}

/** Never waits for Redis: an absent one is a normal mode. */
export function startCacheSide({ config, log, now }: CacheSideOptions): CacheSide {
  const { hotSymbols, cacheMaxBytes, cacheReadOrder } = config
  const redis = startRedis({ config, log, now })
  const clock = { now: neverBack(now), after: systemClock.after }
  const cache = new CacheManager({ redis, maxBytes: cacheMaxBytes, readOrder: cacheReadOrder, clock })
  return {
    keys: new CacheKeys(hotSymbols),
    cache,
    redis,
    clock,
    async close() {
      await cache.close()
      await redis.close()
    },
  }
}

function startRedis({ config, log, now }: CacheSideOptions): RedisTier {
  const address = redisAddress(config)
  if (address !== undefined) return openRedis({ address, log, now })
  log.info({ reason: NO_REDIS.status.reason }, 'Redis unavailable, using memory fallback')
  return NO_REDIS
}
