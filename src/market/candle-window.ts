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
import { bucketEnd, bucketStart, TIMEFRAME_MS, type Timeframe } from './timeframe.ts'

const FIRST_ROWS = 16

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
  /** From here on, up to the time of the warm-up, the candles are the source's. */
  #sourceSince = Number.NEGATIVE_INFINITY

  constructor(timeframe: Timeframe, steps: Steps, capacity: number) {
    this.timeframe = timeframe
    this.#steps = steps
    this.#capacity = capacity
  }

  get length(): number {
    return this.#end - this.#start
  }

  /** Folds a piece whose event time is `time` into its bucket, wherever in the window that is; older ones are let go. */
  fold(time: number, piece: Piece): void {
    if (piece.lastId <= this.#through && piece.lastId !== NO_ID) return
    const start = bucketStart(this.timeframe, time)
    const columns = this.#columns
    const last = this.#end - 1
    if (start < this.#dirtySince) this.#dirtySince = start
    if (last >= this.#start && columns.time[last] === start) {
      this.#foldAt(last, piece)
    } else if (last < this.#start || start > columns.time[last]!) {
      this.#makeRoom()
      startRow(this.#columns, this.#end++, start, piece)
    } else {
      this.#foldLate(start, piece)
    }
  }

  /** The first millisecond of the bucket that `time` falls into. */
  startOf(time: number): number {
    return bucketStart(this.timeframe, time)
  }

  /** The source was not asked as far back as `time`: ticks from then are folded. */
  isBeforeSource(time: number): boolean {
    return time < this.#sourceSince
  }

  /** Marks every candle final whose bucket ended at or before `until`, wherever it stands. */
  closeAll(until: number): void {
    const { time, final } = this.#columns
    for (let row = this.#start; row < this.#end && bucketEnd(this.timeframe, time[row]!) <= until; row++) {
      if (final[row] === OPEN) final[row] = FINAL
    }
  }

  /** The newest id that a candle read back from a slower tier held; undefined when none did. */
  get restoredThrough(): number | undefined {
    return this.#through === NO_ID ? undefined : this.#through
  }

  /** Says that the candles hold every tick up to `id`: from here on only newer ones are folded. */
  holdsThrough(id: number): void {
    this.#through = Math.max(this.#through, id)
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

  /** Takes the candles that a slower tier kept, ascending, in place of all it has. */
  restore(candles: readonly Candle[]): void {
    this.#write(candles)
    this.#through = Math.max(NO_ID, ...candles.map(({ lastId }) => lastId ?? NO_ID))
  }

  /**
   * Takes the source's finished candles for what ended at or before `until`, and forgets what ends later: that is about
   * to be composed and folded anew. A held candle that says the same stays as it is; one that was final and says
   * something else is revised. Returns the candles that are new.
   */
  takeFinished(candles: readonly Candle[], until: number): readonly Candle[] {
    // Where it has none finished, open ones are composed: of those that ended last, and of the running one.
    const composed = TIMEFRAME_MS[this.timeframe] > TIMEFRAME_MS['1m'] ? this.startOf(this.startOf(until) - 1) : until
    const since = candles[0]?.time ?? composed
    this.#sourceSince = since
    const held = this.last(this.length).filter(
      // An unfinished one that the source does not have at all was never told right.
      ({ time, final }) => bucketEnd(this.timeframe, time) <= until && (final || time < since),
    )
    const rows = new Map(held.map((candle) => [candle.time, candle]))
    const taken = candles.flatMap((candle) => {
      const before = rows.get(candle.time)
      if (before?.final && saysTheSame(before, candle)) return []
      return [before?.final ? { ...candle, revision: before.revision + 1 } : candle]
    })
    for (const candle of taken) rows.set(candle.time, candle)
    this.#write([...rows.values()].sort((a, b) => a.time - b.time))
    this.#through = NO_ID
    return taken
  }

  /** Makes these its rows, the newest of them if they are too many. */
  #write(candles: readonly Candle[]): void {
    this.#start = 0
    this.#end = 0
    const piece = emptyPiece()
    for (const candle of candles.slice(-this.#capacity)) {
      this.#makeRoom()
      loadCandle(piece, candle, this.#steps)
      startRow(this.#columns, this.#end, candle.time, piece)
      this.#columns.final[this.#end] = candle.final ? (candle.firstId === null ? WHOLE : FINAL) : OPEN
      this.#columns.revision[this.#end++] = candle.revision
    }
  }

  #foldAt(row: number, piece: Piece): void {
    const final = this.#columns.final[row]
    if (final === WHOLE) return
    foldIntoRow(this.#columns, row, piece)
    if (final !== OPEN) this.#columns.revision[row]! += 1
  }

  #foldLate(start: number, piece: Piece): void {
    const row = this.#rowAtOrAfter(start)
    if (this.#columns.time[row] === start) {
      this.#foldAt(row, piece)
    } else if (row > this.#start || this.length < this.#capacity) {
      // A trade in a bucket that had none: its candle is inserted, and is over as its neighbours are.
      this.#makeRoom()
      const at = this.#rowAtOrAfter(start)
      copyRows(this.#columns, at, this.#end, this.#columns, at + 1)
      this.#end++
      startRow(this.#columns, at, start, piece)
      this.#columns.final[at] = this.#columns.final[at + 1] === OPEN ? OPEN : FINAL
    }
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

const NUMBERS = ['open', 'high', 'low', 'close', 'volume', 'quoteVolume', 'buyVolume', 'trades'] as const

function saysTheSame(a: Candle, b: Candle): boolean {
  return NUMBERS.every((name) => a[name] === b[name])
}
