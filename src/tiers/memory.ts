import type { Candle } from '../market/candle.ts'
import { FeedClock } from '../market/feed-clock.ts'
import type { Instrument } from '../market/instrument.ts'
import { InstrumentCandles } from '../market/instrument-candles.ts'
import type { Cursor, Update } from '../market/tick.ts'
import type { Timeframe } from '../market/timeframe.ts'
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
  readonly clock = new FeedClock()
  readonly #bounds: MemoryBounds
  #tail: Tail
  #cursor: Cursor | null = null
  #latest: Update | undefined
  /** No tick is being waited for; kept by whoever sequences the stream. */
  live = false
  /** It is known where the stream stands: its source's candles were taken, or its own went on. */
  warm = false

  constructor(instrument: Instrument, bounds: MemoryBounds = MEMORY_BOUNDS) {
    this.instrument = instrument
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
    this.#tail.durable(newest.at(-1)!.id)
  }

  /** Takes the next tick of the stream. */
  append(update: Update): void {
    this.#cursor = update.id
    this.#latest = update
    this.clock.observe(update.time, update.received)
    this.history.fold(update)
    this.#tail.push(update)
  }

  /** The database has everything up to `id`. */
  durable(id: Cursor): void {
    this.#tail.durable(id)
  }

  /** Ticks up to `id` were found late: from now on the database alone tells the stream up to there. */
  cutTail(id: Cursor): void {
    if (this.#cursor !== null && id < this.#cursor) this.#tail.cut(id)
  }

  candles(timeframe: Timeframe, count: number): readonly Candle[] {
    return this.history.window(timeframe).last(count)
  }

  candleAt(timeframe: Timeframe, time: number): Candle | undefined {
    return this.history.window(timeframe).at(time)
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
  readonly #bounds: MemoryBounds

  constructor(bounds: MemoryBounds = MEMORY_BOUNDS) {
    this.#bounds = bounds
  }

  /** The instrument's stream if there is one; else a new one, which nobody sees until it is adopted. */
  prepare(instrument: Instrument): MemoryStream {
    const held = this.#streams.get(instrument.symbol)
    if (held !== undefined && sameInstrument(held.instrument, instrument)) return held
    return new MemoryStream(instrument, this.#bounds)
  }

  /** Serves this stream under its symbol; another instrument's is replaced. */
  adopt(stream: MemoryStream): void {
    this.#streams.set(stream.instrument.symbol, stream)
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

  stream(symbol: string): MemoryStream | undefined {
    return this.#streams.get(symbol)
  }

  symbols(): readonly string[] {
    return [...this.#streams.keys()]
  }

  streams(): Iterable<MemoryStream> {
    return this.#streams.values()
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
