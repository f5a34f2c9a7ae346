import type { Clock } from '../../base/clock.ts'
import type { RedisEntry, RedisTier } from '../redis/redis-tier.ts'
import type { CacheKey } from './cache-keys.ts'
import type { CacheCounts } from './cache-stats.ts'
import { WAIT_AT_MOST_MS } from './load-once.ts'
import type { RedisValues } from './redis-values.ts'

/** Sets are gathered for so long: many ticks a second of one instrument are one write. */
export const WRITE_EVERY_MS = 50

const TRY_AGAIN_AFTER_MS = 250
const MOST_KEYS = 20_000
const MOST_BYTES = 64 * 1024 ** 2
const MOST_KEYS_IN_A_BATCH = 1_000
const MOST_TEXT_IN_A_BATCH = 1024 ** 2

/** What Redis is to be told of a key. */
interface Write {
  readonly key: CacheKey<unknown>
  /** Undefined: nothing is to be there. */
  readonly value: unknown
  readonly bytes: number
  /** What is there goes first, and other processes hear of it. */
  isGone: boolean
  /** What Redis may have of what was true before has run out by then, the last load that began before included. */
  readonly until: number
}

interface Batch {
  readonly entries: RedisEntry[]
  readonly writes: Write[]
  readonly tooLarge: Write[]
  /** Where the next one begins. */
  next: number
}

interface RedisWritesOptions {
  readonly redis: RedisTier
  readonly values: RedisValues
  readonly clock: Clock
  readonly counts: CacheCounts['redis']
}

/**
 * What Redis is told: the newest value of each key, in batches; deletes at once. A key of which it could not be told is
 * deleted there when it is back, because what it has is older, and is not read before that.
 */
export class RedisWrites {
  readonly #options: RedisWritesOptions
  #waiting = new Map<string, Write>()
  #sending = new Map<string, Write>()
  #waitingBytes = 0
  #cancelTimer: (() => void) | undefined
  #flushing: Promise<void> | undefined
  #believeNothingUntil = Number.NEGATIVE_INFINITY
  #isClosed = false

  constructor(options: RedisWritesOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#waiting.size + this.#sending.size
  }

  /** Redis may have a value of this key that is older than what it is being told. */
  isAhead(name: string): boolean {
    if (this.#waiting.has(name) || this.#sending.has(name)) return true
    return this.#options.clock.now() < this.#believeNothingUntil
  }

  /** @param bytes what the value takes while it waits, about */
  set(key: CacheKey<unknown>, value: unknown, bytes: number): void {
    if (this.#options.values.isOff) return
    const isGone = this.#waiting.get(key.name)?.isGone ?? false
    const fits = this.#waitingBytes + bytes <= MOST_BYTES
    if (!fits) this.#options.counts[key.kind].dropped += 1
    this.#wait(fits ? this.#write(key, value, bytes, isGone) : this.#write(key, undefined, 0, true))
    this.#arm(WRITE_EVERY_MS)
  }

  /** Resolves when Redis has been told, or could not be. */
  async delete(key: CacheKey<unknown>): Promise<void> {
    const { redis, values, counts } = this.#options
    if (values.isOff) return
    const write = this.#write(key, undefined, 0, true)
    this.#wait(write)
    // What is not on its way yet must not come behind this.
    this.#sending.delete(key.name)
    const isTold = await redis.delete(key.name)
    if (isTold && this.#waiting.get(key.name) === write) this.#waiting.delete(key.name)
    if (isTold) return
    counts[key.kind].errors += 1
    this.#arm(TRY_AGAIN_AFTER_MS)
  }

  /** Tells what waits, once. What a load brings afterwards is not told any more, and keeps no process alive. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelTimer?.()
    await this.#flushing
    await this.#start()
  }

  #write(key: CacheKey<unknown>, value: unknown, bytes: number, isGone: boolean): Write {
    const until = this.#options.clock.now() + key.seconds * 1_000 + WAIT_AT_MOST_MS
    return { key, value, bytes, isGone, until }
  }

  #wait(write: Write): void {
    const { name, kind } = write.key
    this.#waitingBytes += write.bytes - (this.#waiting.get(name)?.bytes ?? 0)
    if (this.#waiting.size < MOST_KEYS || this.#waiting.has(name)) {
      this.#waiting.set(name, write)
      return
    }
    this.#waitingBytes -= write.bytes
    this.#options.counts[kind].dropped += 1
    this.#believeNothingUntil = Math.max(this.#believeNothingUntil, write.until)
  }

  #arm(ms: number): void {
    if (this.#cancelTimer !== undefined || this.#flushing !== undefined || this.#isClosed) return
    this.#cancelTimer = this.#options.clock.after(ms, () => {
      this.#cancelTimer = undefined
      void this.#start()
    })
  }

  #start(): Promise<void> {
    this.#flushing = this.#flush().then((untold) => {
      this.#flushing = undefined
      if (this.#waiting.size > 0) this.#arm(untold > 0 ? TRY_AGAIN_AFTER_MS : WRITE_EVERY_MS)
    })
    return this.#flushing
  }

  /** Resolves with how many could not be told. Never rejects: nothing it calls does. */
  async #flush(): Promise<number> {
    this.#sending = this.#waiting
    this.#waiting = new Map()
    this.#waitingBytes = 0
    const untold = this.#options.redis.status.state === 'live' ? await this.#tell() : [...this.#sending.values()]
    this.#sending = new Map()
    for (const write of untold) this.#tellLater(write)
    return untold.length
  }

  /** Resolves with what could not be told. */
  async #tell(): Promise<readonly Write[]> {
    const { redis } = this.#options
    const untold = new Set<Write>()
    const tellGone = async (write: Write) => {
      if (!(await redis.delete(write.key.name))) untold.add(write)
    }
    const writes = [...this.#sending.values()]
    await Promise.all(writes.filter(({ isGone }) => isGone).map(tellGone))
    const sets = writes.filter((write) => write.value !== undefined && !untold.has(write))
    for (let next = 0; next < sets.length; ) {
      const batch = this.#batch(sets, next)
      next = batch.next
      const isTold = batch.entries.length === 0 || (await redis.setAll(batch.entries))
      if (!isTold) for (const write of batch.writes) untold.add(write)
      await Promise.all(batch.tooLarge.map(tellGone))
    }
    for (const write of writes) {
      const counts = this.#options.counts[write.key.kind]
      if (untold.has(write)) counts.errors += 1
      else if (write.value !== undefined) counts.writes += 1
    }
    return [...untold]
  }

  /** What goes together, from `next` on; without what was deleted since. Sent in the turn in which it is made. */
  #batch(sets: readonly Write[], next: number): Batch {
    const batch: Batch = { entries: [], writes: [], tooLarge: [], next }
    let length = 0
    while (batch.next < sets.length && batch.entries.length < MOST_KEYS_IN_A_BATCH && length < MOST_TEXT_IN_A_BATCH) {
      const write = sets[batch.next] as Write
      batch.next += 1
      if (this.#sending.get(write.key.name) !== write) continue
      const entry = this.#options.values.encode(write.key, write.value, write.key.seconds)
      if (entry === undefined) batch.tooLarge.push(write)
      else {
        batch.entries.push(entry)
        batch.writes.push(write)
        length += entry.text.length
      }
    }
    return batch
  }

  /** It may be old by then, so it is not written any more: what is there goes. Unless it is gone by itself. */
  #tellLater(write: Write): void {
    const newer = this.#waiting.get(write.key.name)
    if (newer !== undefined) newer.isGone ||= write.isGone
    else if (this.#options.clock.now() < write.until) {
      this.#wait({ ...write, value: undefined, bytes: 0, isGone: true })
    }
  }
}
