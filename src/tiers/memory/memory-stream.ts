import type { Candle } from '../../market/candle.ts'
import { FeedClock } from '../../market/feed-clock.ts'
import type { Instrument } from '../../market/instrument.ts'
import { InstrumentCandles } from '../../market/instrument-candles.ts'
import type { MarketState } from '../../market/market-state.ts'
import { type Observation, updateOf } from '../../market/observation.ts'
import { SeriesCandles } from '../../market/series-candles.ts'
import type { StreamCandles } from '../../market/stream-candles.ts'
import type { Cursor, Tick, Update } from '../../market/tick.ts'
import type { ChartTimeframe } from '../../market/timeframe.ts'
import type { Gap } from '../database/database.ts'
import { type KnownGap, KnownGaps } from './known-gaps.ts'
import { Tail } from './tail.ts'

export interface MemoryBounds {
  /** Candles kept per instrument and timeframe. */
  readonly candles: number
  /** Ticks kept per instrument, beyond those that are not yet durable. */
  readonly ticks: number
}

export const MEMORY_BOUNDS: MemoryBounds = { candles: 1_000, ticks: 10_000 }

/** One instrument in memory: newest tick, candles and tail, all as of one `cursor`. Every read is synchronous. */
export class MemoryStream {
  readonly instrument: Instrument
  /** Candles folded of its ticks. Those of a series are not: they are in `series`, and these stay empty. */
  readonly history: InstrumentCandles
  readonly series: SeriesCandles | undefined
  /** Its source's time: one clock for all of a source's streams, so that a quiet one's candles close with the others'. */
  readonly clock: FeedClock
  readonly #bounds: MemoryBounds
  readonly #gaps = new KnownGaps()
  #tail: Tail
  #cursor: Cursor | null = null
  #latest: Update | undefined
  /** No tick is being waited for; kept by whoever sequences the stream. */
  live = false
  /** Its source has it no longer: it is what was stored of it, and nothing follows. */
  over = false
  /** Nothing is missing behind the newest tick, as far as its source knows: it was asked, or has sent news since. */
  whole = false
  /** Its source has not confirmed the newest price for long; kept by whoever publishes it. */
  stale = false
  /** A tick may come so much later than it happened (ms): until its source is polled again. Kept by whoever polls it. */
  comesWithinMs = 0
  /**
   * When it was first traded, to the day (Unix ms); -Infinity: before what is known of it. Undefined: its source cannot
   * be asked for older candles than those that are stored.
   */
  firstTraded: number | undefined
  /** How often ticks were found late. */
  refills = 0
  /** It is known where the stream stands: its source's candles were taken, or its own went on. */
  warm = false
  /**
   * Set while the database has not been reached since the start: what is stored up to this id has not been looked at,
   * and there may be a hole before what follows. Null: nothing follows yet.
   */
  unknownThrough: Cursor | null | undefined
  /** What its source says of its market, if it does. */
  market: MarketState | undefined
  /** When it said so last (Unix ms): that confirms the newest price. */
  marketAt: number | undefined

  constructor(instrument: Instrument, bounds: MemoryBounds = MEMORY_BOUNDS, clock = new FeedClock()) {
    this.instrument = instrument
    this.clock = clock
    this.#bounds = bounds
    this.history = new InstrumentCandles(instrument, bounds.candles)
    this.series = instrument.assetClass === 'macro' ? new SeriesCandles() : undefined
    this.#tail = new Tail(bounds.ticks, null)
  }

  get cursor(): Cursor | null {
    return this.#cursor
  }

  get latest(): Update | undefined {
    return this.#latest
  }

  /** Goes on from the newest stored ticks, ascending; the candles take those that they do not hold yet. */
  restore(newest: readonly Update[]): void {
    const first = newest[0]
    if (first === undefined) return
    this.#tail = new Tail(this.#bounds.ticks, first.prev ?? first.id - 1)
    for (const update of newest) this.append(update)
    this.whole = false
    this.#tail.durable(newest.at(-1)!.id)
  }

  /** Takes the next tick of the stream. */
  append(update: Update): void {
    if (this.unknownThrough === null) this.#begin(update)
    this.#cursor = update.id
    if (!update.backfilled) this.whole = true
    if (update.backfilled) this.clock.observeLate(update.time, update.received)
    else this.clock.observe(update.time, update.received)
    if (this.series === undefined) this.history.fold(update)
    else this.series.fold(update)
    this.#takeLatest(update)
    this.#tail.push(update)
  }

  /**
   * Takes every stored vintage of a series, in place of all it has: its candles, and its newest price. Before the newest
   * ticks are restored, or after.
   */
  restoreSeries(observations: readonly Observation[]): void {
    this.series?.restore(observations)
    const latest = observations.find(({ id }) => id === this.series?.latest?.id)
    if (latest === undefined || latest.id === this.#latest?.id) return
    this.#latest = updateOf(this.instrument.symbol, latest)
  }

  /**
   * Takes a vintage that is stored behind the stream: it is no tick of it, but its candles and its newest price are made
   * of it too. MUST be called once for each; clients are told by `Hub.revise` with the time of its period.
   */
  lateVintage(update: Update): void {
    this.series?.foldLate(update)
    this.#takeLatest(update)
  }

  /** A revision of an old period is no newer price. */
  #takeLatest(update: Update): void {
    if (this.series === undefined || this.series.latest?.id === update.id) this.#latest = update
  }

  /** Begins without what is stored before: who asks for that is not told that there is nothing. */
  #begin({ id, prev }: Update): void {
    this.unknownThrough = prev ?? id - 1
    this.#tail = new Tail(this.#bounds.ticks, this.unknownThrough)
  }

  /** Its source said this of its market at our `now` (Unix ms). True: what is told beside the price is another. */
  sayMarket(state: MarketState, now: number): boolean {
    const before = this.market
    this.market = state
    this.marketAt = now
    // The day's own figures move with the ticks that are told anyway.
    return (
      before?.market !== state.market ||
      before.delayMs !== state.delayMs ||
      before.day.previousClose !== state.day.previousClose
    )
  }

  /** The database has everything up to `id`. */
  durable(id: Cursor): void {
    this.#tail.durable(id)
  }

  /** Ticks up to `id` were found late: from now on the database alone tells the stream up to there. */
  cutTail(id: Cursor): void {
    this.refills++
    if (this.#cursor !== null && id < this.#cursor) this.#tail.cut(id)
  }

  /** What is known of ids that the stream does not hold. */
  sayGap(gap: Pick<Gap, 'from' | 'to' | 'status' | 'reason'>): void {
    this.#gaps.say(gap)
  }

  gaps(): readonly KnownGap[] {
    return this.#gaps.all()
  }

  get #candles(): StreamCandles {
    return this.series ?? this.history
  }

  get timeframes(): readonly ChartTimeframe[] {
    return this.#candles.timeframes
  }

  get endsByClock(): boolean {
    return this.series === undefined
  }

  candles(timeframe: ChartTimeframe, count: number): readonly Candle[] {
    return this.#candles.newest(timeframe, count)
  }

  holdsAll(timeframe: ChartTimeframe): boolean {
    if (this.series !== undefined || timeframe === 'native') return true
    const window = this.history.window(timeframe)
    if (this.firstTraded === undefined) return window.holdsAll
    return this.warm && window.heldSince <= this.history.calendar.startOf(timeframe, this.firstTraded)
  }

  lacksStored(timeframe: ChartTimeframe, before: number): boolean {
    if (this.series !== undefined || timeframe === 'native') return false
    return this.history.window(timeframe).lacksStored(before)
  }

  behind(timeframe: ChartTimeframe): number {
    if (this.series !== undefined || timeframe === 'native') return this.series?.late ?? 0
    return this.history.window(timeframe).behind
  }

  candleAt(timeframe: ChartTimeframe, time: number): Candle | undefined {
    return this.#candles.at(timeframe, time)
  }

  candleBefore(timeframe: ChartTimeframe, time: number): Candle | undefined {
    return this.#candles.before(timeframe, time)
  }

  bucketOf(timeframe: ChartTimeframe, tick: Pick<Tick, 'time' | 'period'>): number {
    return this.#candles.bucketOf(timeframe, tick)
  }

  overUntil(timeframe: ChartTimeframe): number {
    return this.#candles.overUntil(timeframe)
  }

  /** Ticks that are held. */
  get tailSize(): number {
    return this.#tail.size
  }

  tail(count: number): readonly Update[] {
    return this.#tail.newest(count)
  }

  tailAfter(after: Cursor | null, limit: number): readonly Update[] | undefined {
    return this.#tail.after(after, limit)
  }
}
