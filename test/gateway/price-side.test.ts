import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { GatewayError } from '../../src/base/errors.ts'
import type { Feed } from '../../src/feed.ts'
import { createPriceSide, type PriceSide } from '../../src/gateway/price-side.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import type { Timeframe } from '../../src/market/timeframe.ts'
import { CacheKeys } from '../../src/tiers/cache/cache-keys.ts'
import { CacheManager } from '../../src/tiers/cache/cache-manager.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import { describeWithProgram } from '../servers/describe.ts'
import { type FaultProxy, openFaultProxy } from '../servers/fault-proxy.ts'
import type { LaunchedServer } from '../servers/launch.ts'
import { redisBinary, startRedis } from '../servers/redis.ts'
import { instrument, update } from '../tiers/fixtures.ts'
import { series } from '../tiers/observations.ts'
import { isLive, openTier, type RedisUnderTest, until } from '../tiers/redis/redis-under-test.ts'

const clock = { now: Date.now, after: systemClock.after }
/** What a database is asked; it may be away. */
class Asked {
  isAway = false
  reads = 0
  instrumentsThere: readonly Instrument[] = []

  async instruments() {
    this.#ask()
    return this.instrumentsThere
  }

  async register() {
    this.#ask()
  }

  async ticksBefore({ symbol }: Instrument) {
    this.#ask()
    this.reads += 1
    return [update(41, { symbol, price: 7 })]
  }

  /** Of the newest period the first word, of the one before the newest. */
  async observations() {
    this.#ask()
    this.reads += 1
    return [
      { id: 42, period: '2023-07-01', vintage: '2024-02-28', value: 2, knownAt: 2_000 },
      { id: 41, period: '2023-10-01', vintage: '2024-01-25', value: 3, knownAt: 1_000 },
    ]
  }

  #ask(): void {
    if (this.isAway) throw new GatewayError('tier_unavailable', 'away')
  }
}

describeWithProgram('prices and watched candles in Redis', redisBinary(process.env), (binary) => {
  let server: LaunchedServer
  let proxy: FaultProxy
  let redis: Redis
  let tier: RedisUnderTest
  let memory: MemoryTier
  let database: Asked
  let cache: CacheManager
  let side: PriceSide
  let watched: { symbol: string; timeframe: Timeframe }[]

  beforeAll(async () => {
    server = await startRedis(binary)
    redis = new Redis(server.url)
    proxy = await openFaultProxy(Number(new URL(server.url).port))
  })
  afterAll(async () => {
    redis.disconnect()
    await proxy.close()
    await server.stop()
  })
  beforeEach(async () => {
    await proxy.set('pass')
    await redis.flushdb()
    tier = openTier(proxy.through(server.url))
    await until(() => isLive(tier.tier))
    memory = new MemoryTier()
    database = new Asked()
    watched = []
    start()
  })
  afterEach(async () => {
    side.close()
    await cache.close()
    await tier.close()
  })

  /** A gateway's side of it; called again it is another process. */
  function start(): void {
    cache = new CacheManager({ redis: tier.tier, maxBytes: 2 ** 20, readOrder: 'memory-first', clock })
    const cacheSide = { cache, keys: new CacheKeys(), redis: tier.tier, clock }
    const feed = { assetClass: 'crypto', symbols: [{ symbol: 'BTC', sourceSymbol: 'BTCUSDT' }] }
    const feeds = [feed as unknown as Feed]
    memory.await('BTC')
    side = createPriceSide({ memory, database, feeds, cacheSide, watched: () => watched, onStale: () => undefined })
  }

  function trade(id: number, price: number): void {
    const stream = memory.prepare(instrument('BTC'))
    memory.adopt(stream)
    stream.live = true
    stream.warm = true
    stream.append(update(id, { price, time: 60_000 * id, received: Date.now() }))
    side.touch(stream)
  }

  it('are readable as the protocol has them', async () => {
    watched.push({ symbol: 'BTC', timeframe: '1m' })
    for (let id = 1; id <= 5; id += 1) trade(id, 100 + id)
    await until(async () => await redis.exists('price:crypto:BTC', 'ws_history:BTC:1m').then((count) => count === 2))
    expect(await redis.get('price:crypto:BTC')).toBe(
      '{"v":1,"symbol":"BTC","id":5,"price":105,"time":300000,"stale":false}',
    )
    expect(await redis.ttl('price:crypto:BTC')).toBeGreaterThan(25)
    const history = JSON.parse((await redis.get('ws_history:BTC:1m'))!)
    expect(history).toMatchObject({ v: 1, cursor: 5 })
    expect(history.candles.map(([time]: [number]) => time)).toEqual([1, 2, 3, 4, 5].map((minute) => minute * 60_000))
  })

  it('answer for a symbol whose source has not answered, with the database away', async () => {
    trade(1, 100)
    await until(() => redis.exists('price:crypto:BTC'))
    side.close()
    await cache.close()
    memory = new MemoryTier()
    database.isAway = true
    start()
    expect(await side.price('BTC')).toMatchObject({ value: { id: 1, price: 100 }, tier: 'redis' })
    expect(await side.price('BTC')).toMatchObject({ value: { id: 1, price: 100 }, tier: 'memory' })
  })

  it('are of no symbol that its source has refused and nobody has stored', async () => {
    memory.answered('BTC')
    expect(await side.price('BTC')).toBeUndefined()
  })

  it('come from the database for a symbol that is known but not configured any more, and are kept', async () => {
    database.instrumentsThere = [instrument('OLD')]
    expect(await side.price('OLD')).toMatchObject({ value: { id: 41, price: 7, stale: true }, tier: 'database' })
    expect(await side.price('OLD')).toMatchObject({ value: { id: 41 }, tier: 'memory' })
    expect(database.reads).toBe(1)
    expect(await side.price('NOPE')).toBeUndefined()
  })

  it('are those of the newest period for a series that is known but not configured any more', async () => {
    database.instrumentsThere = [series('GDP')]
    expect(await side.price('GDP')).toMatchObject({
      value: { id: 41, price: 3, time: 1_000, stale: true, period: '2023-10-01', vintage: '2024-01-25' },
      tier: 'database',
    })
  })

  it('are never older than memory', async () => {
    await redis.set('price:crypto:BTC', '{"v":1,"symbol":"BTC","id":1,"price":1,"time":1,"stale":false}')
    const asked = side.price('BTC')
    trade(2, 200)
    expect(await asked).toMatchObject({ value: { id: 2 }, tier: 'memory' })
  })

  describe('with Redis hung', () => {
    it('make nobody wait longer than a quarter of a second', async () => {
      database.instrumentsThere = [instrument('OLD')]
      await proxy.set('black-hole')
      const startedAt = performance.now()
      const answers = await Promise.all(['OLD', 'BTC', 'NOPE'].map((symbol) => side.price(symbol)))
      expect(performance.now() - startedAt).toBeLessThan(300)
      expect(answers[0]).toMatchObject({ value: { id: 41 }, tier: 'database' })
    })

    it('queue the newest alone, which is there when Redis is back', async () => {
      await proxy.set('refuse')
      await until(() => !isLive(tier.tier))
      for (let id = 1; id <= 200; id += 1) trade(id, id)
      await until(() => cache.stats.unwritten > 0)
      expect(cache.stats.unwritten).toBe(1)
      await proxy.set('pass')
      await until(() => isLive(tier.tier), 5_000)
      await until(async () => (await redis.get('price:crypto:BTC'))?.includes('"id":200'), 5_000)
    })
  })
})
