import { describe, expect, test } from 'vitest'
import type { CacheKey } from '../../../src/tiers/cache/cache-keys.ts'
import { NO_REDIS } from '../../../src/tiers/redis/redis-tier.ts'
import { aCache, BTC, candlesOf, HISTORY, keys, priceOf } from './a-cache.ts'

const never = () => {
  throw new Error('nothing must be loaded')
}

describe('a value in memory', () => {
  test('is answered without a promise, with its age', async () => {
    const { cache, clock } = aCache()
    cache.set(BTC, priceOf(1))
    await clock.advance(29_999)
    expect(cache.get(BTC)).toEqual({ value: priceOf(1), tier: 'memory', ageMs: 29_999, stale: false })
  })

  test('lives as long as its kind does, by the one table', async () => {
    const { cache, clock } = aCache({ redis: NO_REDIS })
    const lives: readonly [CacheKey<never>, number][] = [
      [keys.price({ assetClass: 'crypto', symbol: 'BTC' }), 30],
      [keys.price({ assetClass: 'stock', symbol: 'NVDA' }), 30],
      [keys.price({ assetClass: 'macro', symbol: 'GDP' }), 300],
      [keys.prediction('BTC'), 1],
      [keys.prediction('SOL'), 3],
      [keys.market('all'), 30],
      [keys.chart('BTC', '1h'), 600],
      [keys.wsHistory('BTC', '1D'), 300],
    ] as never
    for (const [key, seconds] of lives) {
      cache.set(key, priceOf(1) as never)
      await clock.advance(seconds * 1_000 - 1)
      expect(cache.get(key), key.name).toBeDefined()
      await clock.advance(1)
      expect(cache.get(key), key.name).toBeUndefined()
    }
  })

  test.each([[0], [''], [[]], [null], [false]])('of %j is a hit', async (value) => {
    const { cache } = aCache({ redis: NO_REDIS })
    cache.set(BTC as CacheKey<unknown>, value)
    expect(cache.get(BTC)).toMatchObject({ value, tier: 'memory' })
    expect(await cache.getOrLoad(BTC, never)).toMatchObject({ value })
  })

  test('is gone at once when it is deleted', () => {
    const { cache } = aCache({ redis: NO_REDIS })
    cache.set(BTC, priceOf(1))
    void cache.delete(BTC)
    expect(cache.get(BTC)).toBeUndefined()
  })

  test('that is larger than the whole bound is not kept, nor what was there before it, and is counted', () => {
    const { cache } = aCache({ redis: NO_REDIS, maxBytes: 2_000 })
    cache.set(HISTORY, candlesOf(1, 3))
    expect(cache.get(HISTORY)).toBeDefined()
    cache.set(HISTORY, candlesOf(2, 100))
    expect(cache.get(HISTORY)).toBeUndefined()
    expect(cache.stats.memory.ws_history).toMatchObject({ tooLarge: 1, entries: 0, bytes: 0, evictions: 0 })
  })

  test('leaves for newer ones when the bound is reached, the least recently used first', () => {
    const { cache } = aCache({ redis: NO_REDIS, maxBytes: 10_000 })
    for (let index = 0; index < 100; index += 1) {
      cache.set(keys.price({ assetClass: 'crypto', symbol: `S${index}` }), priceOf(index, `S${index}`))
      expect(cache.get(keys.price({ assetClass: 'crypto', symbol: 'S0' }))).toBeDefined()
    }
    const { entries, bytes, evictions } = cache.stats.memory.price
    expect(bytes).toBeLessThanOrEqual(10_000)
    expect(bytes).toBeGreaterThan(8_000)
    expect(entries + evictions).toBe(100)
    expect(cache.get(keys.price({ assetClass: 'crypto', symbol: 'S99' }))).toBeDefined()
    expect(cache.get(keys.price({ assetClass: 'crypto', symbol: 'S1' }))).toBeUndefined()
  })
})

describe('what memory holds', () => {
  test('can be looked through without being counted or used', async () => {
    const { cache, clock } = aCache({ redis: NO_REDIS })
    cache.set(BTC, priceOf(1))
    cache.set(HISTORY, candlesOf(1))
    await clock.advance(31_000)
    expect([...cache.held()]).toEqual([
      { key: 'ws_history:BTC:1h', kind: 'ws_history', remainingMs: 269_000 },
      { key: 'price:crypto:BTC', kind: 'price', remainingMs: -1_000 },
    ])
    expect(cache.peek(BTC.name)).toEqual({
      text: '{"v":1,"symbol":"BTC","id":1,"price":60001,"time":1732250000001,"stale":false}',
      remainingMs: -1_000,
    })
    expect(cache.stats.memory.price).toMatchObject({ hits: 0, misses: 0, staleHits: 0 })
    await clock.advance(30_000)
    expect(cache.peek(BTC.name)).toBeUndefined()
    expect([...cache.held()]).toHaveLength(1)
  })
})

describe('a value in Redis', () => {
  test('is readable there within 50 ms, with its life', async () => {
    const { cache, clock, redis } = aCache()
    cache.set(BTC, priceOf(7))
    await clock.advance(50)
    expect(redis.text('price:crypto:BTC')).toBe(
      '{"v":1,"symbol":"BTC","id":7,"price":60007,"time":1732250000007,"stale":false}',
    )
    expect(redis.remainingMs('price:crypto:BTC')).toBe(30_000)
  })

  test('keeps what remains of its life when memory takes it over, and never has a new one', async () => {
    const { cache: first, clock, redis } = aCache()
    const { cache: second } = aCache({}, redis)
    first.set(BTC, priceOf(7))
    await clock.advance(50 + 20_000)
    expect(await second.get(BTC)).toEqual({ value: priceOf(7), tier: 'redis', ageMs: 20_000, stale: false })
    expect(second.get(BTC)).toMatchObject({ tier: 'memory', ageMs: 20_000 })
    await clock.advance(9_999)
    expect(second.get(BTC)).toMatchObject({ tier: 'memory', ageMs: 29_999 })
    await clock.advance(1)
    expect(await second.get(BTC)).toBeUndefined()
  })

  test('that is said to live longer than its kind does, lives as long as that', async () => {
    const { cache, clock, redis } = aCache()
    redis.put(BTC.name, '{"v":1,"symbol":"BTC","id":0,"price":0,"time":0,"stale":false}', 1_000_000)
    await cache.get(BTC)
    await clock.advance(29_999)
    expect(cache.get(BTC)).toMatchObject({ tier: 'memory' })
    await clock.advance(1)
    expect(await cache.get(BTC)).toMatchObject({ tier: 'redis' })
  })

  test('is asked for once, however many want it', async () => {
    const { cache, tier, redis } = aCache()
    redis.put(BTC.name, '{"v":1,"symbol":"BTC","id":0,"price":0,"time":0,"stale":false,"market":""}', 1_000)
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => cache.get(BTC)))
    expect(new Set(answers.map((answer) => answer?.value.price))).toEqual(new Set([0]))
    expect(tier.asked).toEqual(['get price:crypto:BTC'])
    expect(cache.stats.memory.price).toMatchObject({ misses: 1_000, shared: 999 })
  })

  test('that is ours and empty is a hit', async () => {
    const { cache, redis } = aCache()
    redis.put(HISTORY.name, '{"v":1,"cursor":null,"candles":[]}', 1_000)
    expect(await cache.getOrLoad(HISTORY, never)).toMatchObject({
      value: { cursor: null, candles: { length: 0 } },
      tier: 'redis',
    })
  })

  test.each([
    ['of another version', '{"v":2,"symbol":"BTC","id":1,"price":1,"time":1,"stale":false}'],
    ['without a version', '{"symbol":"BTC","id":1,"price":1,"time":1,"stale":false}'],
    ['of another kind', '{"v":1,"cursor":1,"candles":[]}'],
    ['of another symbol', '{"v":1,"symbol":"ETH","id":1,"price":1,"time":1,"stale":false}'],
    ['without a price', '{"v":1,"symbol":"BTC","id":1,"price":null,"time":1,"stale":false}'],
    ['cut short', '{"v":1,"symbol":"BTC","id":1'],
    ['empty', ''],
  ])('%s is a miss that is counted, and the next load overwrites it', async (_, text) => {
    const { cache, clock, redis } = aCache()
    redis.put(BTC.name, text, 1_000_000)
    expect(await cache.get(BTC)).toBeUndefined()
    expect(await cache.getOrLoad(BTC, async () => priceOf(5))).toMatchObject({ value: priceOf(5), tier: 'database' })
    expect(cache.stats.redis.price).toMatchObject({ foreign: 2, hits: 0, errors: 0 })
    await clock.advance(50)
    expect(redis.text(BTC.name)).toContain('"id":5')
  })

  test('of a newer version makes place without a word to that version, which has its own in memory', async () => {
    const { cache, redis } = aCache()
    const { cache: newer } = aCache({}, redis)
    newer.set(BTC, priceOf(4))
    redis.put(BTC.name, '{"v":2,"symbol":"BTC"}', 30_000)
    expect(await cache.getOrLoad(BTC, async () => priceOf(5))).toMatchObject({ tier: 'database' })
    expect(redis.text(BTC.name)).toContain('"id":5')
    expect(newer.get(BTC)).toMatchObject({ value: priceOf(4), tier: 'memory' })
  })

  test('that cannot be asked for is an error, not a miss, and says nothing of how fast Redis is', async () => {
    const { cache, tier } = aCache()
    await cache.get(BTC)
    tier.lost = 1
    await cache.get(BTC)
    tier.turn('down')
    await cache.get(BTC)
    await cache.getOrLoad(HISTORY, async () => candlesOf(1))
    expect(cache.stats.redis.price).toMatchObject({ misses: 1, errors: 2, seconds: { count: 1 } })
    expect(cache.stats.redis.ws_history).toMatchObject({ misses: 0, errors: 1, seconds: { count: 0 } })
  })

  test('that lives for ever was not written by us', async () => {
    const { cache, redis } = aCache()
    redis.put(BTC.name, '{"v":1,"symbol":"BTC","id":1,"price":1,"time":1,"stale":false}', 1_000)
    redis.remainingMs = () => -1
    expect(await cache.get(BTC)).toBeUndefined()
    expect(cache.stats.redis.price.foreign).toBe(1)
  })

  test('is deleted there too, and in the memory of other processes', async () => {
    const { cache: first, clock, redis } = aCache()
    const { cache: second } = aCache({}, redis)
    first.set(BTC, priceOf(7))
    await clock.advance(50)
    await second.get(BTC)
    await first.delete(BTC)
    expect(redis.text(BTC.name)).toBeUndefined()
    expect(await second.get(BTC)).toBeUndefined()
  })

  test('may have been deleted while we did not hear of it: then all is stale until it is asked for again', async () => {
    const { cache, tier } = aCache()
    cache.set(BTC, priceOf(7))
    await cache.close()
    const { cache: other, tier: otherTier } = aCache()
    other.set(BTC, priceOf(7))
    otherTier.hear(undefined)
    tier.hear(undefined)
    expect(await other.getOrLoad(BTC, async () => priceOf(8))).toMatchObject({ value: priceOf(7), stale: true })
    // A cache that is closed does not listen any more.
    expect(cache.get(BTC)).toMatchObject({ value: priceOf(7), stale: false })
  })
})

describe('redis-first', () => {
  test('asks Redis although memory has it', async () => {
    const { cache, clock, redis } = aCache({ readOrder: 'redis-first' })
    cache.set(BTC, priceOf(1))
    await clock.advance(50)
    redis.put(BTC.name, redis.text(BTC.name)?.replace('"id":1', '"id":2') ?? '', 30_000)
    expect(await cache.get(BTC)).toMatchObject({ value: { id: 2 }, tier: 'redis' })
    expect(await cache.getOrLoad(BTC, never)).toMatchObject({ value: { id: 2 }, tier: 'redis' })
  })

  test('goes to memory when Redis is away or has nothing, and then to the database', async () => {
    const { cache, clock, redis, tier } = aCache({ readOrder: 'redis-first' })
    cache.set(BTC, priceOf(1))
    await clock.advance(50)
    redis.remove(BTC.name)
    expect(await cache.get(BTC)).toMatchObject({ value: priceOf(1), tier: 'memory' })
    tier.turn('down')
    expect(await cache.getOrLoad(BTC, never)).toMatchObject({ value: priceOf(1), tier: 'memory' })
    expect(await cache.getOrLoad(HISTORY, async () => candlesOf(1))).toMatchObject({ tier: 'database' })
  })

  test('asks Redis once for what memory only has past its grace', async () => {
    const { cache, clock, tier } = aCache({ readOrder: 'redis-first' })
    cache.set(HISTORY, candlesOf(1))
    await clock.advance(600_000)
    tier.asked.length = 0
    expect(await cache.getOrLoad(HISTORY, async () => candlesOf(2))).toMatchObject({ tier: 'database' })
    expect(tier.asked.slice(0, 2)).toEqual([`getOrLock ${HISTORY.name}`, `fill ${HISTORY.name}`])
  })

  test('believes itself, not Redis, about what Redis has not been told yet', async () => {
    const { cache, clock } = aCache({ readOrder: 'redis-first' })
    cache.set(BTC, priceOf(1))
    await clock.advance(50)
    cache.set(BTC, priceOf(2))
    expect(cache.get(BTC)).toMatchObject({ value: priceOf(2), tier: 'memory' })
  })
})
