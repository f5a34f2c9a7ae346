import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { neverBack, systemClock } from '../../../src/base/clock.ts'
import type { CacheKey } from '../../../src/tiers/cache/cache-keys.ts'
import { CacheManager } from '../../../src/tiers/cache/cache-manager.ts'
import type { PriceValue } from '../../../src/tiers/cache/values.ts'
import { describeWithRedis } from '../../servers/describe.ts'
import { isLive, openTier, until } from '../redis/redis-under-test.ts'
import { keys, priceOf } from './a-cache.ts'

const SYMBOLS = 500
const HOT = 4
const READS = 60_000
/** At once, each of which reads so many in a row and rests: at most 10,000 reads a second. */
const READERS = 25
const IN_A_ROW = 5
const REST_MS = 12
/** So that each key's life ends while it is read. */
const LIFE_SECONDS = 5
/** Of about sixty prices: an eighth of what is read. */
const MAX_BYTES = 28_000

/** Whole numbers below 2^32, the same ones every time. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state
  }
}

/** Ranks from 0 on, the n-th of them n times rarer than the first. */
function zipf(random: () => number): () => number {
  const sums: number[] = []
  for (let rank = 0; rank < SYMBOLS; rank += 1) sums.push((sums.at(-1) ?? 0) + 1 / (rank + 1))
  return () => {
    const place = (random() / 2 ** 32) * (sums.at(-1) ?? 0)
    return sums.findIndex((sum) => place < sum)
  }
}

describeWithRedis('reads of 500 symbols, few of them often and many of them seldom', ({ url, keyPrefix }) => {
  test('are answered by memory for hot symbols, by Redis for most others, and seldom by the database', async () => {
    const { tier, close } = openTier(url, { channel: `${keyPrefix}deleted` })
    await until(() => isLive(tier))
    const clock = { now: neverBack(Date.now), after: systemClock.after }
    const cache = new CacheManager({ redis: tier, maxBytes: MAX_BYTES, readOrder: 'memory-first', clock })
    const prices = Array.from({ length: SYMBOLS }, (_, rank): CacheKey<PriceValue> => {
      const key = keys.price({ assetClass: 'crypto', symbol: `S${rank}` })
      return { ...key, name: `${keyPrefix}${key.name}`, seconds: LIFE_SECONDS, graceSeconds: LIFE_SECONDS }
    })
    const next = zipf(seeded(20_261_122))
    const answers = { hot: { memory: 0, redis: 0, database: 0 }, other: { memory: 0, redis: 0, database: 0 } }
    const startedAt = performance.now()
    const read = async (rank: number) => {
      const answer = await cache.getOrLoad(prices[rank] as CacheKey<PriceValue>, async () => priceOf(rank, `S${rank}`))
      expect(answer?.value.id).toBe(rank)
      if (answer) answers[rank < HOT ? 'hot' : 'other'][answer.tier] += 1
    }
    let left = READS
    const reader = async () => {
      while (left > 0) {
        for (let count = 0; count < IN_A_ROW && left > 0; count += 1) {
          left -= 1
          await read(next())
        }
        await delay(REST_MS)
      }
    }
    await Promise.all(Array.from({ length: READERS }, reader))
    const seconds = (performance.now() - startedAt) / 1_000
    const { memory, redis, database } = cache.stats
    await cache.close()
    await close()

    const hot = answers.hot.memory / (answers.hot.memory + answers.hot.redis + answers.hot.database)
    const ofMissed = redis.price.hits / (redis.price.hits + redis.price.misses)
    const ofReads = database.price.loads / READS
    const percent = (share: number) => `${(100 * share).toFixed(2)} %`
    console.log(
      `hit rates: ${READS} reads in ${seconds.toFixed(1)} s, memory ${MAX_BYTES} bytes: ` +
        `memory ${percent(hot)} of hot symbols and ${percent((answers.hot.memory + answers.other.memory) / READS)} of all, ` +
        `Redis ${percent(ofMissed)} of what memory missed, database ${percent(ofReads)} of reads`,
    )
    expect(hot).toBeGreaterThanOrEqual(0.95)
    expect(ofMissed).toBeGreaterThanOrEqual(0.9)
    expect(ofReads).toBeLessThan(0.05)
    // It was no easy case: memory had to choose, and lives ended.
    expect(memory.price.evictions).toBeGreaterThan(READS / 10)
    expect(memory.price.bytes).toBeLessThanOrEqual(MAX_BYTES)
    expect(database.price.loads).toBeGreaterThan(1.2 * SYMBOLS)
  }, 60_000)
})
