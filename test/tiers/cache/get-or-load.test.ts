import { describe, expect, test } from 'vitest'
import { createGate } from '../../../src/base/gate.ts'
import { LOAD_WITHIN_MS, LOCK_MS } from '../../../src/tiers/cache/load-once.ts'
import { NO_REDIS } from '../../../src/tiers/redis/redis-tier.ts'
import { aCache, BTC, candlesOf, HISTORY, priceOf } from './a-cache.ts'

/** A load that counts itself and ends when the test says so. */
function gated<Value>(value: Value) {
  const gate = createGate()
  const loading = {
    count: 0,
    end: gate.open,
    load: async () => {
      loading.count += 1
      await gate.opened
      return value
    },
  }
  return loading
}

describe('one load', () => {
  test('is enough for ten thousand who ask at once', async () => {
    const { cache, tier } = aCache()
    const { load, end, ...loading } = gated(candlesOf(9))
    let count = 0
    const answers = Promise.all(
      Array.from({ length: 10_000 }, () =>
        cache.getOrLoad(HISTORY, () => {
          count += 1
          return load()
        }),
      ),
    )
    end()
    expect(new Set((await answers).map((answer) => answer?.value.cursor))).toEqual(new Set([9]))
    expect(loading.count + count).toBe(1)
    expect(tier.asked).toEqual([`getOrLock ${HISTORY.name}`, `fill ${HISTORY.name}`])
    expect(cache.stats.database.ws_history).toMatchObject({ loads: 1, failures: 0 })
    expect(cache.get(HISTORY)).toMatchObject({ tier: 'memory' })
  })

  test('is enough for four processes: the others find it in Redis', async () => {
    const first = aCache()
    const others = [1, 2, 3].map(() => aCache({}, first.redis))
    const slow = gated(candlesOf(9))
    const answers = [first, ...others].map(({ cache }) => cache.getOrLoad(HISTORY, slow.load))
    await first.clock.advance(0)
    await first.clock.advance(300)
    slow.end()
    await first.clock.advance(0)
    await first.clock.advance(15)
    expect((await Promise.all(answers)).map((answer) => answer?.tier)).toEqual(['database', 'redis', 'redis', 'redis'])
    expect(slow.count).toBe(1)
  })

  test('that brings nothing is not kept', async () => {
    const { cache, redis } = aCache()
    expect(await cache.getOrLoad(BTC, async () => undefined)).toBeUndefined()
    expect(redis.text(`lock:${BTC.name}`)).toBeUndefined()
    expect(await cache.getOrLoad(BTC, async () => priceOf(1))).toMatchObject({ value: priceOf(1) })
  })

  test('that throws is told to all who wait for it, and gives the lock back', async () => {
    const { cache, redis, clock } = aCache()
    const { cache: other } = aCache({}, redis)
    const broken = async () => {
      throw new Error('the database is away')
    }
    const answers = [cache.getOrLoad(BTC, broken), cache.getOrLoad(BTC, broken)]
    const elsewhere = other.getOrLoad(BTC, async () => priceOf(1))
    for (const answer of answers) await expect(answer).rejects.toThrow('the database is away')
    expect(cache.stats.database.price).toMatchObject({ loads: 1, failures: 1 })
    await clock.advance(15)
    expect(await elsewhere).toMatchObject({ value: priceOf(1), tier: 'database' })
  })

  test('that throws before it begins is answered no less', async () => {
    const { cache } = aCache()
    const load = () => {
      throw new Error('no such instrument')
    }
    await expect(cache.getOrLoad(BTC, load)).rejects.toThrow('no such instrument')
  })

  test('that never ends is cut off, and the next one is not held up by it', async () => {
    const { cache, clock } = aCache()
    const answer = cache.getOrLoad(BTC, gated(priceOf(1)).load)
    const told = expect(answer).rejects.toMatchObject({ code: 'tier_unavailable' })
    await clock.advance(0)
    await clock.advance(LOAD_WITHIN_MS)
    await told
    expect(await cache.getOrLoad(BTC, async () => priceOf(2))).toMatchObject({ value: priceOf(2) })
    expect(clock.set).toBe(0)
  })
})

describe('the lock between processes', () => {
  test('outlives its holder by a second: then one of the others loads', async () => {
    const { redis, clock, ...others } = aCache()
    redis.put(`lock:${HISTORY.name}`, 'the token of a process that was killed', LOCK_MS)
    const { cache: third } = aCache({}, redis)
    let loads = 0
    const load = async () => {
      loads += 1
      return candlesOf(9)
    }
    const answers = [others.cache.getOrLoad(HISTORY, load), third.getOrLoad(HISTORY, load)]
    await clock.advance(LOCK_MS - 20)
    expect(loads).toBe(0)
    await clock.advance(50)
    expect((await Promise.all(answers)).map((answer) => answer?.value)).toEqual([candlesOf(9), candlesOf(9)])
    expect(loads).toBe(1)
  })

  test('is kept by a load that is slower than its life', async () => {
    const { cache, redis, clock } = aCache()
    const { cache: other } = aCache({}, redis)
    const slow = gated(candlesOf(9))
    const answers = [cache.getOrLoad(HISTORY, slow.load), other.getOrLoad(HISTORY, slow.load)]
    await clock.advance(0)
    await clock.advance(7 * LOCK_MS)
    slow.end()
    await clock.advance(0)
    await clock.advance(15)
    await Promise.all(answers)
    expect(slow.count).toBe(1)
  })

  test('that was lost to another process costs one more load, and the late one is not kept', async () => {
    const { cache, redis, clock, tier } = aCache()
    const { cache: other } = aCache({}, redis)
    const slow = gated(candlesOf(1))
    const late = cache.getOrLoad(HISTORY, slow.load)
    await clock.advance(1)
    tier.turn('down')
    const answer = other.getOrLoad(HISTORY, async () => candlesOf(2))
    await clock.advance(LOCK_MS + 20)
    expect(await answer).toMatchObject({ value: candlesOf(2), tier: 'database' })
    tier.turn('live')
    slow.end()
    expect(await late).toMatchObject({ value: candlesOf(1) })
    await clock.advance(0)
    expect(await cache.get(HISTORY)).toMatchObject({ value: candlesOf(2), tier: 'redis' })
  })

  test('is asked for again after 5 to 15 ms', async () => {
    for (const [random, after] of [
      [0, 5],
      [0.999, 15],
    ] as const) {
      const { cache, redis, clock, tier } = aCache({ random: () => random })
      redis.put(`lock:${BTC.name}`, 'of another process', 20)
      void cache.getOrLoad(BTC, async () => priceOf(1))
      await clock.advance(0)
      await clock.advance(after - 1)
      expect(tier.asked).toHaveLength(1)
      await clock.advance(1)
      expect(tier.asked).toHaveLength(2)
    }
  })

  test('is not asked for when Redis goes away meanwhile: then this process loads', async () => {
    const { cache, redis, clock, tier } = aCache()
    redis.put(`lock:${BTC.name}`, 'of another process', LOCK_MS)
    const answer = cache.getOrLoad(BTC, async () => priceOf(1))
    await clock.advance(20)
    tier.turn('down')
    await clock.advance(20)
    expect(await answer).toMatchObject({ value: priceOf(1), tier: 'database' })
  })

  test('is given back for a value that is too large to be sent', async () => {
    const { cache, redis, clock } = aCache({ maxBytes: 2 ** 24 })
    await cache.getOrLoad(HISTORY, async () => candlesOf(1, 50_000))
    await clock.advance(100)
    expect(redis.text(HISTORY.name)).toBeUndefined()
    expect(redis.text(`lock:${HISTORY.name}`)).toBeUndefined()
    expect(cache.stats.redis.ws_history).toMatchObject({ tooLarge: 1, writes: 0 })
    expect(cache.get(HISTORY)).toMatchObject({ tier: 'memory' })
  })
})

describe('a load that is overtaken', () => {
  test('by a set does not put its older value back, anywhere', async () => {
    const { cache, redis, clock } = aCache()
    const old = gated(priceOf(1))
    const answer = cache.getOrLoad(BTC, old.load)
    await clock.advance(1)
    cache.set(BTC, priceOf(2))
    old.end()
    expect(await answer).toMatchObject({ value: priceOf(1) })
    expect(cache.get(BTC)).toMatchObject({ value: priceOf(2) })
    await clock.advance(100)
    expect(redis.text(BTC.name)).toContain('"id":2')
  })

  test('by a delete does not put its older value back, and the next one loads anew', async () => {
    const { cache, redis, clock } = aCache()
    const old = gated(priceOf(1))
    const answer = cache.getOrLoad(BTC, old.load)
    await clock.advance(1)
    await cache.delete(BTC)
    expect(await cache.getOrLoad(BTC, async () => priceOf(2))).toMatchObject({ value: priceOf(2) })
    old.end()
    expect(await answer).toMatchObject({ value: priceOf(1) })
    await clock.advance(100)
    expect(cache.get(BTC)).toMatchObject({ value: priceOf(2) })
    expect(redis.text(BTC.name)).toContain('"id":2')
  })

  test('by a delete in another process is not kept either', async () => {
    const { cache, redis, clock } = aCache()
    const { cache: other } = aCache({}, redis)
    const old = gated(priceOf(1))
    const answer = cache.getOrLoad(BTC, old.load)
    await clock.advance(1)
    await other.delete(BTC)
    old.end()
    await answer
    await clock.advance(100)
    expect(redis.text(BTC.name)).toBeUndefined()
    expect(await cache.get(BTC)).toBeUndefined()
  })

  test('while it waits for another process answers with what overtook it', async () => {
    const { cache, redis, clock } = aCache()
    redis.put(`lock:${BTC.name}`, 'of another process', LOCK_MS)
    const answer = cache.getOrLoad(BTC, async () => priceOf(1))
    await clock.advance(1)
    cache.set(BTC, priceOf(2))
    await clock.advance(15)
    expect(await answer).toMatchObject({ value: priceOf(2), tier: 'memory' })
  })

  test('in Redis by another process is taken out of memory again', async () => {
    const { cache, redis, clock, tier } = aCache()
    const { cache: other } = aCache({}, redis)
    const old = gated(priceOf(1))
    const answer = cache.getOrLoad(BTC, old.load)
    await clock.advance(1)
    other.set(BTC, priceOf(2))
    await clock.advance(50)
    tier.hold()
    old.end()
    expect(await answer).toMatchObject({ value: priceOf(1), tier: 'database' })
    tier.letGo()
    await clock.advance(0)
    expect(await cache.get(BTC)).toMatchObject({ value: priceOf(2), tier: 'redis' })
  })
})

describe('a look into Redis that is overtaken', () => {
  test('by a set does not put its older value back into memory', async () => {
    const { cache, redis, tier } = aCache()
    redis.put(BTC.name, '{"v":1,"symbol":"BTC","id":1,"price":1,"time":1,"stale":false}', 30_000)
    tier.hold()
    const answer = cache.get(BTC)
    cache.set(BTC, priceOf(2))
    tier.letGo()
    expect(await answer).toMatchObject({ value: { id: 1 } })
    expect(cache.get(BTC)).toMatchObject({ value: priceOf(2) })
  })

  test('by a delete in another process, which is heard of on another connection, is not kept in memory', async () => {
    const { cache, redis, tier } = aCache()
    const { cache: other } = aCache({}, redis)
    redis.put(BTC.name, '{"v":1,"symbol":"BTC","id":1,"price":1,"time":1,"stale":false}', 30_000)
    const found = await tier.get(BTC.name)
    let arrive = () => {}
    tier.get = () => new Promise((resolve) => (arrive = () => resolve(found)))
    const answer = cache.get(BTC)
    await other.delete(BTC)
    arrive()
    expect(await answer).toMatchObject({ value: { id: 1 } })
    expect(cache.peek(BTC.name)).toBeUndefined()
  })
})

describe('a value whose life is over', () => {
  test('is served as stale while one refresh runs, however many ask', async () => {
    const { cache, clock } = aCache({ redis: NO_REDIS })
    cache.set(BTC, priceOf(1))
    await clock.advance(31_000)
    const fresh = gated(priceOf(2))
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => cache.getOrLoad(BTC, fresh.load)))
    for (const answer of answers)
      expect(answer).toEqual({ value: priceOf(1), tier: 'memory', ageMs: 31_000, stale: true })
    await clock.advance(0)
    expect(fresh.count).toBe(1)
    fresh.end()
    await clock.advance(0)
    expect(await cache.getOrLoad(BTC, fresh.load)).toMatchObject({ value: priceOf(2), tier: 'memory', stale: false })
    expect(cache.stats.memory.price).toMatchObject({ staleHits: 1_000 })
  })

  test('is not told by get, which could not have it refreshed', async () => {
    const { cache, clock } = aCache({ redis: NO_REDIS })
    cache.set(BTC, priceOf(1))
    await clock.advance(30_000)
    expect(await cache.get(BTC)).toBeUndefined()
  })

  test('is served until its grace is over while refreshes fail, one try a second, and then the error', async () => {
    const { cache, clock } = aCache({ redis: NO_REDIS })
    cache.set(BTC, priceOf(1))
    await clock.advance(30_000)
    let tries = 0
    const broken = async () => {
      tries += 1
      throw new Error('the database is away')
    }
    for (let ms = 0; ms < BTC.graceSeconds * 1_000; ms += 100) {
      expect(await cache.getOrLoad(BTC, broken)).toMatchObject({ value: priceOf(1), stale: true })
      await clock.advance(0)
      await clock.advance(100)
    }
    expect(tries).toBe(BTC.graceSeconds)
    await expect(cache.getOrLoad(BTC, broken)).rejects.toThrow('the database is away')
  })

  test('is gone when the refresh finds that there is no such thing any more', async () => {
    const { cache, clock } = aCache({ redis: NO_REDIS })
    cache.set(BTC, priceOf(1))
    await clock.advance(30_000)
    expect(await cache.getOrLoad(BTC, async () => undefined)).toMatchObject({ stale: true })
    await clock.advance(0)
    expect(await cache.getOrLoad(BTC, async () => undefined)).toBeUndefined()
  })

  test('is refreshed from Redis where another process has it newer', async () => {
    const { cache, redis, clock } = aCache()
    cache.set(BTC, priceOf(1))
    await clock.advance(30_000)
    redis.put(BTC.name, '{"v":1,"symbol":"BTC","id":9,"price":9,"time":9,"stale":false}', 20_000)
    const load = async () => priceOf(1)
    expect(await cache.getOrLoad(BTC, load)).toMatchObject({ value: priceOf(1), stale: true })
    await clock.advance(0)
    expect(await cache.getOrLoad(BTC, load)).toMatchObject({ value: { id: 9 }, stale: false, ageMs: 10_000 })
    expect(cache.stats.database.price.loads).toBe(0)
  })
})
