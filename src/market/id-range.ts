import type { Cursor } from './tick.ts'

/** Ids of one stream; bounds are inclusive. */
export interface IdRange {
  readonly from: Cursor
  readonly to: Cursor
}

/** What is left of a range without the others, ascending. */
export function without(range: IdRange, others: readonly IdRange[]): readonly IdRange[] {
  const rest: IdRange[] = []
  let next = range.from
  for (const { from, to } of [...others].sort((a, b) => a.from - b.from)) {
    if (to < next || from > range.to) continue
    if (from > next) rest.push({ from: next, to: from - 1 })
    next = to + 1
  }
  if (next <= range.to) rest.push({ from: next, to: range.to })
  return rest
}

/** What is in both; undefined: nothing. */
export function overlap(a: IdRange, b: IdRange): IdRange | undefined {
  const from = Math.max(a.from, b.from)
  const to = Math.min(a.to, b.to)
  return from <= to ? { from, to } : undefined
}

/** `trades 7 to 9 (3)`, `trade 7`. */
export function describeIds({ from, to }: IdRange): string {
  return from === to ? `trade ${from}` : `trades ${from} to ${to} (${to - from + 1})`
}
