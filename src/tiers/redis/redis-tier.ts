import { RedisCounts, type RedisStats } from './redis-stats.ts'

export const REDIS_STATES = ['off', 'connecting', 'live', 'down'] as const

/** How Redis is at the moment. `off`: none is configured. */
export interface RedisStatus {
  readonly state: (typeof REDIS_STATES)[number]
  /** Unix ms. */
  readonly since: number
  /** Why it is down, or off. Never a secret. */
  readonly reason?: string
}

/** A value as it is kept: JSON text with its schema version, and what is left of its life. */
export interface RedisValue {
  /** Empty: somebody else's value, which may be no text at all. */
  readonly text: string
  readonly remainingMs: number
}

export interface RedisEntry {
  readonly key: string
  readonly text: string
  readonly seconds: number
}

/** What came of asking for a value or for the right to load it. */
export type GetOrLock =
  | { readonly outcome: 'found'; readonly value: RedisValue }
  /** The caller loads it, and says so with `unlock`. */
  | { readonly outcome: 'locked' }
  /** Somebody else is loading it. */
  | { readonly outcome: 'busy' }
  | { readonly outcome: 'unavailable' }

/**
 * Redis as a cache tier: it may be absent at any time. No method ever throws or takes longer than its command timeout;
 * what cannot be asked is `undefined`, `false` or `unavailable`, at once while Redis is known to be away. What one process
 * asks is done in the order of the calls.
 */
export interface RedisTier {
  readonly status: RedisStatus
  readonly stats: RedisStats
  /** Undefined too for a value without an end of its life: it is not of ours, and would be served for ever. */
  get(key: string): Promise<RedisValue | 'unavailable' | undefined>
  /** The value, or the lock of the key for `lockMs`, in one round trip. Not to be asked again by who holds the lock. */
  getOrLock(key: string, token: string, lockMs: number): Promise<GetOrLock>
  /** Keeps the lock for `lockMs` more. `lost`: it is no longer the token's, or somebody has set the key. */
  renew(key: string, token: string, lockMs: number): Promise<'renewed' | 'lost' | 'unavailable'>
  /**
   * Puts a loaded value into its empty place and gives the lock back, in one round trip. `refused`: the lock is no
   * longer the token's (it ran out, or the key was deleted), or somebody has set the key: the value is the older one.
   */
  fill(entry: RedisEntry, token: string): Promise<'filled' | 'refused' | 'unavailable'>
  /** Gives the lock back if it is still the token's. */
  unlock(key: string, token: string): Promise<void>
  /** Writes all of them, each with its life, in one round trip. False: not written, or not known to be. */
  setAll(entries: readonly RedisEntry[]): Promise<boolean>
  /** A value that is not ours makes place: nobody of us has it, so nobody is told. False: Redis could not be asked. */
  discard(key: string): Promise<boolean>
  /** The value and the lock: a load in flight may have read what was true before. Other processes are told. */
  delete(key: string): Promise<boolean>
  /**
   * Told of every key that another process has deleted, and of `undefined` when such news may have been missed. Returns
   * what ends that.
   */
  onDeleted(listener: (key: string | undefined) => void): () => void
  /**
   * Names that match a glob pattern, at most `limit`, each once, by SCAN: as many round trips as that takes, for 2 s at
   * most. Undefined: Redis is away, or too full to be looked through in that time.
   */
  scan(pattern: string, limit: number): Promise<readonly string[] | undefined>
  /** What is left of each key's life, in ms: Infinity if it has no end, undefined if the key is not there. */
  remaining(keys: readonly string[]): Promise<readonly (number | undefined)[] | undefined>
  /** Told of every change of the status. Returns what ends that. */
  onStatus(listener: (status: RedisStatus) => void): () => void
  close(): Promise<void>
}

/** No Redis is configured. */
export const NO_REDIS: RedisTier = {
  status: { state: 'off', since: 0, reason: 'no Redis is configured: set REDIS_URL or REDIS_HOST' },
  stats: new RedisCounts(),
  get: async () => 'unavailable',
  getOrLock: async () => ({ outcome: 'unavailable' }),
  renew: async () => 'unavailable',
  fill: async () => 'unavailable',
  unlock: async () => undefined,
  setAll: async () => false,
  discard: async () => false,
  delete: async () => false,
  scan: async () => undefined,
  remaining: async () => undefined,
  onDeleted: () => () => undefined,
  onStatus: () => () => undefined,
  close: async () => undefined,
}
