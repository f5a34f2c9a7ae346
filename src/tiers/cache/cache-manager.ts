import { randomUUID } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { RedisTier, RedisValue } from '../redis/redis-tier.ts'
import type { CacheKey, KeyKind } from './cache-keys.ts'
import { type CacheCounts, type CacheStats, createCounts } from './cache-stats.ts'
import type { Cached } from './cached.ts'
import { type Flight, Flights } from './flights.ts'
import { type Load, type LoadPorts, loadAlone, loadOnce, type TellRedis } from './load-once.ts'
import { MemoryEntries } from './memory-entries.ts'
import { type FoundInRedis, RedisValues } from './redis-values.ts'
import { RedisWrites } from './redis-writes.ts'
import { encodeValue } from './value-codec.ts'

/** After a refresh that failed, a stale value is served for so long before the next is tried. */
const REFRESH_AGAIN_AFTER_MS = 1_000
/** One read of memory in so many is timed. A power of two. */
const TIMED_READS = 64

export interface CacheManagerOptions {
  readonly redis: RedisTier
  /** Of memory, estimated: value-size.ts. */
  readonly maxBytes: number
  readonly readOrder: 'memory-first' | 'redis-first'
  /** Must not step back. */
  readonly clock: Clock
  readonly random?: () => number
}

/** A key that memory has. */
export interface HeldKey {
  readonly key: string
  readonly kind: KeyKind
  /** 0 or less: it is stale. */
  readonly remainingMs: number
}

type Answer<Value> = Cached<Value> | undefined

/**
 * The key-value part of the cache: memory and Redis as one, and one load per key. A value of 0, an empty list or an
 * empty text is a hit; `undefined` is a miss.
 *
 * In one process nobody is ever answered with a value that is older than the newest `set` or `delete` that was over
 * when the question came, whatever is on its way and however Redis is.
 */
export class CacheManager {
  readonly #clock: Clock
  readonly #isRedisFirst: boolean
  readonly #counts: CacheCounts
  readonly #memory: MemoryEntries
  readonly #redis: RedisValues
  readonly #writes: RedisWrites
  readonly #ports: LoadPorts
  readonly #maxBytes: number
  readonly #lookUps = new Flights<Answer<unknown>>()
  readonly #loads = new Flights<Answer<unknown>>()
  readonly #endListening: () => void
  readonly #identity = randomUUID()
  #tokens = 0
  #reads = 0

  constructor({ redis, maxBytes, readOrder, clock, random = Math.random }: CacheManagerOptions) {
    this.#clock = clock
    this.#isRedisFirst = readOrder === 'redis-first'
    this.#maxBytes = maxBytes
    this.#counts = createCounts()
    this.#memory = new MemoryEntries(maxBytes, this.#counts.memory)
    this.#redis = new RedisValues(redis, clock, this.#counts.redis)
    this.#writes = new RedisWrites({ redis, values: this.#redis, clock, counts: this.#counts.redis })
    this.#ports = { redis: this.#redis, clock, random, counts: this.#counts.database }
    this.#endListening = redis.onDeleted((name) => this.#deletedElsewhere(name))
  }

  get stats(): CacheStats {
    return { ...this.#counts, maxBytes: this.#maxBytes, unwritten: this.#writes.size }
  }

  /** What is fresh. A hit in memory is answered at once, without a promise. Never throws or rejects. */
  get<Value>(key: CacheKey<Value>): Answer<Value> | Promise<Answer<Value>> {
    if (this.#isRedisFirst && this.#mayAskRedis(key)) {
      return this.#lookUp(key).then((found) => found ?? this.#read(key, false))
    }
    const held = this.#read(key, false)
    return held !== undefined || !this.#mayAskRedis(key) ? held : this.#lookUp(key)
  }

  /** Into memory at once, and into Redis soon. */
  set<Value>(key: CacheKey<Value>, value: Value): void {
    this.#overtake(key.name)
    this.#writes.set(key, value, this.#keep(key, value))
  }

  /**
   * At once for everybody in this process. Resolves when Redis has been told, or cannot be: then it is told later, and not
   * asked before that. What another process has set within the last 50 ms may come behind it.
   */
  async delete(key: CacheKey<unknown>): Promise<void> {
    this.#overtake(key.name)
    this.#memory.delete(key.name)
    await this.#writes.delete(key)
  }

  /**
   * What the cache has, else what `load` brings, which is kept unless it is undefined. However many ask at once, in
   * however many processes, one loads. What is over, but not for long, is served as stale while it is loaded anew.
   * @throws what `load` throws, or GatewayError tier_unavailable when it takes too long; not if there is something stale
   */
  getOrLoad<Value>(key: CacheKey<Value>, load: () => Promise<Value | undefined>): Promise<Answer<Value>> {
    // Where memory has nothing, the load asks Redis first anyway, in the same round trip in which it asks for the lock.
    const graceUntil = this.#memory.peek(key.name)?.graceUntil ?? Number.NEGATIVE_INFINITY
    const asksRedis = this.#isRedisFirst && this.#clock.now() < graceUntil && this.#mayAskRedis(key)
    if (!asksRedis) return this.#heldOrLoad(key, load)
    return this.#lookUp(key).then((found) => found ?? this.#heldOrLoad(key, load))
  }

  /** What memory serves, the most recently used first: uncounted. */
  *held(): Iterable<HeldKey> {
    const now = this.#clock.now()
    for (const [key, { kind, expiresAt, graceUntil }] of this.#memory.all()) {
      if (now < graceUntil) yield { key, kind, remainingMs: expiresAt - now }
    }
  }

  /** What memory serves under this name, as Redis would keep it: uncounted. */
  peek(name: string): RedisValue | undefined {
    const entry = this.#memory.peek(name)
    const now = this.#clock.now()
    if (entry === undefined || now >= entry.graceUntil) return undefined
    return { text: encodeValue(entry.value), remainingMs: entry.expiresAt - now }
  }

  /** Tells Redis what it has not been told yet. The cache must not be used any more. */
  async close(): Promise<void> {
    this.#endListening()
    await this.#writes.close()
  }

  /** In the one turn of it all: it looks, counts and, once in a while, measures. */
  #read<Value>(key: CacheKey<Value>, mayBeStale: boolean): Answer<Value> {
    this.#reads = (this.#reads + 1) % TIMED_READS
    if (this.#reads !== 0) return this.#find(key, mayBeStale)
    const start = performance.now()
    const found = this.#find(key, mayBeStale)
    this.#counts.memory[key.kind].seconds.observe((performance.now() - start) / 1_000)
    return found
  }

  #find<Value>(key: CacheKey<Value>, mayBeStale: boolean): Answer<Value> {
    const entry = this.#memory.find(key.name)
    if (entry !== undefined) {
      const now = this.#clock.now()
      // What is put under a key is of its kind.
      const value = entry.value as Value
      if (now < entry.expiresAt) {
        entry.counts.hits += 1
        return { value, tier: 'memory', ageMs: now - entry.putAt, stale: false }
      }
      if (mayBeStale && now < entry.graceUntil) {
        entry.counts.staleHits += 1
        return { value, tier: 'memory', ageMs: now - entry.putAt, stale: true }
      }
    }
    this.#counts.memory[key.kind].misses += 1
    return undefined
  }

  /** Not while Redis may have something that is older than what this process has set or deleted. */
  #mayAskRedis(key: CacheKey<unknown>): boolean {
    return !this.#redis.isOff && !this.#writes.isAhead(key.name)
  }

  #lookUp<Value>(key: CacheKey<Value>): Promise<Answer<Value>> {
    return this.#join(this.#lookUps, key, async (flight) => {
      const found = await this.#redis.get(key)
      return found && this.#keepFound(key, found, flight)
    })
  }

  #heldOrLoad<Value>(key: CacheKey<Value>, load: () => Promise<Value | undefined>): Promise<Answer<Value>> {
    const held = this.#read(key, true)
    if (held === undefined) return this.#load(key, load)
    if (held.stale) this.#refresh(key, load)
    return Promise.resolve(held)
  }

  #refresh<Value>(key: CacheKey<Value>, load: () => Promise<Value | undefined>): void {
    const entry = this.#memory.find(key.name)
    if (entry === undefined || this.#loads.find(key.name) || this.#clock.now() < entry.refreshAfter) return
    this.#load(key, load).then(
      (answer) => {
        // There is no such thing any more.
        if (answer === undefined) this.#memory.deleteValue(key.name, entry.value)
      },
      () => {
        // Counted where it failed. Until the grace is over, what is stale is the best there is.
        entry.refreshAfter = this.#clock.now() + REFRESH_AGAIN_AFTER_MS
      },
    )
  }

  #load<Value>(key: CacheKey<Value>, load: () => Promise<Value | undefined>): Promise<Answer<Value>> {
    return this.#join(this.#loads, key, async (flight) => {
      const token = `${this.#identity}:${++this.#tokens}`
      const asked: Load<Value> = { key, load, token, flight }
      const mayAsk = this.#mayAskRedis(key)
      const loaded = await (mayAsk ? loadOnce(asked, this.#ports) : loadAlone(asked, this.#ports, 'overwrite'))
      if (loaded.from === 'nowhere') return this.#heldOrLoad(key, load)
      if (loaded.from === 'redis') return this.#keepFound(key, loaded.found, flight)
      const { value, redis } = loaded
      if (value === undefined) return undefined
      if (!flight.isOvertaken && redis !== 'overtaken') this.#keepLoaded(key, value, redis)
      return { value, tier: 'database', ageMs: 0, stale: false }
    })
  }

  #join<Value>(
    flights: Flights<Answer<unknown>>,
    key: CacheKey<Value>,
    ask: (flight: Flight) => Promise<Answer<Value>>,
  ): Promise<Answer<Value>> {
    const running = flights.find(key.name)
    if (running !== undefined) this.#counts.memory[key.kind].shared += 1
    // Flights of one key answer with values of one kind.
    return (running ?? flights.start(key.name, ask)) as Promise<Answer<Value>>
  }

  #keepFound<Value>(key: CacheKey<Value>, found: FoundInRedis<Value>, flight: Flight): Cached<Value> {
    const { value, expiresAt } = found
    if (!flight.isOvertaken) this.#memory.put(key, value, expiresAt)
    const ageMs = Math.max(0, this.#clock.now() - expiresAt + key.seconds * 1_000)
    return { value, tier: 'redis', ageMs, stale: false }
  }

  #keepLoaded<Value>(key: CacheKey<Value>, value: Value, redis: Exclude<TellRedis, 'overtaken'>): void {
    const bytes = this.#keep(key, value)
    if (redis === 'overwrite') this.#writes.set(key, value, bytes)
    else if (redis !== 'nothing') {
      void redis.then((isNewest) => isNewest || this.#memory.deleteValue(key.name, value))
    }
  }

  #keep<Value>(key: CacheKey<Value>, value: Value): number {
    return this.#memory.put(key, value, this.#clock.now() + key.seconds * 1_000)
  }

  #overtake(name: string): void {
    this.#lookUps.overtake(name)
    this.#loads.overtake(name)
  }

  #deletedElsewhere(name: string | undefined): void {
    if (name !== undefined) {
      this.#overtake(name)
      this.#memory.delete(name)
      return
    }
    // What was deleted meanwhile is not known: everything is asked for again, and served as stale until then.
    this.#lookUps.overtakeAll()
    this.#loads.overtakeAll()
    this.#memory.expireAll(this.#clock.now())
  }
}
