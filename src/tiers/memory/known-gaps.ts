import type { Cursor } from '../../market/tick.ts'
import type { Gap } from '../database/database.ts'

/** A hole that the stream went on without. */
export interface KnownGap {
  readonly from: Cursor
  readonly to: Cursor
  readonly status: 'open' | 'unfillable'
  readonly reason: string | undefined
}

type Said = Pick<Gap, 'from' | 'to' | 'status' | 'reason'>

/** Older ones leave: a stream that has been cut so often is told of by the database's table. */
const MOST_GAPS = 10_000

/** The ids that one stream does not hold, as ranges apart from one another: what was said last of an id counts. */
export class KnownGaps {
  #gaps: readonly KnownGap[] = []

  /** Ascending. The same array until the next `say`. */
  all(): readonly KnownGap[] {
    return this.#gaps
  }

  say({ from, to, status, reason }: Said): void {
    const others = this.#gaps.flatMap((gap) => without(gap, from, to))
    const said = status === 'filled' ? [] : [{ from, to, status, reason }]
    this.#gaps = [...others, ...said].sort((a, b) => a.from - b.from).slice(-MOST_GAPS)
  }
}

function without(gap: KnownGap, from: Cursor, to: Cursor): readonly KnownGap[] {
  if (gap.to < from || gap.from > to) return [gap]
  const before = { ...gap, to: from - 1 }
  const after = { ...gap, from: to + 1 }
  return [before, after].filter((rest) => rest.from <= rest.to)
}
