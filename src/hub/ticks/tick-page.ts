import type { Cursor, Update } from '../../market/tick.ts'
import { encodeTickRow } from '../../wire/encode.ts'
import type { TierName } from '../../wire/messages.ts'
import { RowText } from '../row-text.ts'
import type { StreamGap } from '../source.ts'

/**
 * A run of a stream's ticks, and their text as `ws_history` has it, made once for all who get it. It grows at its end;
 * what it has does not change.
 */
export class TickPage {
  readonly tier: TierName
  /** The holes that were known when it was last certain that it lacks nothing else. */
  known: readonly StreamGap[]
  #rows: readonly Update[]
  readonly #text = new RowText(encodeTickRow)

  constructor(rows: readonly Update[], tier: TierName, known: readonly StreamGap[]) {
    this.#rows = rows
    this.tier = tier
    this.known = known
  }

  /** Ascending. */
  get rows(): readonly Update[] {
    return this.#rows
  }

  get last(): Cursor | undefined {
    return this.#rows.at(-1)?.id
  }

  append(rows: readonly Update[]): void {
    this.#rows = [...this.#rows, ...rows]
  }

  /** The index of the first row after `position`. */
  indexAfter(position: Cursor): number {
    let low = 0
    let high = this.#rows.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#rows[middle]!.id <= position) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The rows from index `start` up to, but not at, `end`, with commas between; empty if there are none. */
  text(start: number, end: number): Buffer {
    return this.#text.slice(this.#rows, start, end)
  }
}
