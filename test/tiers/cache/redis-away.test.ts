import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { neverBack, systemClock } from '../../../src/base/clock.ts'
import { CacheManager } from '../../../src/tiers/cache/cache-manager.ts'
import { describeWithRedis } from '../../servers/describe.ts'
import { type Fault, type FaultProxy, openFaultProxy } from '../../servers/fault-proxy.ts'
import { isLive, openTier, type RedisUnderTest, until } from '../redis/redis-under-test.ts'
import { keys, priceOf } from './a-cache.ts'

/** No read waits longer, whatever becomes of Redis. */
const LONGEST_READ_MS = 250
/** Redis is used again so soon after it is back. */
const BACK_WITHIN_MS = 1_000

const FAULTS: readonly Exclude<Fault['kind'], 'delay' | 'throttle' | 'pass'>[] = [
  'black-hole',
  'stall',
  'reset',
  'refuse',
]

describeWithRedis('a cache whose Redis goes away', ({ url, keyPrefix }) => {
  let proxy: FaultProxy
  let redis: RedisUnderTest
  let round = 0

  beforeAll(async () => {
    proxy = await openFaultProxy(Number(new URL(url).port || 6379))
    redis = openTier(proxy.through(url), { channel: `${keyPrefix}deleted` })
  })
  beforeEach(() => until(() => isLive(redis.tier)))
  afterAll(async () => {
    await redis.close()
    await proxy.close()
  })

  const keyOf = (symbol: string) => {
    const key = keys.price({ assetClass: 'crypto', symbol })
    return { ...key, name: `${keyPrefix}away:${round}:${key.name}` }
  }

  test.each(FAULTS.flatMap((fault) => (['memory-first', 'redis-first'] as const).map((order) => ({ fault, order }))))(
    'by $fault answers $order without an error or a long wait, and uses it when it is back',
    async ({ fault, order }) => {
      round += 1
      const clock = { now: neverBack(Date.now), after: systemClock.after }
      const cache = new CacheManager({ redis: redis.tier, maxBytes: 2 ** 20, readOrder: order, clock })
      const held = keyOf('HELD')
      cache.set(held, priceOf(1, 'HELD'))
      await until(async () => typeof (await redis.tier.get(held.name)) === 'object')

      let longest = 0
      const timed = async <Answer>(ask: () => Promise<Answer> | Answer) => {
        const startedAt = performance.now()
        const answer = await ask()
        longest = Math.max(longest, performance.now() - startedAt)
        return answer
      }
      await proxy.set(fault)
      for (let count = 0; count < 20; count += 1) {
        const symbol = `COLD${count}`
        const [fromMemory, loaded, miss] = await Promise.all([
          // The same: what was deleted while nobody listened is not known, so that memory's may be loaded anew.
          timed(() => cache.getOrLoad(held, async () => priceOf(1, 'HELD'))),
          timed(() => cache.getOrLoad(keyOf(symbol), async () => priceOf(count, symbol))),
          timed(() => cache.get(keyOf(`NOWHERE${count}`))),
        ])
        expect(fromMemory).toMatchObject({ value: priceOf(1, 'HELD'), tier: 'memory' })
        expect(loaded).toMatchObject({ value: priceOf(count, symbol), tier: 'database' })
        expect(miss).toBeUndefined()
        cache.set(keyOf(symbol), priceOf(count + 1, symbol))
        await timed(() => cache.delete(keyOf(symbol)))
      }
      await proxy.set('pass')
      const back = keyOf('BACK')
      const backAfter = await until(async () => {
        cache.set(back, priceOf(2, 'BACK'))
        return typeof (await redis.tier.get(back.name)) === 'object'
      }, 5_000)
      console.log(`${fault}, ${order}: longest ${longest.toFixed(0)} ms, used again after ${backAfter.toFixed(0)} ms`)
      expect(longest).toBeLessThan(LONGEST_READ_MS)
      expect(backAfter).toBeLessThan(BACK_WITHIN_MS)
      await until(() => cache.stats.unwritten === 0)
      await cache.close()
    },
  )
})
