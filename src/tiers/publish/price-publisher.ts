import type { Clock } from '../../base/clock.ts'
import { priceRowOf } from '../../market/quote.ts'
import type { CacheKeys } from '../cache/cache-keys.ts'
import type { CacheManager } from '../cache/cache-manager.ts'
import { CacheTTL } from '../cache/cache-ttl.ts'
import type { MemoryStream, MemoryTier } from '../memory/memory.ts'

export interface PricePublisherOptions {
  readonly memory: Pick<MemoryTier, 'streams'>
  readonly cache: Pick<CacheManager, 'set'>
  readonly keys: CacheKeys
  /** Told when the price of a symbol becomes stale, or is no more. */
  readonly onStale?: (symbol: string) => void
  readonly clock: Clock
}

/** Ticks are gathered for so long; the cache gathers what it is told once more, and tells Redis in one batch. */
const GATHER_MS = 25
const LOOK_EVERY_MS = 1_000
/** A key that does not change is written again when this part of its life is over. */
const RENEW_AFTER = 1 / 3

/**
 * Puts the newest price of each instrument into the cache, and keeps it there: what changed at once, what did not before
 * its life is over, be it that it was read back at the start. A source that is heard confirms the prices of its streams that run live, however quiet they are. A price that nobody
 * has confirmed for its key's life is stale.
 */
export class PricePublisher {
  readonly #options: PricePublisherOptions
  /** Streams with a new tick. */
  readonly #changed = new Set<MemoryStream>()
  /** When the newest price was confirmed last (ms of the clock). */
  readonly #confirmedAt = new WeakMap<MemoryStream, number>()
  readonly #writtenAt = new WeakMap<MemoryStream, number>()
  #cancelGathering: (() => void) | undefined
  #cancelLooking: () => void

  constructor(options: PricePublisherOptions) {
    this.#options = options
    this.#cancelLooking = options.clock.after(LOOK_EVERY_MS, this.#lookAgain)
  }

  /** A stream has a new tick. On the path of every tick: it is noted, and no more. */
  touch(stream: MemoryStream): void {
    this.#changed.add(stream)
    this.#cancelGathering ??= this.#options.clock.after(GATHER_MS, this.#writeChanged)
  }

  /** Looks at every stream: which prices are stale, and which keys are to be renewed. Runs by itself. */
  look(): void {
    const { memory, clock } = this.#options
    const now = clock.now()
    for (const stream of memory.streams()) {
      const lifeMs = CacheTTL.price[stream.instrument.assetClass] * 1_000
      const wasStale = stream.stale
      const confirmedAt = this.#confirmedAt.get(stream) ?? stream.latest?.received ?? now
      // A source that speaks of each instrument by itself confirms those that it has spoken of.
      const heardAt = stream.marketAt ?? stream.clock.heardAt ?? confirmedAt
      this.#confirm(stream, now, stream.live ? Math.max(confirmedAt, heardAt) : confirmedAt)
      const isDue = now - (this.#writtenAt.get(stream) ?? Number.NEGATIVE_INFINITY) >= lifeMs * RENEW_AFTER
      if (isDue || stream.stale !== wasStale) this.#write(stream)
    }
  }

  close(): void {
    this.#cancelGathering?.()
    this.#cancelLooking()
  }

  readonly #lookAgain = (): void => {
    this.look()
    this.#cancelLooking = this.#options.clock.after(LOOK_EVERY_MS, this.#lookAgain)
  }

  readonly #writeChanged = (): void => {
    this.#cancelGathering = undefined
    const now = this.#options.clock.now()
    for (const stream of this.#changed) {
      if (stream.live || stream.latest?.backfilled === false) this.#confirm(stream, now, now)
      this.#write(stream)
    }
    this.#changed.clear()
  }

  #confirm(stream: MemoryStream, now: number, confirmedAt: number): void {
    const { assetClass, symbol } = stream.instrument
    const isStale = now - confirmedAt >= CacheTTL.price[assetClass] * 1_000
    this.#confirmedAt.set(stream, confirmedAt)
    if (stream.stale === isStale) return
    stream.stale = isStale
    this.#options.onStale?.(symbol)
  }

  /** What was only read back is not told: another process may be further. */
  #write(stream: MemoryStream): void {
    const { cache, keys, clock } = this.#options
    const value = priceRowOf(stream)
    if (value === undefined || !(stream.live || this.#writtenAt.has(stream) || this.#changed.has(stream))) return
    this.#writtenAt.set(stream, clock.now())
    cache.set(keys.price(stream.instrument), value)
  }
}
