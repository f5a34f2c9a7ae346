import type { Cursor } from '../../market/tick.ts'
import { idAt, prevAt, RECORD_BYTES, type SectionPlace } from './tick-records.ts'

/** Ticks of one instrument, each linked to the one before it: no id between them is missed by the stream. */
export interface Run {
  readonly from: Cursor
  readonly to: Cursor
  /** Of its first tick. */
  readonly prev: Cursor | null
  readonly count: number
}

/** Late ticks of a source with sparse ids are linked to nothing: past so many runs a section is told as one. */
const MOST_RUNS = 16

/** Whether `next` goes on where `run` ends, or within it. */
export function isLinked(run: Run, next: Pick<Run, 'from' | 'prev'>): boolean {
  if (next.from < run.from) return false
  return next.from <= run.to + 1 || (next.prev !== null && next.prev >= run.from && next.prev <= run.to)
}

export function joinRuns(run: Run, next: Run): Run {
  const first = next.from < run.from ? next : run
  const { from, prev } = first
  return { from, prev, to: Math.max(run.to, next.to), count: run.count + next.count }
}

/** The runs of a section of a frame, in its order. */
export function runsOf(view: DataView, { at, count }: SectionPlace): readonly Run[] {
  const runs: Run[] = []
  let from = -1
  let to = -1
  let prev: Cursor | null = null
  let length = 0
  for (let record = at; record < at + count * RECORD_BYTES; record += RECORD_BYTES) {
    const id = idAt(view, record)
    const before = prevAt(view, record)
    if (length > 0 && id >= to && (id <= to + 1 || before === to)) {
      to = id
      length += 1
      continue
    }
    if (length > 0) runs.push({ from, to, prev, count: length })
    from = id
    to = id
    prev = before
    length = 1
  }
  if (length > 0) runs.push({ from, to, prev, count: length })
  return runs.length > MOST_RUNS ? [runs.reduce(joinRuns)] : runs
}
