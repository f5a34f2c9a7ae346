import type { Clock } from '../../src/base/clock.ts'
import {
  type GetOrLock,
  NO_REDIS,
  type RedisEntry,
  type RedisStatus,
  type RedisTier,
  type RedisValue,
} from '../../src/tiers/redis/redis-tier.ts'

/** What a Redis keeps, on a test's clock. */
export class FakeRedis {
  readonly clock: Clock
  readonly #kept = new Map<string, { readonly text: string; readonly until: number }>()
  readonly tiers: FakeRedisTier[] = []

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** As one process sees it. */
  connect(): FakeRedisTier {
    const tier = new FakeRedisTier(this)
    this.tiers.push(tier)
    return tier
  }

  text(key: string): string | undefined {
    const kept = this.#kept.get(key)
    return kept !== undefined && kept.until > this.clock.now() ? kept.text : undefined
  }

  remainingMs(key: string): number {
    return (this.#kept.get(key)?.until ?? 0) - this.clock.now()
  }

  put(key: string, text: string, ms: number): void {
    this.#kept.set(key, { text, until: this.clock.now() + ms })
  }

  remove(key: string): void {
    this.#kept.delete(key)
  }
}

/** Redis as one process sees it: done in the order of the calls, at once or when the test lets go. */
export class FakeRedisTier implements RedisTier {
  readonly #redis: FakeRedis
  readonly #deleteListeners = new Set<(key: string | undefined) => void>()
  readonly #statusListeners = new Set<(status: RedisStatus) => void>()
  /** The names of the commands that were asked, with their keys. */
  readonly asked: string[] = []
  readonly stats = NO_REDIS.stats
  status: RedisStatus = { state: 'live', since: 0 }
  #waiting: (() => void)[] = []
  #isHeld = false
  /** The next so many commands are done, but their answers do not arrive. */
  unanswered = 0
  /** The next so many commands are lost on their way. */
  lost = 0

  constructor(redis: FakeRedis) {
    this.#redis = redis
  }

  /** From now on nothing is done until `letGo`. */
  hold(): void {
    this.#isHeld = true
  }

  letGo(): void {
    this.#isHeld = false
    for (const run of this.#waiting.splice(0)) run()
  }

  /** Lets the first of the held commands be done. */
  step(): boolean {
    const run = this.#waiting.shift()
    run?.()
    return run !== undefined
  }

  /** What is asked while it is down is not done. What was held is. */
  turn(state: 'live' | 'down'): void {
    this.status = { state, since: this.#redis.clock.now() }
    for (const listener of this.#statusListeners) listener(this.status)
  }

  get(key: string): Promise<RedisValue | 'unavailable' | undefined> {
    return this.#ask<RedisValue | 'unavailable' | undefined>(`get ${key}`, 'unavailable', () => this.#value(key))
  }

  getOrLock(key: string, token: string, lockMs: number): Promise<GetOrLock> {
    return this.#ask<GetOrLock>(`getOrLock ${key}`, { outcome: 'unavailable' }, () => {
      const value = this.#value(key)
      if (value !== undefined) return { outcome: 'found', value }
      const holder = this.#redis.text(`lock:${key}`)
      if (holder !== undefined) return { outcome: 'busy' }
      this.#redis.put(`lock:${key}`, token, lockMs)
      return { outcome: 'locked' }
    })
  }

  renew(key: string, token: string, lockMs: number): Promise<'renewed' | 'lost' | 'unavailable'> {
    return this.#ask<'renewed' | 'lost' | 'unavailable'>(`renew ${key}`, 'unavailable', () => {
      if (this.#redis.text(`lock:${key}`) !== token || this.#redis.text(key) !== undefined) return 'lost'
      this.#redis.put(`lock:${key}`, token, lockMs)
      return 'renewed'
    })
  }

  fill({ key, text, seconds }: RedisEntry, token: string): Promise<'filled' | 'refused' | 'unavailable'> {
    return this.#ask<'filled' | 'refused' | 'unavailable'>(`fill ${key}`, 'unavailable', () => {
      if (this.#redis.text(`lock:${key}`) !== token) return 'refused'
      this.#redis.remove(`lock:${key}`)
      if (this.#redis.text(key) !== undefined) return 'refused'
      this.#redis.put(key, text, seconds * 1_000)
      return 'filled'
    })
  }

  unlock(key: string, token: string): Promise<void> {
    return this.#ask(`unlock ${key}`, undefined, () => {
      if (this.#redis.text(`lock:${key}`) === token) this.#redis.remove(`lock:${key}`)
    })
  }

  setAll(entries: readonly RedisEntry[]): Promise<boolean> {
    return this.#ask(`setAll ${entries.map(({ key }) => key).join(' ')}`, false, () => {
      for (const { key, text, seconds } of entries) this.#redis.put(key, text, seconds * 1_000)
      return true
    })
  }

  discard(key: string): Promise<boolean> {
    return this.#ask(`discard ${key}`, false, () => {
      this.#redis.remove(key)
      return true
    })
  }

  delete(key: string): Promise<boolean> {
    return this.#ask(`delete ${key}`, false, () => {
      this.#redis.remove(key)
      this.#redis.remove(`lock:${key}`)
      for (const tier of this.#redis.tiers) if (tier !== this) tier.hear(key)
      return true
    })
  }

  remaining(): Promise<readonly (number | undefined)[] | undefined> {
    return Promise.resolve([])
  }

  scan(): Promise<readonly string[] | undefined> {
    return Promise.resolve([])
  }

  hear(key: string | undefined): void {
    for (const listener of this.#deleteListeners) listener(key)
  }

  onDeleted(listener: (key: string | undefined) => void): () => void {
    this.#deleteListeners.add(listener)
    return () => this.#deleteListeners.delete(listener)
  }

  onStatus(listener: (status: RedisStatus) => void): () => void {
    this.#statusListeners.add(listener)
    return () => this.#statusListeners.delete(listener)
  }

  async close(): Promise<void> {
    this.letGo()
  }

  #value(key: string): RedisValue | undefined {
    const text = this.#redis.text(key)
    return text === undefined ? undefined : { text, remainingMs: this.#redis.remainingMs(key) }
  }

  #ask<Answer>(command: string, unavailable: Answer, run: () => Answer): Promise<Answer> {
    this.asked.push(command)
    if (this.status.state !== 'live') return Promise.resolve(unavailable)
    return new Promise((resolve) => {
      this.#waiting.push(() => resolve(this.#carry(unavailable, run)))
      if (!this.#isHeld) this.letGo()
    })
  }

  #carry<Answer>(unavailable: Answer, run: () => Answer): Answer {
    if (this.lost > 0) {
      this.lost -= 1
      return unavailable
    }
    const answer = run()
    if (this.unanswered === 0) return answer
    this.unanswered -= 1
    return unavailable
  }
}
