import type { Batch } from './database.ts'

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
