// The key-value part of the cache in one process, and beside it what it is compared with.
import { Redis } from 'ioredis'
import { neverBack, systemClock } from '../../src/base/clock.ts'
import { createLog } from '../../src/base/log.ts'
import { type CacheKey, CacheKeys } from '../../src/tiers/cache/cache-keys.ts'
import { CacheManager } from '../../src/tiers/cache/cache-manager.ts'
import { CandleRows } from '../../src/tiers/cache/candle-rows.ts'
import type { CandlesValue, PriceValue } from '../../src/tiers/cache/values.ts'
import { openRedis } from '../../src/tiers/redis/open-redis.ts'
import { redisAddress } from '../../src/tiers/redis/redis-address.ts'
import { NO_REDIS, type RedisTier } from '../../src/tiers/redis/redis-tier.ts'
import { converse, readSetup } from './conversation.ts'
import { percentilesOf } from './percentiles.ts'

interface Setup {
  readonly redisUrl?: string
  /** Every symbol, and so every key, holds it. */
  readonly prefix: string
}

const KEYS = 10_000
/** A table of random places, so that neither side finds its keys in the order in which they were put in. */
const PLACES = 1 << 16
const GETS = 2_000_000
const TIMED_GETS = 20_000
/** Short, so that a slow moment of the machine meets both sides. */
const BATCHES_IN_A_ROUND = 10
const ROWS = 500
const MINUTE = 60_000

const { redisUrl, prefix } = readSetup<Setup>()
const log = createLog('error')
const keys = new CacheKeys([])
const priceKeys = Array.from({ length: KEYS }, (_, n) => keys.price({ assetClass: 'crypto', symbol: `${prefix}${n}` }))
const places = Uint16Array.from({ length: PLACES }, () => Math.floor(Math.random() * KEYS))
const redis = redisUrl ? await openLive(redisUrl) : NO_REDIS
const control = redisUrl ? new Redis(redisUrl) : undefined

const memoryOnly = cacheOn(NO_REDIS)
/** The control: a map and an end for each value, and nothing else. */
const bare = new Map<string, { readonly value: PriceValue; readonly expiresAt: number }>()
for (const [n, key] of priceKeys.entries()) {
  memoryOnly.set(key, priceOf(n))
  bare.set(key.name, { value: priceOf(n), expiresAt: Date.now() + 3_600_000 })
}

converse(
  {
    /** Gets a second of either side, one after the other. */
    memory: () => {
      renew()
      return { cached: perSecond(getCached), bare: perSecond(getBare) }
    },
    memoryDelays: () => {
      renew()
      return delaysOf(TIMED_GETS, (n) => memoryOnly.get(priceKeys[places[n % PLACES]!]!))
    },
    /** Keys a second of either side, in batches of `perTurn`, one batch after the other, a few of a side in turn. */
    redisWrites: async ({ perTurn, trades }) => {
      const entries = priceKeys.slice(0, perTurn).map((key, n) => ({
        ...{ key: key.name, seconds: key.seconds, text: JSON.stringify({ v: 1, ...priceOf(n) }) },
      }))
      const rounds = Math.ceil(trades / perTurn / BATCHES_IN_A_ROUND)
      const setAll = async () => {
        if (!(await redis.setAll(entries))) throw new Error('Redis must take the batch, did not')
      }
      const pipeline = async () => {
        const commands = control!.pipeline()
        for (const { key, text, seconds } of entries) commands.set(key, text, 'EX', seconds)
        await commands.exec()
      }
      const seconds = { batched: 0, pipelined: 0 }
      for (let n = 0; n < rounds; n += 1) {
        seconds.batched += await secondsOf(setAll, BATCHES_IN_A_ROUND)
        seconds.pipelined += await secondsOf(pipeline, BATCHES_IN_A_ROUND)
      }
      const written = rounds * BATCHES_IN_A_ROUND * perTurn
      return { batched: written / seconds.batched, pipelined: written / seconds.pipelined }
    },
    /** Each get is of a key that memory does not have. */
    redisDelays: async ({ trades }) => {
      const writer = cacheOn(redis)
      const priced = priceKeys.slice(0, trades)
      const histories = Array.from({ length: 200 }, (_, n) => keys.wsHistory(`${prefix}${n}`, '1m'))
      for (const [n, key] of priced.entries()) writer.set(key, priceOf(n))
      for (const key of histories) writer.set(key, historyOf())
      await writer.close()
      const prices = await delaysOfCold(priced)
      return { prices, histories: await delaysOfCold(histories) }
    },
  },
  async () => {
    const names = await redis.scan(`*${prefix}*`, 100_000)
    if (names && names.length > 0) await control?.unlink([...names])
    control?.disconnect()
    await redis.close()
  },
)

function cacheOn(tier: RedisTier): CacheManager {
  const clock = { now: neverBack(Date.now), after: systemClock.after }
  return new CacheManager({ redis: tier, maxBytes: 256 * 2 ** 20, readOrder: 'memory-first', clock })
}

/** Prices live 30 s, a benchmark longer. */
function renew(): void {
  for (const [n, key] of priceKeys.entries()) memoryOnly.set(key, priceOf(n))
}

function getCached(n: number): number {
  const found = memoryOnly.get(priceKeys[places[n & (PLACES - 1)]!]!)
  return found !== undefined && 'value' in found ? found.value.id : 0
}

function getBare(n: number): number {
  const entry = bare.get(priceKeys[places[n & (PLACES - 1)]!]!.name)
  return entry !== undefined && Date.now() < entry.expiresAt ? entry.value.id : 0
}

function perSecond(get: (n: number) => number): number {
  let sum = 0
  const started = performance.now()
  for (let n = 0; n < GETS; n += 1) sum += get(n)
  const seconds = (performance.now() - started) / 1_000
  if (sum < GETS) throw new Error('every get must be a hit, was not')
  return GETS / seconds
}

async function secondsOf(write: () => Promise<void>, times: number): Promise<number> {
  const started = performance.now()
  for (let n = 0; n < times; n += 1) await write()
  return (performance.now() - started) / 1_000
}

function delaysOf(count: number, get: (n: number) => unknown) {
  const delays = new Float64Array(count)
  for (let n = 0; n < count; n += 1) {
    const started = performance.now()
    get(n)
    delays[n] = performance.now() - started
  }
  return percentilesOf(delays)
}

async function delaysOfCold(cold: readonly CacheKey<unknown>[]) {
  const reader = cacheOn(redis)
  const delays = new Float64Array(cold.length)
  for (const [n, key] of cold.entries()) {
    const started = performance.now()
    const found = await reader.get(key)
    delays[n] = performance.now() - started
    if (found?.tier !== 'redis') throw new Error(`Redis must have ${key.name}, was found in ${found?.tier}`)
  }
  return percentilesOf(delays)
}

function priceOf(n: number): PriceValue {
  return { symbol: `${prefix}${n}`, id: 3_000_000_000 + n, price: 97_000 + n / 100, time: Date.now(), stale: false }
}

function historyOf(): CandlesValue {
  const candles = Array.from({ length: ROWS }, (_, n) => {
    return [n * MINUTE, 97_000.12 + n, 97_001.34 + n, 96_999.56 + n, 97_000.78 + n, 12.34567 + n] as const
  })
  return { cursor: 3_000_000_000, candles: CandleRows.of(candles) }
}

async function openLive(url: string): Promise<RedisTier> {
  const address = redisAddress({ redisUrl: url, redisPort: 6_379 })
  if (address === undefined) throw new Error('REDIS_URL must name a Redis')
  const tier = openRedis({ address, log, now: Date.now })
  if (tier.status.state !== 'live') {
    await new Promise<void>((resolve) => {
      tier.onStatus(({ state }) => state === 'live' && resolve())
    })
  }
  return tier
}
