import { FeedClock } from '../../market/feed-clock.ts'
import { type Instrument, streamName } from '../../market/instrument.ts'
import type { CandleRow } from '../database/database.ts'
import { MEMORY_BOUNDS, type MemoryBounds, MemoryStream } from './memory-stream.ts'

export { MEMORY_BOUNDS, type MemoryBounds, MemoryStream }

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

  /**
   * The source of these streams was there at our `now` (Unix ms), whether it had news or not; where it is no earlier than
   * `time`, if that is told.
   */
  heard(source: string, now: number, time?: number): void {
    const clock = this.#clockOf({ source })
    clock.heard(now)
    if (time !== undefined) clock.observeLate(time, now)
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
