import type { Candle } from '../../market/candle.ts'
import { emptyAfter, emptyBuckets } from '../../market/carried-close.ts'
import { bucketEnd, type Timeframe } from '../../market/timeframe.ts'
import type { StreamView } from '../source.ts'

/**
 * The empty buckets that are told live, as candles that carry the close before them. Each is told when it is over, and
 * before that if a trade in a later bucket comes first: so that a chart gets its bars in the order of time. The running
 * bucket is told with its first trade, or at its end.
 */
export class CandleFill {
  readonly #timeframe: Timeframe
  /** Buckets that start before it have been told, in a snapshot or live. */
  #told: number
  /** Buckets that start before it have been told as final. */
  #closed: number

  /** From a snapshot of this moment on. */
  constructor(timeframe: Timeframe, view: StreamView | undefined) {
    const newest = view?.candles(timeframe, 1)[0]
    const afterNewest = newest === undefined ? Number.NEGATIVE_INFINITY : bucketEnd(timeframe, newest.time)
    const closed = view?.overUntil(timeframe) ?? Number.NEGATIVE_INFINITY
    this.#timeframe = timeframe
    this.#told = Math.max(afterNewest, closed)
    this.#closed = Number.isFinite(closed) ? closed : afterNewest
  }

  /** Before the candle at `time` is told: what lies between it and everything told so far. */
  upTo(time: number, view: StreamView): readonly Candle[] {
    const from = this.#told
    this.#told = Math.max(from, bucketEnd(this.#timeframe, time))
    return from < time ? emptyBuckets(view, this.#timeframe, from, time) : []
  }

  /** After the candle at `time` was told again: the buckets that carry its close. */
  after(time: number, view: StreamView): readonly Candle[] {
    return emptyAfter(view, this.#timeframe, time, this.#told)
  }

  /** The clock has passed the ends of the buckets that start before `to`: those of them that are empty, now final. */
  finalUpTo(to: number, view: StreamView): readonly Candle[] {
    const from = this.#closed
    this.#closed = Math.max(from, to)
    this.#told = Math.max(this.#told, to)
    return from < to ? emptyBuckets(view, this.#timeframe, from, to) : []
  }
}
