import type { HistogramCounts } from '../base/histogram.ts'
import { KEY_KINDS, type KeyKind } from '../tiers/cache/cache-keys.ts'
import type { CacheStats } from '../tiers/cache/cache-stats.ts'
import { counter, gauge, histogram, type Labels, type Metric } from './metric.ts'

const TIERS = ['memory', 'redis'] as const

/** The key-value cache, a series per tier and kind of key. */
export function cacheMetrics(cache: { readonly stats: CacheStats }): readonly Metric[] {
  const ofKind = (read: (stats: CacheStats, kind: KeyKind) => number) => () => {
    const { stats } = cache
    return KEY_KINDS.map((kind): [Labels, number] => [{ kind }, read(stats, kind)])
  }
  const ofTier = (name: 'hits' | 'misses' | 'tooLarge') => () => {
    const { stats } = cache
    return TIERS.flatMap((tier) => KEY_KINDS.map((kind): [Labels, number] => [{ tier, kind }, stats[tier][kind][name]]))
  }
  return [
    counter('tickgate_cache_hits_total', 'Reads that found a fresh value.', ofTier('hits'), ['tier', 'kind']),
    counter('tickgate_cache_misses_total', 'Reads that found none.', ofTier('misses'), ['tier', 'kind']),
    counter(
      'tickgate_cache_stale_hits_total',
      'Reads of memory that got a value past its life, while a newer one was loaded.',
      ofKind(({ memory }, kind) => memory[kind].staleHits),
      ['kind'],
    ),
    counter(
      'tickgate_cache_shared_misses_total',
      'Misses that waited for what somebody else was asking already.',
      ofKind(({ memory }, kind) => memory[kind].shared),
      ['kind'],
    ),
    counter(
      'tickgate_cache_loads_total',
      'Loads of what no tier had, mostly from the database.',
      ofKind(({ database }, kind) => database[kind].loads),
      ['kind'],
    ),
    counter(
      'tickgate_cache_load_failures_total',
      'Loads that failed.',
      ofKind(({ database }, kind) => database[kind].failures),
      ['kind'],
    ),
    counter(
      'tickgate_cache_evictions_total',
      'Values that left memory at its bound, those past their life included.',
      ofKind(({ memory }, kind) => memory[kind].evictions),
      ['kind'],
    ),
    counter(
      'tickgate_cache_too_large_total',
      'Values too large for memory, or to be sent to Redis.',
      ofTier('tooLarge'),
      ['tier', 'kind'],
    ),
    counter(
      'tickgate_cache_foreign_values_total',
      'Values in Redis of another version, of another shape, or no JSON.',
      ofKind(({ redis }, kind) => redis[kind].foreign),
      ['kind'],
    ),
    counter(
      'tickgate_cache_redis_waits_total',
      'Times that another process was waited for, which was loading the same.',
      ofKind(({ redis }, kind) => redis[kind].waits),
      ['kind'],
    ),
    counter(
      'tickgate_cache_redis_errors_total',
      'Times that Redis could not be asked or told.',
      ofKind(({ redis }, kind) => redis[kind].errors),
      ['kind'],
    ),
    counter(
      'tickgate_cache_redis_writes_total',
      'Values written to Redis.',
      ofKind(({ redis }, kind) => redis[kind].writes),
      ['kind'],
    ),
    counter(
      'tickgate_cache_redis_dropped_writes_total',
      'Values not written because too much waited; their keys were deleted instead.',
      ofKind(({ redis }, kind) => redis[kind].dropped),
      ['kind'],
    ),
    gauge('tickgate_cache_redis_queue_keys', 'Keys that Redis has not been told of yet.', () => cache.stats.unwritten),
    gauge(
      'tickgate_cache_entries',
      'Values in memory.',
      ofKind(({ memory }, kind) => memory[kind].entries),
      ['kind'],
    ),
    gauge(
      'tickgate_cache_bytes',
      'Their size, estimated.',
      ofKind(({ memory }, kind) => memory[kind].bytes),
      ['kind'],
    ),
    gauge('tickgate_cache_max_bytes', 'The bound of that, of all kinds.', () => cache.stats.maxBytes),
    histogram(
      'tickgate_cache_read_duration_seconds',
      'How long reads of a tier took that it answered, and loads (`database`); of memory one in 64 is timed.',
      () => readTimes(cache.stats),
      ['tier', 'kind'],
    ),
  ]
}

function readTimes(stats: CacheStats): readonly [Labels, HistogramCounts][] {
  return [...TIERS, 'database' as const].flatMap((tier) =>
    KEY_KINDS.map((kind): [Labels, HistogramCounts] => [{ tier, kind }, stats[tier][kind].seconds]),
  )
}
