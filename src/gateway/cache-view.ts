import { globOf } from '../base/glob.ts'
import type { Config } from '../config.ts'
import type { CacheView } from '../http/cache.ts'
import type { CacheState, KindState } from '../http/cache-state.ts'
import { KEY_KINDS, type KeyKind } from '../tiers/cache/cache-keys.ts'
import type { CacheManager } from '../tiers/cache/cache-manager.ts'
import type { CacheStats } from '../tiers/cache/cache-stats.ts'
import type { DatabaseStatus } from '../tiers/database/database-status.ts'
import type { RedisStatus } from '../tiers/redis/redis-tier.ts'
import type { SpoolStats } from '../tiers/spool/spool.ts'

export interface CacheViewParts {
  readonly config: Pick<Config, 'cacheReadOrder'>
  readonly cache: Pick<CacheManager, 'stats' | 'held' | 'peek'>
  readonly redis: { readonly status: RedisStatus }
  readonly database: { readonly status: DatabaseStatus; readonly spool?: { readonly stats: SpoolStats } | undefined }
}

/** What users are told of a gateway's cache. */
export function createCacheView(parts: CacheViewParts): CacheView {
  const { cache } = parts
  return {
    state: () => stateOf(parts),
    keys(pattern, limit) {
      const matches = globOf(pattern)
      const keys = [...cache.held()]
        .filter(({ key }) => matches(key))
        .map(({ key, remainingMs }) => ({ key, ttl: seconds(remainingMs) }))
        .sort((a, b) => (a.key < b.key ? -1 : 1))
      return { keys: keys.slice(0, limit), more: keys.length > limit }
    },
    value(key) {
      const held = cache.peek(key)
      if (held === undefined) return undefined
      return { key, ttl: seconds(held.remainingMs), value: JSON.parse(held.text) }
    },
  }
}

function stateOf({ config, cache, redis, database }: CacheViewParts): CacheState {
  const { stats } = cache
  const ofMemory = Object.values(stats.memory)
  const { state, since, reason } = redis.status
  return {
    readOrder: config.cacheReadOrder,
    tiers: {
      memory: {
        entries: sum(ofMemory.map(({ entries }) => entries)),
        bytes: sum(ofMemory.map(({ bytes }) => bytes)),
        maxBytes: stats.maxBytes,
      },
      // Where none is configured there is no moment at which that began.
      redis: { state, ...(state !== 'off' && { since }), ...(reason !== undefined && { reason }) },
      database: database.status,
      ...(database.spool !== undefined && { spool: database.spool.stats }),
    },
    kinds: Object.fromEntries(KEY_KINDS.map((kind) => [kind, kindState(stats, kind)])),
  }
}

function kindState({ memory, redis, database }: CacheStats, kind: KeyKind): KindState {
  const { hits, staleHits, misses } = memory[kind]
  return {
    memory: { ...memory[kind], hitRate: rate(hits + staleHits, misses) },
    redis: { ...redis[kind], hitRate: rate(redis[kind].hits, redis[kind].misses) },
    database: database[kind],
  }
}

function rate(hits: number, misses: number): number | null {
  return hits + misses === 0 ? null : hits / (hits + misses)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/** One whose life is over is still there, to be served as stale. */
function seconds(ms: number): number {
  return Math.max(0, ms) / 1_000
}
