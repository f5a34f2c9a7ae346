import type { Candle } from './candle.ts'
import { emptyPiece, extendPiece, loadCandle, loadTick, type Piece } from './candle-piece.ts'
import { CandleWindow } from './candle-window.ts'
import type { Instrument } from './instrument.ts'
import type { Cursor, Tick } from './tick.ts'
import { TIMEFRAME_MS, TIMEFRAMES, type Timeframe } from './timeframe.ts'

/** Told of each final candle that a late tick changed. */
export type OnRevised = (timeframe: Timeframe, time: number) => void

const FINEST_MS = TIMEFRAME_MS['1s']

/**
 * The candles of one instrument in every timeframe, all folded from the same ticks and so in agreement.
 *
 * Ticks of one second fall into the same candle of every timeframe: they are gathered into one piece, and the piece is
 * folded into the nine windows when the second is over or somebody reads. A tick costs one fold, not nine.
 */
export class InstrumentCandles {
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
  #heldUntil = Number.NEGATIVE_INFINITY

  constructor(instrument: Instrument, capacity: number) {
    this.#instrument = instrument
    this.#windows = TIMEFRAMES.map((timeframe) => new CandleWindow(timeframe, instrument, capacity))
    this.#windowByTimeframe = new Map(this.#windows.map((window) => [window.timeframe, window]))
  }

  window(timeframe: Timeframe): CandleWindow {
    this.#settle()
    return this.#windowByTimeframe.get(timeframe)!
  }

  windows(): readonly CandleWindow[] {
    this.#settle()
    return this.#windows
  }

  /** Folds a tick into every timeframe. Ticks come in id order; their times may step back. */
  fold(tick: Tick, onRevised?: OnRevised): void {
    if (tick.time < this.#heldUntil) return
    loadTick(this.#piece, tick, this.#instrument)
    const second = tick.time - (tick.time % FINEST_MS)
    if (this.#gathering && second === this.#second && second >= this.#closedUntil) {
      extendPiece(this.#gathered, this.#piece)
      return
    }
    this.#settle()
    if (second >= this.#second && second >= this.#closedUntil && tick.id > this.#through) this.#gather(second)
    else this.#foldPiece(this.#piece, tick.time, onRevised)
  }

  /** Folds a whole candle of a shorter timeframe into the bucket of `timeframe` that it belongs to. */
  foldCandle(timeframe: Timeframe, candle: Candle): void {
    const window = this.window(timeframe)
    loadCandle(this.#piece, candle, this.#instrument)
    window.fold(candle.time, this.#piece)
  }

  /** Takes candles from a slower tier or from the source (CandleWindow.merge). */
  merge(timeframe: Timeframe, candles: readonly Candle[]): readonly Candle[] {
    const window = this.window(timeframe)
    const taken = window.merge(candles)
    this.#through = Math.max(this.#through, window.restoredThrough ?? -1)
    return taken
  }

  /** Says that the candles hold every tick up to `id`: from here on only newer ones are folded. */
  holdsThrough(id: Cursor): void {
    for (const window of this.windows()) window.holdsThrough(id)
    this.#through = Math.max(this.#through, id)
  }

  /** Says that the candles, taken whole from the source, hold every tick that happened before `time`. */
  holdsUntil(time: number): void {
    this.#heldUntil = time
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

  #foldPiece(piece: Piece, time: number, onRevised?: OnRevised): void {
    for (const window of this.#windows) {
      const folded = window.fold(time, piece)
      if (folded === 'revised') onRevised?.(window.timeframe, window.startOf(time))
    }
  }
}
