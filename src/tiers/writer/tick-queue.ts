import type { Instrument } from '../../market/instrument.ts'
import type { Cursor } from '../../market/tick.ts'
import type { Batch } from '../database/database.ts'

export type QueuedTick = Batch['ticks'][number]

/**
 * Taken rows are cut off the array when they are this many, and no fewer than those that stay and are copied then: a row
 * is copied once on the average, however many wait.
 */
const CUT_AT = 16_384

/** First in, first out, with a count of all that ever came and went. Adding costs an array's push. */
export class TickQueue {
  #rows: QueuedTick[] = []
  #head = 0
  #cut = 0

  get size(): number {
    return this.#rows.length - this.#head
  }

  /** Rows ever added. */
  get added(): number {
    return this.#cut + this.#rows.length
  }

  /** Rows ever taken. */
  get taken(): number {
    return this.#cut + this.#head
  }

  push(row: QueuedTick): void {
    this.#rows.push(row)
  }

  /** Removes and returns the oldest `count` rows, or as many as there are. */
  take(count: number): readonly QueuedTick[] {
    const rows = this.#rows.slice(this.#head, this.#head + count)
    this.#head += rows.length
    if (this.#head >= Math.max(CUT_AT, this.size) || this.size === 0) {
      this.#cut += this.#head
      this.#rows = this.#rows.slice(this.#head)
      this.#head = 0
    }
    return rows
  }
}

/** The lowest and the highest id of each instrument. */
export function idBounds(rows: readonly QueuedTick[]): Map<Instrument, { from: Cursor; to: Cursor }> {
  const bounds = new Map<Instrument, { from: Cursor; to: Cursor }>()
  for (const { instrument, update } of rows) {
    const known = bounds.get(instrument)
    if (known) {
      known.from = Math.min(known.from, update.id)
      known.to = Math.max(known.to, update.id)
    } else bounds.set(instrument, { from: update.id, to: update.id })
  }
  return bounds
}
