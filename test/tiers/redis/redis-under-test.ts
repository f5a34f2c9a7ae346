import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { openRedis } from '../../../src/tiers/redis/open-redis.ts'
import type { RedisAddress } from '../../../src/tiers/redis/redis-address.ts'
import { redisAddress } from '../../../src/tiers/redis/redis-address.ts'
import type { RedisTier } from '../../../src/tiers/redis/redis-tier.ts'
import { createLogRecorder, type LogLine } from '../../fakes/log-recorder.ts'

export interface RedisUnderTest {
  readonly tier: RedisTier
  readonly lines: readonly LogLine[]
  close(): Promise<void>
}

/** A tier of its own on the Redis at `url`. It need not be there. */
export function openTier(url: string, more: { channel?: string; tls?: RedisAddress['tls'] } = {}): RedisUnderTest {
  const address = redisAddress({ redisUrl: url, redisPort: 0 })
  if (address === undefined) throw new Error('a URL must be an address')
  const log = createLogRecorder()
  const { channel, tls } = more
  const tier = openRedis({
    address: tls === undefined ? address : { ...address, tls },
    ...(channel !== undefined && { channel }),
    log,
    now: Date.now,
  })
  return { tier, lines: log.lines, close: () => tier.close() }
}

/** Waits until `holds`; it must within `withinMs`. Returns how long that took. */
export async function until(holds: () => unknown, withinMs = 2_000): Promise<number> {
  const startedAt = performance.now()
  while (!(await holds())) {
    if (performance.now() - startedAt > withinMs) throw new Error(`must hold within ${withinMs} ms: ${holds}`)
    await delay(2)
  }
  return performance.now() - startedAt
}

export function isLive({ status }: RedisTier): boolean {
  return status.state === 'live'
}

/** What an operator would type, on a connection of its own. */
export async function command(url: string, ...words: readonly string[]): Promise<unknown> {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => null })
  redis.on('error', () => undefined)
  const [name = '', ...args] = words
  try {
    return await redis.call(name, args)
  } finally {
    redis.disconnect()
  }
}
