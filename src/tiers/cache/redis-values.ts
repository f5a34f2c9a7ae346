import type { Clock } from '../../base/clock.ts'
import type { GetOrLock, RedisEntry, RedisTier, RedisValue } from '../redis/redis-tier.ts'
import type { CacheKey } from './cache-keys.ts'
import type { CacheCounts, RedisCounts } from './cache-stats.ts'
import { decodeValue, encodeValue } from './value-codec.ts'

/** A larger text is not sent: it would hold up everything else on its way, and be late itself. */
const MOST_TEXT_LENGTH = 1024 ** 2

export interface FoundInRedis<Value> {
  readonly value: Value
  /** On the cache's clock, ms; rather too early than too late. */
  readonly expiresAt: number
}

export type FoundOrLock<Value> =
  | { readonly outcome: 'found'; readonly found: FoundInRedis<Value> }
  /** There is something that is not ours, and no place for what is loaded. */
  | { readonly outcome: 'foreign' }
  | { readonly outcome: 'locked' }
  | { readonly outcome: 'busy' }
  | { readonly outcome: 'unavailable' }

/** Redis as the cache sees it: values of the key's kind instead of texts, each question counted and timed. */
export class RedisValues {
  readonly #redis: RedisTier
  readonly #clock: Clock
  readonly #counts: CacheCounts['redis']

  constructor(redis: RedisTier, clock: Clock, counts: CacheCounts['redis']) {
    this.#redis = redis
    this.#clock = clock
    this.#counts = counts
  }

  /** No Redis is configured: it is neither asked nor told. */
  get isOff(): boolean {
    return this.#redis.status.state === 'off'
  }

  /** Undefined for what is not there, what is not ours, and what cannot be asked. */
  async get<Value>(key: CacheKey<Value>): Promise<FoundInRedis<Value> | undefined> {
    const counts = this.#counts[key.kind]
    const askedAt = this.#clock.now()
    const found = await timed(counts, () => this.#redis.get(key.name), isUnavailable)
    if (found === undefined) counts.misses += 1
    else if (found === 'unavailable') counts.errors += 1
    else return this.#decode(key, found, askedAt)
    return undefined
  }

  async getOrLock<Value>(key: CacheKey<Value>, token: string, lockMs: number): Promise<FoundOrLock<Value>> {
    const counts = this.#counts[key.kind]
    const askedAt = this.#clock.now()
    const got = await timed(counts, () => this.#redis.getOrLock(key.name, token, lockMs), isUnavailable)
    if (got.outcome === 'found') {
      const found = this.#decode(key, got.value, askedAt)
      return found === undefined ? { outcome: 'foreign' } : { outcome: 'found', found }
    }
    if (got.outcome === 'locked') counts.misses += 1
    else if (got.outcome === 'busy') counts.waits += 1
    else counts.errors += 1
    return got
  }

  /** Keeps the lock for `lockMs` more. Resolves with false when somebody else has it, or has set the key. */
  async renew(key: CacheKey<unknown>, token: string, lockMs: number): Promise<boolean> {
    return (await this.#redis.renew(key.name, token, lockMs)) !== 'lost'
  }

  discard(key: CacheKey<unknown>): Promise<boolean> {
    return this.#redis.discard(key.name)
  }

  /** Resolves with false when the value is the older one by now. The lock is given back in any case. */
  async fill<Value>(key: CacheKey<Value>, value: Value, token: string): Promise<boolean> {
    const counts = this.#counts[key.kind]
    const entry = this.encode(key, value, key.seconds)
    if (entry === undefined) {
      await this.unlock(key, token)
      return true
    }
    const outcome = await this.#redis.fill(entry, token)
    if (outcome === 'filled') counts.writes += 1
    if (outcome === 'unavailable') counts.errors += 1
    return outcome !== 'refused'
  }

  unlock(key: CacheKey<unknown>, token: string): Promise<void> {
    return this.#redis.unlock(key.name, token)
  }

  /** As it is sent; undefined if it is too large for that, which is counted. */
  encode<Value>(key: CacheKey<Value>, value: Value, seconds: number): RedisEntry | undefined {
    const text = encodeValue(value)
    if (text.length <= MOST_TEXT_LENGTH) return { key: key.name, text, seconds }
    this.#counts[key.kind].tooLarge += 1
    return undefined
  }

  #decode<Value>(key: CacheKey<Value>, found: RedisValue, askedAt: number): FoundInRedis<Value> | undefined {
    const counts = this.#counts[key.kind]
    const value = decodeValue(key, found.text)
    // What lives for ever was not written by us either.
    if (value === undefined || found.remainingMs < 0) {
      counts.foreign += 1
      return undefined
    }
    counts.hits += 1
    return { value, expiresAt: askedAt + Math.min(found.remainingMs, key.seconds * 1_000) }
  }
}

function isUnavailable(answer: RedisValue | GetOrLock | 'unavailable' | undefined): boolean {
  return answer === 'unavailable' || (answer !== undefined && 'outcome' in answer && answer.outcome === 'unavailable')
}

/** A question that was not answered would say nothing of how fast Redis is. */
async function timed<Answer>(
  counts: RedisCounts,
  ask: () => Promise<Answer>,
  isLost: (answer: Answer) => boolean,
): Promise<Answer> {
  const start = performance.now()
  const answer = await ask()
  if (!isLost(answer)) counts.seconds.observe((performance.now() - start) / 1_000)
  return answer
}
