import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../base/clock.ts'
import { toOhlcvRow } from '../../market/candle.ts'
import type { Cursor } from '../../market/tick.ts'
import type { ChartTimeframe } from '../../market/timeframe.ts'
import type { CacheKeys } from '../cache/cache-keys.ts'
import type { CacheManager } from '../cache/cache-manager.ts'
import { CacheTTL } from '../cache/cache-ttl.ts'
import { CandleRows } from '../cache/candle-rows.ts'
import type { MemoryStream, MemoryTier } from '../memory/memory.ts'

/** Candles that somebody looks at. */
export interface WatchedCandles {
  readonly symbol: string
  readonly timeframe: ChartTimeframe
}

export interface HistoryPublisherOptions {
  readonly memory: Pick<MemoryTier, 'stream'>
  readonly cache: Pick<CacheManager, 'set'>
  readonly keys: CacheKeys
  /** What clients are subscribed to now. */
  readonly watched: () => Iterable<WatchedCandles>
  readonly clock: Clock
}

/** One key of the cache, and what was written there last. */
interface Published extends WatchedCandles {
  watchedAt: number
  writtenAt: number
  stream: MemoryStream | undefined
  cursor: Cursor | null
  behind: number
}

const ROWS = 500
const LOOK_EVERY_MS = 1_000
const WRITE_EVERY_MS = 5_000
const LIFE_MS = CacheTTL.wsHistory * 1_000
/** A key whose candles do not change is written again when so much of its life is over. */
const RENEW_AFTER_MS = LIFE_MS / 2
/** Live ticks go between. */
const WRITES_IN_A_TURN = 4

/**
 * Keeps the newest candles of what is watched under `ws_history:{symbol}:{timeframe}`: written when somebody begins to
 * watch, then every 5 s at most, if they changed, until nobody has watched for the life of the key.
 */
export class HistoryPublisher {
  readonly #options: HistoryPublisherOptions
  readonly #published = new Map<string, Published>()
  #cancel: () => void
  #isClosed = false

  constructor(options: HistoryPublisherOptions) {
    this.#options = options
    this.#cancel = options.clock.after(LOOK_EVERY_MS, this.#lookAgain)
  }

  /** Keys that are kept up to date. */
  get size(): number {
    return this.#published.size
  }

  /** Looks once at everything that is watched. Runs by itself; never rejects. */
  async look(): Promise<void> {
    const { watched, keys, clock } = this.#options
    const now = clock.now()
    for (const { symbol, timeframe } of watched()) {
      const { name } = keys.wsHistory(symbol, timeframe)
      const known = this.#published.get(name)
      if (known) known.watchedAt = now
      else this.#published.set(name, { symbol, timeframe, watchedAt: now, ...NOT_WRITTEN })
    }
    let written = 0
    for (const [name, each] of this.#published) {
      if (this.#isClosed) return
      if (now - each.watchedAt >= LIFE_MS) this.#published.delete(name)
      else if (this.#write(each)) written += 1
      if (written >= WRITES_IN_A_TURN) {
        written = 0
        await nextTurn()
      }
    }
  }

  close(): void {
    this.#isClosed = true
    this.#cancel()
  }

  readonly #lookAgain = (): void => {
    void this.look().finally(() => {
      if (!this.#isClosed) this.#cancel = this.#options.clock.after(LOOK_EVERY_MS, this.#lookAgain)
    })
  }

  /** Whether it was due. A stream that does not stand yet is not told: another process may be further. */
  #write(each: Published): boolean {
    const { memory, cache, keys, clock } = this.#options
    const { symbol, timeframe, writtenAt } = each
    const stream = memory.stream(symbol)
    const age = clock.now() - writtenAt
    if (!stream?.warm || age < WRITE_EVERY_MS) return false
    const { cursor } = stream
    const behind = stream.behind(timeframe)
    const isSame = each.stream === stream && each.cursor === cursor && each.behind === behind
    if (isSame && age < RENEW_AFTER_MS) return false
    Object.assign(each, { stream, cursor, behind, writtenAt: clock.now() })
    const candles = CandleRows.of(stream.candles(timeframe, ROWS).map(toOhlcvRow))
    cache.set(keys.wsHistory(symbol, timeframe), { cursor, candles })
    return true
  }
}

const NOT_WRITTEN = { writtenAt: Number.NEGATIVE_INFINITY, stream: undefined, cursor: null, behind: 0 }
