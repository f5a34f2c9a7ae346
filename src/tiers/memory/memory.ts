import type { Candle } from '../../market/candle.ts'
import { FeedClock } from '../../market/feed-clock.ts'
import { type Instrument, streamName } from '../../market/instrument.ts'
import { InstrumentCandles } from '../../market/instrument-candles.ts'
import type { MarketState } from '../../market/market-state.ts'
import type { Cursor, Update } from '../../market/tick.ts'
import { bucketStart, type Timeframe } from '../../market/timeframe.ts'
import type { CandleRow, Gap } from '../database/database.ts'
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
  readonly history: InstrumentCandles
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
    this.#latest = update
    if (update.backfilled) this.clock.observeLate(update.time, update.received)
    else this.clock.observe(update.time, update.received)
    this.history.fold(update)
    this.#tail.push(update)
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

  candles(timeframe: Timeframe, count: number): readonly Candle[] {
    return this.history.window(timeframe).last(count)
  }

  holdsAll(timeframe: Timeframe): boolean {
    const window = this.history.window(timeframe)
    if (this.firstTraded === undefined) return window.holdsAll
    return this.warm && window.heldSince <= bucketStart(timeframe, this.firstTraded)
  }

  lacksStored(timeframe: Timeframe, before: number): boolean {
    return this.history.window(timeframe).lacksStored(before)
  }

  behind(timeframe: Timeframe): number {
    return this.history.window(timeframe).behind
  }

  candleAt(timeframe: Timeframe, time: number): Candle | undefined {
    return this.history.window(timeframe).at(time)
  }

  candleBefore(timeframe: Timeframe, time: number): Candle | undefined {
    return this.history.window(timeframe).before(time)
  }

  get closedUntil(): number {
    return this.history.closedUntil
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

/** The memory tier: what every snapshot and every live value is read from. */
export class MemoryTier {
  readonly #streams = new Map<string, MemoryStream>()
  readonly #awaited = new Set<string>()
  readonly #clocks = new Map<string, FeedClock>()
  readonly #bounds: MemoryBounds
  #onAppeared: (symbol: string) => void = () => {}

  constructor(bounds: MemoryBounds = MEMORY_BOUNDS) {
    this.#bounds = bounds
  }

  /** The instrument's stream if there is one; else a new one, which nobody sees until it is adopted. */
  prepare(instrument: Instrument): MemoryStream {
    const held = this.#streams.get(instrument.symbol)
    if (held !== undefined && sameInstrument(held.instrument, instrument)) return held
    return new MemoryStream(instrument, this.#bounds, this.#clockOf(instrument))
  }

  /** Serves this stream under its symbol; another instrument's is replaced. */
  adopt(stream: MemoryStream): void {
    const { symbol } = stream.instrument
    const isNew = !this.#streams.has(symbol)
    this.#streams.set(symbol, stream)
    if (isNew) this.#onAppeared(symbol)
  }

  /** Has `listener` told of every symbol that is served for the first time, from now on. */
  onAppeared(listener: (symbol: string) => void): void {
    this.#onAppeared = listener
  }

  /** Says that there will be a stream of this symbol, as soon as its source has answered. */
  await(symbol: string): void {
    this.#awaited.add(symbol)
  }

  /** Its source has answered, whether it has the symbol or not. */
  answered(symbol: string): void {
    this.#awaited.delete(symbol)
  }

  awaited(): readonly string[] {
    return [...this.#awaited].filter((symbol) => !this.#streams.has(symbol))
  }

  /** The database has these candles, for `sure` or perhaps: what was read of it before may be old. */
  candlesStored(rows: readonly CandleRow[], sure: boolean): void {
    for (const { instrument, timeframe, candle } of rows) {
      const stream = this.#streams.get(instrument.symbol)
      if (stream && streamName(stream.instrument) === streamName(instrument))
        stream.history.stored(timeframe, candle, sure)
    }
  }

  stream(symbol: string): MemoryStream | undefined {
    return this.#streams.get(symbol)
  }

  symbols(): readonly string[] {
    return [...this.#streams.keys()]
  }

  streams(): Iterable<MemoryStream> {
    return this.#streams.values()
  }

  /** The source of these streams was there at our `now` (Unix ms), whether it had news or not. */
  heard(source: string, now: number): void {
    this.#clockOf({ source }).heard(now)
  }

  /** When the source was there last (Unix ms); undefined: never yet. */
  heardAt(source: string): number | undefined {
    return this.#clocks.get(source)?.heardAt
  }

  #clockOf({ source }: Pick<Instrument, 'source'>): FeedClock {
    const clock = this.#clocks.get(source) ?? new FeedClock()
    this.#clocks.set(source, clock)
    return clock
  }
}

function sameInstrument(a: Instrument, b: Instrument): boolean {
  return (
    a.source === b.source &&
    a.sourceSymbol === b.sourceSymbol &&
    a.priceDigits === b.priceDigits &&
    a.sizeDigits === b.sizeDigits
  )
}
