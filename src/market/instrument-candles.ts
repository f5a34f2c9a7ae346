import { type Calendar, calendarOf } from './calendar.ts'
import type { Candle } from './candle.ts'
import { emptyPiece, extendPiece, loadCandle, loadTick, type Piece } from './candle-piece.ts'
import { CandleWindow } from './candle-window.ts'
import { openPieces, type SourceCandles } from './compose.ts'
import type { Instrument } from './instrument.ts'
import type { StreamCandles } from './stream-candles.ts'
import { type CandleTick, type Cursor, isInCandles, type Tick } from './tick.ts'
import { type ChartTimeframe, TIMEFRAME_MS, TIMEFRAMES, type Timeframe } from './timeframe.ts'

export interface TakenCandle {
  readonly timeframe: Timeframe
  readonly candle: Candle
}

const FINEST_MS = TIMEFRAME_MS['1s']

/**
 * The candles of one instrument in every timeframe, all folded from the same ticks and so in agreement.
 *
 * Ticks of one second fall into the same candle of every timeframe: they are gathered into one piece, and the piece is
 * folded into the nine windows when the second is over or somebody reads. A tick costs one fold, not nine.
 */
export class InstrumentCandles implements StreamCandles {
  readonly timeframes = TIMEFRAMES
  /** Which buckets the instrument's moments fall into. */
  readonly calendar: Calendar
  readonly #instrument: Instrument
  readonly #windows: readonly CandleWindow[]
  readonly #windowByTimeframe: ReadonlyMap<Timeframe, CandleWindow>
  #piece = emptyPiece()
  #gathered = emptyPiece()
  /** The second being gathered, as its first millisecond; ticks before it go straight to their candles. */
  #second = Number.NEGATIVE_INFINITY
  #gathering = false
  /** Candles read back from a slower tier hold some ticks up to here: each window knows which. */
  #through = -1
  #closedUntil = Number.NEGATIVE_INFINITY
  /** Ticks that happened before it are in the candles already: those were taken from the source. */
  #heldUntil = Number.NEGATIVE_INFINITY
  /** Late ticks up to here were among the source's trades, from which the candles were made. */
  #wholeThrough: Cursor = -1

  constructor(instrument: Instrument, capacity: number) {
    this.#instrument = instrument
    this.calendar = calendarOf(instrument)
    this.#windows = TIMEFRAMES.map((timeframe) => new CandleWindow(timeframe, instrument, capacity, this.calendar))
    this.#windowByTimeframe = new Map(this.#windows.map((window) => [window.timeframe, window]))
  }

  /** Buckets that ended at or before it (Unix ms) are over, with a candle or without; -Infinity before the first close. */
  get closedUntil(): number {
    return this.#closedUntil
  }

  window(timeframe: Timeframe): CandleWindow {
    this.#settle()
    return this.#windowByTimeframe.get(timeframe)!
  }

  newest(timeframe: ChartTimeframe, count: number): readonly Candle[] {
    return this.#find(timeframe)?.last(count) ?? []
  }

  at(timeframe: ChartTimeframe, time: number): Candle | undefined {
    return this.#find(timeframe)?.at(time)
  }

  before(timeframe: ChartTimeframe, time: number): Candle | undefined {
    return this.#find(timeframe)?.before(time)
  }

  bucketOf(timeframe: ChartTimeframe, { time }: Pick<Tick, 'time'>): number {
    return timeframe === 'native' ? time : this.calendar.startOf(timeframe, time)
  }

  overUntil(timeframe: ChartTimeframe): number {
    return timeframe === 'native' ? Number.NEGATIVE_INFINITY : this.calendar.startOf(timeframe, this.#closedUntil)
  }

  #find(timeframe: ChartTimeframe): CandleWindow | undefined {
    return timeframe === 'native' ? undefined : this.window(timeframe)
  }

  /** A slower tier has this candle, for `sure` or perhaps. */
  stored(timeframe: Timeframe, candle: Candle, sure: boolean): void {
    this.#windowByTimeframe.get(timeframe)!.stored(candle, sure)
  }

  windows(): readonly CandleWindow[] {
    this.#settle()
    return this.#windows
  }

  /** Folds a tick into every timeframe. Ticks come in id order; their times may step back, and revise final candles. */
  fold(tick: Tick): void {
    if (!isInCandles(tick)) return
    if (tick.time < this.#heldUntil) {
      this.#foldBeforeSource(tick)
      return
    }
    loadTick(this.#piece, tick, this.#instrument)
    const second = tick.time - (tick.time % FINEST_MS)
    if (this.#gathering && second === this.#second && second >= this.#closedUntil) {
      extendPiece(this.#gathered, this.#piece)
      return
    }
    this.#settle()
    if (second >= this.#second && second >= this.#closedUntil && tick.id > this.#through) this.#gather(second)
    else this.#foldPiece(this.#piece, tick.time)
  }

  /** Folds a tick that comes after ones with higher ids: each candle that holds it is as if it had come in time. */
  foldLate(tick: Tick): void {
    if (!isInCandles(tick)) return
    this.#settle()
    if (tick.time < this.#heldUntil || tick.id <= this.#wholeThrough) return
    loadTick(this.#piece, tick, this.#instrument)
    this.#foldPiece(this.#piece, tick.time)
  }

  /** Up to here the candles hold every tick of the source, those that the stream has not got included; -1: unknown. */
  get wholeId(): Cursor {
    return this.#wholeThrough
  }

  /** Says that the candles hold every tick of the source up to `id`, those that the stream has not got included. */
  wholeThrough(id: Cursor): void {
    this.#wholeThrough = id
    for (const window of this.windows()) window.closeAll(this.#heldUntil)
  }

  /** Takes the candles that a slower tier kept. `all`: it kept no others. */
  restore(timeframe: Timeframe, candles: readonly Candle[], all = false): void {
    const window = this.window(timeframe)
    window.restore(candles, all)
    this.#through = Math.max(this.#through, window.restoredThrough ?? -1)
  }

  /** Says that the candles hold every tick up to `id`: from here on only newer ones are folded. */
  holdsThrough(id: Cursor): void {
    for (const window of this.windows()) window.holdsThrough(id)
    this.#through = Math.max(this.#through, id)
  }

  /**
   * Makes the candles up to `until`, a full minute, those of the source: finished ones whole, open ones composed. From
   * here on only ticks that happen at `until` or later are folded: the source's candles hold all the others.
   * `missedSince`: when the last tick happened before some were missed, if any were (Unix ms). Returns the finished
   * candles that are new.
   */
  takeSource(candles: SourceCandles, until: number, missedSince?: number): readonly TakenCandle[] {
    const taken: TakenCandle[] = []
    for (const window of this.windows()) {
      const { timeframe } = window
      const finished = (candles.get(timeframe) ?? []).filter(
        ({ time, final }) => final && this.calendar.endOf(timeframe, time) <= until,
      )
      for (const candle of window.takeFinished(finished, until, missedSince)) taken.push({ timeframe, candle })
      const last = window.last(1)[0]?.time
      for (const { begin, candle } of openPieces(last, timeframe, until, candles, this.calendar)) {
        loadCandle(this.#piece, candle, this.#instrument)
        window.fold(begin, this.#piece)
      }
    }
    this.#heldUntil = until
    this.#through = -1
    return taken
  }

  /** Marks candles final whose bucket ended at or before `until`; tells each, oldest first within its timeframe. */
  close(until: number, onClosed: (timeframe: Timeframe, time: number) => void): void {
    this.#closedUntil = Math.max(this.#closedUntil, until)
    for (const window of this.windows()) for (const time of window.close(until)) onClosed(window.timeframe, time)
  }

  /** The candles changed since the last call: all of them as of one tick. */
  takeDirty(): { readonly timeframe: Timeframe; readonly candles: readonly Candle[] }[] {
    return this.windows().map((window) => ({ timeframe: window.timeframe, candles: window.takeDirty() }))
  }

  #gather(second: number): void {
    // The two pieces change places: what was just loaded is the first of the new second.
    const first = this.#piece
    this.#piece = this.#gathered
    this.#gathered = first
    this.#second = second
    this.#gathering = true
  }

  #settle(): void {
    if (!this.#gathering) return
    this.#gathering = false
    this.#foldPiece(this.#gathered, this.#second)
  }

  /** A missed tick from before the source's candles, in the timeframes for which it was not asked that far back. */
  #foldBeforeSource(tick: CandleTick): void {
    this.#settle()
    loadTick(this.#piece, tick, this.#instrument)
    for (const window of this.#windows) {
      if (window.startOf(tick.time) < window.sourceSince) window.fold(tick.time, this.#piece)
    }
  }

  #foldPiece(piece: Piece, time: number): void {
    for (const window of this.#windows) window.fold(time, piece)
  }
}
