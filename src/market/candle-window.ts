import type { Candle } from './candle.ts'
import {
  allocateColumns,
  type CandleColumns,
  copyRows,
  FINAL,
  foldIntoRow,
  OPEN,
  readRow,
  startRow,
  WHOLE,
} from './candle-columns.ts'
import { emptyPiece, loadCandle, NO_ID, type Piece, type Steps } from './candle-piece.ts'
import { bucketEnd, bucketStart, type Timeframe } from './timeframe.ts'

const FIRST_ROWS = 16

/** What a fold did to a candle that its readers may have seen as finished. */
export type Folded = 'open' | 'revised' | 'held' | 'out-of-window'

/** The newest candles of one instrument in one timeframe, ascending by time, folded piece by piece. */
export class CandleWindow {
  readonly timeframe: Timeframe
  readonly #steps: Steps
  readonly #capacity: number
  #columns: CandleColumns = allocateColumns(FIRST_ROWS)
  #allocated = FIRST_ROWS
  /** Rows [start, end) are live; the room behind `end` lets the window roll without copying at every candle. */
  #start = 0
  #end = 0
  #dirtySince = Number.POSITIVE_INFINITY
  /** The candles already hold every tick up to this id: folding one of them again would count it twice. */
  #through = NO_ID

  constructor(timeframe: Timeframe, steps: Steps, capacity: number) {
    this.timeframe = timeframe
    this.#steps = steps
    this.#capacity = capacity
  }

  get length(): number {
    return this.#end - this.#start
  }

  /** The first millisecond of the bucket that `time` falls into. */
  startOf(time: number): number {
    return bucketStart(this.timeframe, time)
  }

  /** Folds a piece whose event time is `time` into its bucket, wherever in the window that is. */
  fold(time: number, piece: Piece): Folded {
    if (piece.lastId <= this.#through && piece.lastId !== NO_ID) return 'held'
    const start = bucketStart(this.timeframe, time)
    const columns = this.#columns
    const last = this.#end - 1
    if (start < this.#dirtySince) this.#dirtySince = start
    if (last >= this.#start && columns.time[last] === start) return this.#foldAt(last, piece)
    if (last < this.#start || start > columns.time[last]!) {
      this.#makeRoom()
      startRow(this.#columns, this.#end++, start, piece)
      return 'open'
    }
    return this.#foldLate(start, piece)
  }

  /** The newest id that a candle read back from a slower tier held; undefined when none did. */
  get restoredThrough(): number | undefined {
    return this.#through === NO_ID ? undefined : this.#through
  }

  /** Says that the candles hold every tick up to `id`: from here on only newer ones are folded. */
  holdsThrough(id: number): void {
    this.#through = Math.max(this.#through, id)
  }

  /** Forgets the unfinished candles: they are about to be composed anew. */
  dropOpen(): void {
    while (this.#end > this.#start && this.#columns.final[this.#end - 1] === OPEN) this.#end--
  }

  /** The newest `count` candles, ascending. */
  last(count: number): Candle[] {
    const from = Math.max(this.#start, this.#end - count)
    return Array.from({ length: this.#end - from }, (_, offset) => readRow(this.#columns, from + offset))
  }

  /** The candle whose bucket starts at `time`. */
  at(time: number): Candle | undefined {
    const row = this.#rowAtOrAfter(time)
    return row < this.#end && this.#columns.time[row] === time ? readRow(this.#columns, row) : undefined
  }

  /** Marks as final the candles whose bucket ended at or before `until`, and returns their times, oldest first. */
  close(until: number): readonly number[] {
    const { time, final } = this.#columns
    let row = this.#end
    while (row > this.#start && final[row - 1] === OPEN) row--
    const closed: number[] = []
    for (; row < this.#end && bucketEnd(this.timeframe, time[row]!) <= until; row++) {
      final[row] = FINAL
      closed.push(time[row]!)
      if (time[row]! < this.#dirtySince) this.#dirtySince = time[row]!
    }
    return closed
  }

  /** The candles changed since the last call, ascending. */
  takeDirty(): Candle[] {
    if (this.#dirtySince === Number.POSITIVE_INFINITY) return []
    const from = this.#rowAtOrAfter(this.#dirtySince)
    this.#dirtySince = Number.POSITIVE_INFINITY
    return Array.from({ length: this.#end - from }, (_, offset) => readRow(this.#columns, from + offset))
  }

  /**
   * Takes candles from a slower tier or from the source, in any order. A held candle stays, unless it is unfinished and
   * the other is final. Returns those taken.
   */
  merge(candles: readonly Candle[]): readonly Candle[] {
    const rows = new Map(this.last(this.length).map((candle) => [candle.time, candle]))
    const taken = candles.filter((candle) => {
      const held = rows.get(candle.time)
      return held === undefined || (candle.final && !held.final)
    })
    for (const candle of taken) {
      rows.set(candle.time, candle)
      this.holdsThrough(candle.lastId ?? NO_ID)
    }
    const merged = [...rows.values()].sort((a, b) => a.time - b.time).slice(-this.#capacity)
    this.#start = 0
    this.#end = 0
    const piece = emptyPiece()
    for (const candle of merged) {
      this.#makeRoom()
      loadCandle(piece, candle, this.#steps)
      startRow(this.#columns, this.#end, candle.time, piece)
      this.#columns.final[this.#end] = candle.final ? (candle.firstId === null ? WHOLE : FINAL) : OPEN
      this.#columns.revision[this.#end++] = candle.revision
    }
    return taken
  }

  #foldAt(row: number, piece: Piece): Folded {
    const final = this.#columns.final[row]
    if (final === WHOLE) return 'held'
    foldIntoRow(this.#columns, row, piece)
    if (final === OPEN) return 'open'
    this.#columns.revision[row]! += 1
    return 'revised'
  }

  #foldLate(start: number, piece: Piece): Folded {
    const row = this.#rowAtOrAfter(start)
    if (this.#columns.time[row] === start) return this.#foldAt(row, piece)
    if (row === this.#start && this.length >= this.#capacity) return 'out-of-window'
    // A trade in a bucket that had none: its candle is inserted, and is over as its neighbours are.
    this.#makeRoom()
    const at = this.#rowAtOrAfter(start)
    copyRows(this.#columns, at, this.#end, this.#columns, at + 1)
    this.#end++
    startRow(this.#columns, at, start, piece)
    this.#columns.final[at] = this.#columns.final[at + 1] === OPEN ? OPEN : FINAL
    return this.#columns.final[at] === FINAL ? 'revised' : 'open'
  }

  /** The first row whose time is at or after `time`; `end` when there is none. */
  #rowAtOrAfter(time: number): number {
    let low = this.#start
    let high = this.#end
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#columns.time[middle]! < time) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Makes sure that row `end` exists and that at most `capacity` rows stay once it is taken. */
  #makeRoom(): void {
    if (this.length >= this.#capacity) this.#start = this.#end - this.#capacity + 1
    if (this.#end < this.#allocated) return
    const rows = Math.min(Math.max(this.length * 2, FIRST_ROWS), this.#capacity * 2)
    const columns = rows > this.#allocated ? allocateColumns(rows) : this.#columns
    copyRows(this.#columns, this.#start, this.#end, columns, 0)
    this.#columns = columns
    this.#allocated = Math.max(rows, this.#allocated)
    this.#end -= this.#start
    this.#start = 0
  }
}
