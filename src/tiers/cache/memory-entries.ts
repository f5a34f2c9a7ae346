import { LRUCache } from 'lru-cache'
import type { CacheKey, KeyKind } from './cache-keys.ts'
import type { CacheCounts, MemoryCounts } from './cache-stats.ts'
import { ENTRY_BYTES, estimateBytes } from './value-size.ts'

/** A value in memory. Times are of the cache's clock, ms. */
export interface MemoryEntry {
  readonly kind: KeyKind
  readonly value: unknown
  readonly putAt: number
  expiresAt: number
  readonly graceUntil: number
  /** Before that no refresh is tried again. */
  refreshAfter: number
  readonly bytes: number
  /** Of its kind: at hand, so that a hit needs no look-up to be counted. */
  readonly counts: MemoryCounts
}

/** The values in memory, bounded in bytes: the least recently used leave. Does not look at the time. */
export class MemoryEntries {
  readonly #counts: CacheCounts['memory']
  readonly #entries: LRUCache<string, MemoryEntry>

  constructor(maxBytes: number, counts: CacheCounts['memory']) {
    this.#counts = counts
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: ({ bytes }) => bytes,
      dispose({ bytes, counts }, _, reason) {
        counts.entries -= 1
        counts.bytes -= bytes
        if (reason === 'evict') counts.evictions += 1
      },
    })
  }

  find(name: string): MemoryEntry | undefined {
    return this.#entries.get(name)
  }

  /** As `find`, but it does not count as a use. */
  peek(name: string): MemoryEntry | undefined {
    return this.#entries.peek(name)
  }

  /** The most recently used first. */
  all(): Iterable<readonly [string, MemoryEntry]> {
    return this.#entries.entries()
  }

  /** Returns its bytes. A value larger than the whole bound is not kept, and neither is what was there before it. */
  put<Value>(key: CacheKey<Value>, value: Value, expiresAt: number): number {
    const counts = this.#counts[key.kind]
    const bytes = Math.ceil(ENTRY_BYTES + estimateBytes(value))
    if (bytes > this.#entries.maxSize) {
      counts.tooLarge += 1
      this.#entries.delete(key.name)
      return bytes
    }
    const putAt = expiresAt - key.seconds * 1_000
    const graceUntil = expiresAt + key.graceSeconds * 1_000
    this.#entries.set(key.name, { kind: key.kind, value, putAt, expiresAt, graceUntil, refreshAfter: 0, bytes, counts })
    counts.entries += 1
    counts.bytes += bytes
    return bytes
  }

  delete(name: string): void {
    this.#entries.delete(name)
  }

  /** Unless something else has come in the value's place. */
  deleteValue(name: string, value: unknown): void {
    if (this.#entries.peek(name)?.value === value) this.#entries.delete(name)
  }

  /** Nothing is fresh any more: what is here is served as stale until it is loaded anew. */
  expireAll(now: number): void {
    this.#entries.forEach((entry) => {
      entry.expiresAt = Math.min(entry.expiresAt, now)
    })
  }
}
