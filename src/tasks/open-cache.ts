import { GatewayError } from '../base/errors.ts'
import { createLog } from '../base/log.ts'
import type { Config } from '../config.ts'
import { holderOf } from '../tiers/data-dir-lock.ts'
import { openRedis } from '../tiers/redis/open-redis.ts'
import { redisAddress } from '../tiers/redis/redis-address.ts'
import { askCache } from './ask-cache.ts'
import type { CacheInspector } from './cache-inspector.ts'
import { inspectRedis } from './inspect-redis.ts'

/**
 * Looks into the memory of the gateway at `url`; where none is named, into Redis if one is configured, else into the
 * memory of the gateway that holds DATA_DIR. @throws GatewayError unavailable when there is neither
 */
export async function openCache(url: string | undefined, config: () => Config): Promise<CacheInspector> {
  if (url !== undefined) return askCache(url)
  const settings = config()
  const address = redisAddress(settings)
  // What goes wrong is said by the command itself.
  if (address !== undefined) return inspectRedis(openRedis({ address, log: createLog('silent'), now: Date.now }))
  const holder = await holderOf(settings.dataDir)
  if (holder?.url !== undefined) return askCache(holder.url)
  const rule = 'a gateway must run in DATA_DIR, or Redis be configured (REDIS_URL)'
  throw new GatewayError('unavailable', `${rule}, but nothing runs in ${settings.dataDir}`)
}
