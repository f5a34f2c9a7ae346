import { describe, expect, test } from 'vitest'
import { NO_REDIS } from '../../../src/tiers/redis/redis-tier.ts'
import { aCache, BTC, candlesOf, HISTORY, keys, priceOf } from './a-cache.ts'

const symbolKey = (n: number) => keys.price({ assetClass: 'crypto', symbol: `S${n}` })

describe('what is set', () => {
  test('many times is one write of the newest value, every 50 ms at most', async () => {
    const { cache, clock, tier, redis } = aCache()
    for (let id = 1; id <= 100; id += 1) {
      cache.set(BTC, priceOf(id))
      cache.set(HISTORY, candlesOf(id))
      await clock.advance(1)
    }
    const batch = `setAll ${BTC.name} ${HISTORY.name}`
    expect(tier.asked).toEqual([batch, batch])
    expect(redis.text(BTC.name)).toContain('"id":100')
    await clock.advance(1_000)
    expect(tier.asked).toHaveLength(2)
    expect(clock.set).toBe(0)
    expect(cache.stats).toMatchObject({ unwritten: 0, redis: { price: { writes: 2 } } })
  })

  test('is one batch for hundreds of instruments, and several for thousands', async () => {
    const { cache, clock, tier } = aCache({ maxBytes: 2 ** 24 })
    for (let n = 0; n < 500; n += 1) cache.set(symbolKey(n), priceOf(n, `S${n}`))
    await clock.advance(50)
    expect(tier.asked).toHaveLength(1)
    for (let n = 0; n < 2_500; n += 1) cache.set(symbolKey(n), priceOf(n, `S${n}`))
    await clock.advance(50)
    expect(tier.asked).toHaveLength(4)
  })

  test('waits for the batch that is on its way: Redis is never asked faster than it answers', async () => {
    const { cache, clock, tier } = aCache()
    tier.hold()
    cache.set(BTC, priceOf(1))
    await clock.advance(50)
    for (let id = 2; id < 10; id += 1) {
      cache.set(BTC, priceOf(id))
      await clock.advance(50)
    }
    expect(tier.asked).toEqual([`setAll ${BTC.name}`])
    expect(cache.stats.unwritten).toBe(2)
    tier.letGo()
    await clock.advance(0)
    await clock.advance(50)
    expect(tier.asked).toHaveLength(2)
  })

  test('while Redis is away is not written later, when it may be old: what Redis has is deleted', async () => {
    const { cache, clock, tier, redis } = aCache()
    cache.set(BTC, priceOf(1))
    await clock.advance(50)
    tier.turn('down')
    cache.set(BTC, priceOf(2))
    await clock.advance(5_000)
    tier.turn('live')
    await clock.advance(250)
    expect(redis.text(BTC.name)).toBeUndefined()
    expect(cache.get(BTC)).toMatchObject({ value: priceOf(2), tier: 'memory' })
    cache.set(BTC, priceOf(3))
    await clock.advance(50)
    expect(redis.text(BTC.name)).toContain('"id":3')
    expect(clock.set).toBe(0)
  })

  test('is not asked of Redis before Redis knows it, even when memory has let it go', async () => {
    const { cache, clock, tier, redis } = aCache({ maxBytes: 1_000 })
    cache.set(BTC, priceOf(1))
    await clock.advance(50)
    tier.turn('down')
    cache.set(BTC, priceOf(2))
    for (let n = 0; n < 3; n += 1) cache.set(symbolKey(n), priceOf(n, `S${n}`))
    tier.turn('live')
    expect(redis.text(BTC.name)).toContain('"id":1')
    expect(await cache.getOrLoad(BTC, async () => priceOf(2))).toMatchObject({ value: priceOf(2), tier: 'database' })
  })

  test('and cannot be told for as long as older values live is forgotten, and what is set then is told', async () => {
    const { cache, clock, tier, redis } = aCache()
    tier.turn('down')
    cache.set(keys.prediction('BTC'), { symbol: 'BTC', time: 1, horizon: '1h', value: 0, model: 'm', cursor: 1 })
    await clock.advance(1_000)
    expect(cache.stats.unwritten).toBe(1)
    await clock.advance(15_000)
    expect(cache.stats.unwritten).toBe(0)
    expect(clock.set).toBe(0)
    tier.turn('live')
    cache.set(BTC, priceOf(1))
    await clock.advance(50)
    expect(redis.text(BTC.name)).toContain('"id":1')
  })

  test('without a Redis is not kept for one', async () => {
    const { cache, clock } = aCache({ redis: NO_REDIS })
    cache.set(BTC, priceOf(1))
    await cache.delete(BTC)
    expect(cache.stats.unwritten).toBe(0)
    expect(clock.set).toBe(0)
  })

  test('for more keys than may wait makes Redis untold, and so unread, until its values have run out', async () => {
    const { cache, clock, tier, redis } = aCache({ maxBytes: 1_000 })
    cache.set(BTC, priceOf(1))
    await clock.advance(50)
    tier.turn('down')
    for (let n = 0; n < 20_000; n += 1) cache.set(symbolKey(n), priceOf(n, `S${n}`))
    cache.set(BTC, priceOf(2))
    for (let n = 0; n < 3; n += 1) cache.set(symbolKey(n), priceOf(n, `S${n}`))
    tier.turn('live')
    expect(cache.stats.redis.price.dropped).toBe(1)
    expect(redis.text(BTC.name)).toContain('"id":1')
    expect(await cache.get(BTC)).toBeUndefined()
  })

  test('and too large to wait is deleted there instead', async () => {
    const { cache, clock, redis } = aCache({ maxBytes: 2 ** 28 })
    const large = candlesOf(1, 300_000)
    const histories = ['A', 'B', 'C', 'D', 'E'].map((symbol) => keys.wsHistory(symbol, '1h'))
    for (const history of histories) redis.put(history.name, '{"v":1,"cursor":0,"candles":[]}', 300_000)
    for (const history of histories) cache.set(history, large)
    expect(cache.stats.redis.ws_history.dropped).toBeGreaterThan(0)
    await clock.advance(50)
    for (const history of histories) expect(redis.text(history.name)).toBeUndefined()
  })
})

describe('what is deleted', () => {
  test('while a batch with it waits to be sent is left out of the batch', async () => {
    const { cache, clock, tier, redis } = aCache()
    await cache.delete(HISTORY)
    tier.turn('down')
    await cache.delete(HISTORY)
    tier.turn('live')
    cache.set(BTC, priceOf(1))
    tier.hold()
    await clock.advance(250)
    expect(tier.asked.at(-1)).toBe(`delete ${HISTORY.name}`)
    const deleted = cache.delete(BTC)
    tier.letGo()
    await deleted
    await clock.advance(250)
    expect(redis.text(BTC.name)).toBeUndefined()
  })

  test('while Redis is away is heard of in other processes when it is back, although it was set again', async () => {
    const { cache, clock, tier, redis } = aCache()
    const { cache: other } = aCache({}, redis)
    cache.set(BTC, priceOf(1))
    await clock.advance(50)
    await other.get(BTC)
    tier.turn('down')
    await cache.delete(BTC)
    cache.set(BTC, priceOf(2))
    tier.turn('live')
    await clock.advance(250)
    expect(await other.get(BTC)).toMatchObject({ value: priceOf(2), tier: 'redis' })
  })

  test('while Redis is away is deleted there when it is back, and not read before', async () => {
    const { cache, clock, tier, redis } = aCache()
    cache.set(BTC, priceOf(1))
    await clock.advance(50)
    tier.turn('down')
    await cache.delete(BTC)
    tier.turn('live')
    expect(await cache.get(BTC)).toBeUndefined()
    await clock.advance(250)
    expect(redis.text(BTC.name)).toBeUndefined()
    expect(cache.stats.unwritten).toBe(0)
  })
})

describe('closing', () => {
  test('tells Redis what it does not know yet, and leaves no timer', async () => {
    const { cache, clock, redis } = aCache()
    cache.set(BTC, priceOf(1))
    await cache.close()
    expect(redis.text(BTC.name)).toContain('"id":1')
    expect(clock.set).toBe(0)
  })

  test('tells all of several batches, also when the next flush was due meanwhile', async () => {
    const { cache, clock, tier, redis } = aCache({ maxBytes: 2 ** 24 })
    for (let n = 0; n < 1_500; n += 1) cache.set(symbolKey(n), priceOf(n, `S${n}`))
    tier.hold()
    const closed = cache.close()
    await clock.advance(50)
    tier.letGo()
    await closed
    expect(redis.text(symbolKey(0).name)).toBeDefined()
    expect(redis.text(symbolKey(1_499).name)).toBeDefined()
  })

  test('leaves no timer, whatever is set afterwards by what ends later', async () => {
    const { cache, clock, tier } = aCache()
    await cache.close()
    tier.turn('down')
    cache.set(HISTORY, candlesOf(3))
    await cache.delete(HISTORY)
    expect(clock.set).toBe(0)
  })
})

test('closing while Redis is away does not wait for it, and leaves no timer either', async () => {
  const { cache, clock, tier } = aCache()
  tier.turn('down')
  cache.set(BTC, priceOf(1))
  await clock.advance(60)
  await cache.close()
  expect(clock.set).toBe(0)
})

test('one read of memory in 64 is timed, every question to Redis, and every load', async () => {
  const { cache } = aCache()
  await cache.getOrLoad(BTC, async () => priceOf(1))
  for (let reads = 1; reads < 640; reads += 1) cache.get(BTC)
  const { memory, redis, database } = cache.stats
  expect(memory.price).toMatchObject({ hits: 639, misses: 1, seconds: { count: 10 } })
  expect(redis.price).toMatchObject({ hits: 0, misses: 1, writes: 1, seconds: { count: 1 } })
  expect(database.price).toMatchObject({ loads: 1, failures: 0, seconds: { count: 1 } })
})
