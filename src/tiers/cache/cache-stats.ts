import { Histogram, type HistogramCounts, READ_SECONDS } from '../../base/histogram.ts'
import { KEY_KINDS, type KeyKind } from './cache-keys.ts'

export interface MemoryStats {
  readonly hits: number
  /** Served after their life, while a newer one was loaded. */
  readonly staleHits: number
  readonly misses: number
  /** Of the misses: those that waited for what somebody else was asking already. */
  readonly shared: number
  /** Entries that left for newer ones. */
  readonly evictions: number
  /** Values larger than all of memory's bound: not kept. */
  readonly tooLarge: number
  readonly entries: number
  /** As estimated, see value-size.ts. */
  readonly bytes: number
  /** Of one read in 64. */
  readonly seconds: HistogramCounts
}

export interface RedisStats {
  readonly hits: number
  readonly misses: number
  /** Values of another version, of another shape, or no JSON: taken for misses. */
  readonly foreign: number
  /** What could not be asked or told. */
  readonly errors: number
  /** Times that another process was waited for. */
  readonly waits: number
  readonly writes: number
  /** Values too large to be sent. */
  readonly tooLarge: number
  /** Values not sent because too much waited: the key is deleted instead. */
  readonly dropped: number
  /** Of every read that was answered. */
  readonly seconds: HistogramCounts
}

export interface DatabaseStats {
  readonly loads: number
  readonly failures: number
  /** Of every load. */
  readonly seconds: HistogramCounts
}

/** What the cache has counted, per tier and kind of key. Plain numbers that are read when somebody asks. */
export interface CacheStats {
  readonly memory: Readonly<Record<KeyKind, MemoryStats>>
  readonly redis: Readonly<Record<KeyKind, RedisStats>>
  /** Whatever `load` asked, mostly the database. */
  readonly database: Readonly<Record<KeyKind, DatabaseStats>>
  /** Memory's bound. */
  readonly maxBytes: number
  /** Keys that Redis has not been told of yet. */
  readonly unwritten: number
}

type Counted<Stats> = { -readonly [Name in keyof Stats]: Stats[Name] extends number ? number : Histogram }

export type MemoryCounts = Counted<MemoryStats>
export type RedisCounts = Counted<RedisStats>
export type DatabaseCounts = Counted<DatabaseStats>

/** The same, to count in. */
export interface CacheCounts {
  readonly memory: Readonly<Record<KeyKind, MemoryCounts>>
  readonly redis: Readonly<Record<KeyKind, RedisCounts>>
  readonly database: Readonly<Record<KeyKind, DatabaseCounts>>
}

export function createCounts(): CacheCounts {
  return {
    memory: perKind(() => ({
      ...{ hits: 0, staleHits: 0, misses: 0, shared: 0, evictions: 0, tooLarge: 0, entries: 0, bytes: 0 },
      seconds: new Histogram(READ_SECONDS),
    })),
    redis: perKind(() => ({
      ...{ hits: 0, misses: 0, foreign: 0, errors: 0, waits: 0, writes: 0, tooLarge: 0, dropped: 0 },
      seconds: new Histogram(READ_SECONDS),
    })),
    database: perKind(() => ({ loads: 0, failures: 0, seconds: new Histogram(READ_SECONDS) })),
  }
}

function perKind<Stats>(create: () => Stats): Record<KeyKind, Stats> {
  return Object.fromEntries(KEY_KINDS.map((kind) => [kind, create()])) as Record<KeyKind, Stats>
}
