import { streamName } from '../../market/instrument.ts'
import type { CandleRow } from '../database/database.ts'

/**
 * The newest row of each bucket, by instrument. What waits of one instrument leaves together: its candles are handed over
 * as of one tick, and half of them in the database without the other half would not agree.
 */
export class CandleQueue {
  /** In the order in which the instruments came; each row under its timeframe and time. */
  readonly #rowsByStream = new Map<string, Map<string, CandleRow>>()
  #size = 0
  #sheddable = 0
  #taken = 0

  /** Rows that wait. */
  get size(): number {
    return this.#size
  }

  /** Instruments ever added; one that is waiting already is not counted again. */
  get added(): number {
    return this.#taken + this.#rowsByStream.size
  }

  /** Instruments ever taken. */
  get taken(): number {
    return this.#taken
  }

  /** Replaces the row that waits for the same bucket, or adds it. */
  set(row: CandleRow): void {
    const stream = streamName(row.instrument)
    let rows = this.#rowsByStream.get(stream)
    if (rows === undefined) {
      rows = new Map()
      this.#rowsByStream.set(stream, rows)
    }
    const key = `${row.timeframe} ${row.candle.time}`
    const before = rows.get(key)
    if (before !== undefined) this.#count(before, -1)
    rows.set(key, row)
    this.#count(row, 1)
  }

  /** Removes and returns all rows of the first instrument, and of others as long as there are not over `count`. */
  take(count: number): readonly CandleRow[] {
    const taken: CandleRow[] = []
    for (const [stream, rows] of this.#rowsByStream) {
      if (taken.length > 0 && taken.length + rows.size > count) break
      for (const row of rows.values()) {
        taken.push(row)
        this.#count(row, -1)
      }
      this.#rowsByStream.delete(stream)
      this.#taken += 1
    }
    return taken
  }

  /**
   * Lets the oldest `count` finished seconds leave, of whichever instruments, and with them those that are as old: they
   * can be made again from ticks or asked of the source. Longer candles never leave. Returns how many have left.
   */
  shed(count: number): number {
    if (this.#sheddable === 0) return 0
    const rows = [...this.#rowsByStream.values()].flatMap((each) => [...each.values()].filter(isSheddable))
    const times = Float64Array.from(rows, ({ candle }) => candle.time).sort()
    const newest = times[Math.min(count, times.length) - 1] ?? 0
    for (const each of this.#rowsByStream.values()) {
      for (const [key, row] of each) {
        if (!isSheddable(row) || row.candle.time > newest) continue
        each.delete(key)
        this.#count(row, -1)
      }
    }
    return rows.length - this.#sheddable
  }

  #count(row: CandleRow, difference: 1 | -1): void {
    this.#size += difference
    if (isSheddable(row)) this.#sheddable += difference
  }
}

function isSheddable({ timeframe, candle }: CandleRow): boolean {
  return timeframe === '1s' && candle.final
}
