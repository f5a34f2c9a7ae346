import type { Candle } from './candle.ts'
import { emptyPiece, loadPiece } from './candle-columns.ts'
import { CandleWindow } from './candle-window.ts'
import { splitAmount, splitProduct } from './decimal-sum.ts'
import type { Instrument } from './instrument.ts'
import type { Tick } from './tick.ts'
import { TIMEFRAMES, type Timeframe } from './timeframe.ts'

/** Told of each final candle that a late tick changed. */
export type OnRevised = (timeframe: Timeframe, time: number) => void

/** The candles of one instrument in every timeframe, all folded from the same ticks and so in agreement. */
export class InstrumentCandles {
  readonly windows: ReadonlyMap<Timeframe, CandleWindow>
  readonly #instrument: Instrument
  readonly #all: readonly CandleWindow[]
  readonly #piece = emptyPiece()

  constructor(instrument: Instrument, capacity: number) {
    this.#instrument = instrument
    this.#all = TIMEFRAMES.map((timeframe) => new CandleWindow(timeframe, instrument, capacity))
    this.windows = new Map(this.#all.map((window) => [window.timeframe, window]))
  }

  window(timeframe: Timeframe): CandleWindow {
    return this.windows.get(timeframe)!
  }

  /** Folds a tick into every timeframe. Ticks come in id order; their times may step back. */
  fold(tick: Tick, onRevised?: OnRevised): void {
    this.#load(tick)
    for (const window of this.#all) {
      const folded = window.fold(tick.time, this.#piece)
      if (folded === 'revised') onRevised?.(window.timeframe, window.startOf(tick.time))
    }
  }

  /** Folds a whole candle of a shorter timeframe into the bucket of `timeframe` that it belongs to. */
  foldCandle(timeframe: Timeframe, candle: Candle): void {
    loadPiece(this.#piece, candle, this.#instrument)
    this.window(timeframe).fold(candle.time, this.#piece)
  }

  /** Marks candles final whose bucket ended at or before `until`; tells each, oldest first within its timeframe. */
  close(until: number, onClosed: (timeframe: Timeframe, time: number) => void): void {
    for (const window of this.#all) for (const time of window.close(until)) onClosed(window.timeframe, time)
  }

  /** The candles changed since the last call: all of them as of one tick. */
  takeDirty(): { readonly timeframe: Timeframe; readonly candles: readonly Candle[] }[] {
    return this.#all.map((window) => ({ timeframe: window.timeframe, candles: window.takeDirty() }))
  }

  #load(tick: Tick): void {
    const piece = this.#piece
    const { priceDigits, sizeDigits } = this.#instrument
    const size = tick.size ?? 0
    piece.open = piece.high = piece.low = piece.close = tick.price
    splitAmount(size, sizeDigits, piece.volume)
    splitProduct(tick.price, priceDigits, size, sizeDigits, piece.quote)
    const bought = tick.side === 'buy'
    piece.buy.whole = bought ? piece.volume.whole : 0
    piece.buy.fraction = bought ? piece.volume.fraction : 0
    piece.trades = tick.trades
    piece.firstId = piece.lastId = tick.id
  }
}
