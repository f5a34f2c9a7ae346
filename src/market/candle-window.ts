import { type Calendar, UTC_CALENDAR } from './calendar.ts'
import type { Candle } from './candle.ts'
import {
  allocateColumns,
  type CandleColumns,
  copyRows,
  FINAL,
  foldIntoRow,
  OPEN,
  readRow,
  rowAtOrAfter,
  startRow,
  WHOLE,
} from './candle-columns.ts'
import { emptyPiece, loadCandle, NO_ID, type Piece, type Steps } from './candle-piece.ts'
import { beginOfSource, takeInPlace } from './finished-candles.ts'
import type { Timeframe } from './timeframe.ts'
import { ToldBuckets } from './told-buckets.ts'
import { UnstoredCandles } from './unstored-candles.ts'

const FIRST_ROWS = 16

/** The newest candles of one instrument in one timeframe, ascending by time, folded piece by piece. */
export class CandleWindow {
  readonly timeframe: Timeframe
  readonly #steps: Steps
  readonly #capacity: number
  readonly #calendar: Calendar
  #columns: CandleColumns = allocateColumns(FIRST_ROWS)
  #allocated = FIRST_ROWS
  /** Rows [start, end) are live; the room behind `end` lets the window roll without copying at every candle. */
  #start = 0
  #end = 0
  #dirtySince = Number.POSITIVE_INFINITY
  readonly #unstored = new UnstoredCandles()
  /** The candles already hold every tick up to this id: folding one of them again would count it twice. */
  #through = NO_ID
  /** From this bucket on the candles were the source's or were folded from its ticks, those that have left too. */
  sourceSince = Number.NEGATIVE_INFINITY
  readonly #told = new ToldBuckets()
  /** How often candles before the middle one may have changed here, or in a slower tier those before the oldest. */
  behind = 0
  /** No slower tier is known to have a candle before the oldest of these. */
  holdsAll = false

  constructor(timeframe: Timeframe, steps: Steps, capacity: number, calendar = UTC_CALENDAR) {
    this.timeframe = timeframe
    this.#steps = steps
    this.#capacity = capacity
    this.#calendar = calendar
  }

  get length(): number {
    return this.#end - this.#start
  }

  /** A candle that began before `time` and has left may not be stored yet. */
  lacksStored(time: number): boolean {
    return this.#unstored.reachBefore(time)
  }

  /** A slower tier has this candle, for `sure` or perhaps. */
  stored(candle: Candle, sure: boolean): void {
    if ((sure && this.#unstored.stored(candle)) || this.holds(candle.time)) return
    this.behind++
    this.holdsAll = false
  }

  /** Folds a piece whose event time is `time` into its bucket, wherever in the window that is; older ones are let go. */
  fold(time: number, piece: Piece): void {
    if (piece.lastId <= this.#through && piece.lastId !== NO_ID) return
    const start = this.startOf(time)
    const columns = this.#columns
    const last = this.#end - 1
    if (start < this.#dirtySince) this.#dirtySince = start
    if (last >= this.#start && columns.time[last] === start) {
      this.#foldAt(last, piece)
    } else if (last < this.#start || start > columns.time[last]!) {
      this.#makeRoom()
      this.#startRow(this.#end++, start, piece)
    } else {
      if (start < columns.time[this.#start + (this.length >> 1)]!) this.behind++
      this.#foldLate(start, piece)
    }
  }

  /** The `time` of the bucket that a moment (Unix ms) falls into. */
  startOf(moment: number): number {
    return this.#calendar.startOf(this.timeframe, moment)
  }

  /** What the buckets from here on hold is for this window to say, be it that there was no trade. Infinity: none. */
  get heldSince(): number {
    // One that was read back from before the source's may lack trades, and nothing that comes late is folded into it.
    return this.length > 0 ? Math.max(this.#columns.time[this.#start]!, this.sourceSince) : Number.POSITIVE_INFINITY
  }

  /** What the bucket at `time` holds is for this window to say. */
  holds(time: number): boolean {
    return time >= this.heldSince
  }

  /** Marks every candle final whose bucket ended at or before `until`, wherever it stands. */
  closeAll(until: number): void {
    const { time, final } = this.#columns
    for (let row = this.#start; row < this.#end && this.#endOf(time[row]!) <= until; row++) {
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
    return this.#rows(Math.max(this.#start, this.#end - count))
  }

  /** The candle whose bucket starts at `time`. */
  at(time: number): Candle | undefined {
    const row = this.#rowAtOrAfter(time)
    return row < this.#end && this.#columns.time[row] === time ? readRow(this.#columns, row) : undefined
  }

  /** The newest candle whose bucket starts before `time`. */
  before(time: number): Candle | undefined {
    const row = this.#rowAtOrAfter(time) - 1
    return row >= this.#start ? readRow(this.#columns, row) : undefined
  }

  /** Marks as final the candles whose bucket ended at or before `until`, and returns their times, oldest first. */
  close(until: number): readonly number[] {
    this.#told.close(until)
    const { time, final } = this.#columns
    let row = this.#end
    while (row > this.#start && final[row - 1] === OPEN) row--
    const closed: number[] = []
    for (; row < this.#end && this.#endOf(time[row]!) <= until; row++) {
      final[row] = FINAL
      closed.push(time[row]!)
      if (time[row]! < this.#dirtySince) this.#dirtySince = time[row]!
    }
    return closed
  }

  /** The candles changed since the last call, ascending; those that have made room for newer ones too. */
  takeDirty(): Candle[] {
    const from = this.#rowAtOrAfter(this.#dirtySince)
    this.#dirtySince = Number.POSITIVE_INFINITY
    return this.#unstored.handOver(this.#rows(from))
  }

  /** Takes the candles that a slower tier kept, ascending, in place of all it has. `all`: it kept no others. */
  restore(candles: readonly Candle[], all = false): void {
    this.holdsAll = all
    this.#write(candles)
    this.#through = Math.max(NO_ID, ...candles.map(({ lastId }) => lastId ?? NO_ID))
  }

  /**
   * Takes the source's finished candles for what ended at or before `until`, and forgets what ends later: that is about
   * to be composed and folded anew. A held candle that says the same stays as it is; one that was final and says
   * something else is revised. Ticks after `missedSince` (Unix ms) were missed: where the source's candles do not reach
   * back to there, what comes before them is let go, for nothing would tell of the break. Returns the candles that are
   * new.
   */
  takeFinished(candles: readonly Candle[], until: number, missedSince = Number.POSITIVE_INFINITY): readonly Candle[] {
    const since = beginOfSource(this.timeframe, candles, until, this.startOf(until))
    this.sourceSince = since
    if (this.startOf(missedSince) < since) this.#letGo(since, this.startOf(missedSince))
    // An unfinished one that the source does not have at all was never told right.
    const held = this.last(this.length).filter(
      ({ time, final }) => this.#endOf(time) <= until && (final || time < since),
    )
    this.#forget(until)
    const revised = 1 + Math.max(this.#told.highest, ...held.map(({ revision }) => revision))
    const { rows, taken } = takeInPlace(held, candles, revised, (time) => this.#isOver(time))
    this.#write(rows)
    this.#through = NO_ID
    this.#unstored.take(taken)
    return taken
  }

  /** Lets go of what began before `since`; from `missing` on it lacks ticks, and is not worth to be stored. */
  #letGo(since: number, missing: number): void {
    this.behind++
    this.holdsAll = false
    for (; this.length > 0 && this.#columns.time[this.#start]! < since; this.#start++) {
      if (this.#columns.time[this.#start]! < missing) this.#leave(this.#start)
    }
  }

  /** A row leaves: it is stored all the same, when nobody has taken it as it is. */
  #leave(row: number): void {
    this.holdsAll = false
    const { time, final } = this.#columns
    if (time[row]! >= this.#dirtySince || final[row] === OPEN) this.#unstored.leave(readRow(this.#columns, row))
  }

  /** Makes these its rows, the newest of them if they are too many. */
  #write(candles: readonly Candle[]): void {
    this.behind++
    this.holdsAll &&= candles.length <= this.#capacity
    this.#start = 0
    this.#end = 0
    const piece = emptyPiece()
    for (const candle of candles.slice(0, -this.#capacity)) {
      if (!candle.final || candle.time >= this.#dirtySince) this.#unstored.leave(candle)
    }
    for (const candle of candles.slice(-this.#capacity)) {
      this.#makeRoom()
      loadCandle(piece, candle, this.#steps)
      startRow(this.#columns, this.#end, candle.time, piece)
      this.#columns.final[this.#end] = candle.final ? (candle.firstId === null ? WHOLE : FINAL) : OPEN
      this.#columns.revision[this.#end++] = candle.revision
    }
  }

  /** Keeps the revisions of final candles that end after `until`. */
  #forget(until: number): void {
    const { time, final, revision } = this.#columns
    for (let row = this.#end - 1; row >= this.#start && this.#endOf(time[row]!) > until; row--) {
      if (final[row] !== OPEN) this.#told.forget(time[row]!, revision[row]!)
    }
  }

  #isOver(start: number): boolean {
    return this.#told.isOver(start, this.#endOf(start))
  }

  #endOf(start: number): number {
    return this.#calendar.endOf(this.timeframe, start)
  }

  /** Begins a candle. Where its bucket is over it is a revision: of the one that was told, or of the close before it. */
  #startRow(row: number, start: number, piece: Piece): void {
    startRow(this.#columns, row, start, piece)
    if (!this.#isOver(start)) return
    const carried = row > this.#start ? this.#columns.revision[row - 1]! : 0
    this.#columns.final[row] = FINAL
    this.#columns.revision[row] = 1 + Math.max(carried, this.#told.recall(start))
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
      this.#startRow(at, start, piece)
      if (this.#columns.final[at + 1] !== OPEN) this.#columns.final[at] = FINAL
    }
  }

  #rows(from: number): Candle[] {
    return Array.from({ length: this.#end - from }, (_, offset) => readRow(this.#columns, from + offset))
  }

  #rowAtOrAfter(time: number): number {
    return rowAtOrAfter(this.#columns, this.#start, this.#end, time)
  }

  /**
   * Makes sure that row `end` exists and that at most `capacity` rows stay once it is taken. A catch-up folds more buckets
   * than that before anybody takes them: what leaves is to be stored all the same.
   */
  #makeRoom(): void {
    while (this.length >= this.#capacity) this.#leave(this.#start++)
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
