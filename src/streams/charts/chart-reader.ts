import { calendarOf } from '../../market/calendar.ts'
import type { Candle } from '../../market/candle.ts'
import type { TimeRange } from '../../market/time-range.ts'
import { TIMEFRAME_MS, type Timeframe } from '../../market/timeframe.ts'
import type { MemoryStream } from '../../tiers/memory/memory.ts'
import { CandlePages, type CandlePagesPorts } from './candle-pages.ts'
import { heldCandles } from './held-candles.ts'
import { Listings } from './listing.ts'
import { candlesFrom, newestCandles, type ReadCandles, type ReadCandlesPorts } from './read-candles.ts'

/**
 * Candles in ascending order; `isWhole`: none is missing among them; `hasOlder`: they are fewer than asked for, and yet
 * not all, because too many buckets before them had no trade.
 */
export interface OlderCandles extends Pick<ReadCandles, 'candles' | 'isWhole'> {
  readonly hasOlder?: boolean
}

/**
 * Candles as far back as their source has them: memory's, then the database's, and what neither has is asked of the
 * source and stored. Never waits long: a source that does not answer leaves the answer with what is stored.
 */
export class ChartReader {
  readonly #ports: ReadCandlesPorts
  readonly #database: CandlePagesPorts['database']

  constructor(ports: CandlePagesPorts) {
    this.#database = ports.database
    const pages = new CandlePages(ports)
    const timeOf = (stream: MemoryStream) => stream.clock.now(ports.now()) ?? ports.now()
    this.#ports = { pages, listings: new Listings(pages, timeOf), timeOf, now: ports.now }
  }

  /** Whether memory alone can say what the newest `limit` candles are. */
  holds(stream: MemoryStream, timeframe: Timeframe, limit: number): boolean {
    const window = stream.history.window(timeframe)
    return stream.warm && window.length >= limit && this.held(stream, timeframe).length >= limit
  }

  /** Memory's own candles as they are now, ascending. */
  held(stream: MemoryStream, timeframe: Timeframe): readonly Candle[] {
    return heldCandles(stream, timeframe, { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY })
  }

  /** Whether the bucket at `time` is known to be the first in which the instrument was traded. */
  isFirst(stream: MemoryStream, timeframe: Timeframe, time: number): boolean {
    const listed = this.#ports.listings.known(stream)
    return listed !== undefined && time <= calendarOf(stream.instrument).startOf(timeframe, listed)
  }

  /** The newest `limit` candles that begin before `before` (Unix ms; unset: all). `next`: what is older ends there. */
  newest(stream: MemoryStream, timeframe: Timeframe, before: number | undefined, limit: number): Promise<ReadCandles> {
    return newestCandles(stream, timeframe, before, limit, this.#ports)
  }

  /** The oldest `limit` candles that begin in the range. `next`: later ones of the range begin there. */
  from(stream: MemoryStream, timeframe: Timeframe, range: TimeRange, limit: number): Promise<ReadCandles> {
    return candlesFrom(stream, timeframe, range, limit, this.#ports)
  }

  /**
   * What is older than memory's window: the newest `count` candles that begin before `before` (Unix ms), in one query
   * where the database is known to have them. @throws GatewayError tier_unavailable
   */
  async older(stream: MemoryStream, timeframe: Timeframe, before: number, count: number): Promise<OlderCandles> {
    const { pages, listings } = this.#ports
    const { instrument } = stream
    const from = before - count * TIMEFRAME_MS[timeframe]
    if (!pages.isKept(timeframe, from)) return this.#older(stream, timeframe, before, count)
    const listed = await listings.of(stream)
    const first = listed === undefined ? Number.NEGATIVE_INFINITY : calendarOf(instrument).startOf(timeframe, listed)
    const isStored = await pages.store(stream, timeframe, { from: Math.max(first, from), to: before })
    const candles = await this.#database.candlesBefore(instrument, timeframe, before, count)
    if (!isStored) return { candles, isWhole: false }
    const since = await pages.storedSince(stream, timeframe, before)
    const known = candles.filter(({ time }) => time >= since)
    if (known.length === count || since <= first) return { candles: known, isWhole: true }
    // Buckets without a trade lie in between: older pages are needed, and perhaps asked for.
    return this.#older(stream, timeframe, before, count)
  }

  async #older(stream: MemoryStream, timeframe: Timeframe, before: number, count: number): Promise<OlderCandles> {
    const { candles, isWhole, next } = await this.newest(stream, timeframe, before, count)
    return { candles, isWhole, hasOlder: candles.length < count && next !== null }
  }

  /** Gives up what is asked of the sources. Safe to call twice. */
  close(): Promise<void> {
    return this.#ports.pages.close()
  }
}
