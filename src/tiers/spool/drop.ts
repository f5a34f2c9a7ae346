import type { Gap } from '../database/database.ts'
import type { RowTable } from './row-table.ts'
import { addRun, type TickIndex } from './tick-index.ts'
import { isLinked, type Run } from './tick-runs.ts'
import { nameOfStream, type TickSegment } from './tick-segment.ts'

/**
 * The reason of a gap whose ticks have left at the bound. They were on the stream, and are folded into its candles:
 * whoever fetches them again MUST NOT fold them again.
 */
export const SPOOL_FULL = 'spool full'

export interface Drop {
  readonly ticks: number
  /** The ids that leave. */
  readonly told: readonly Gap[]
  /** The rows that say so: one that still waits is made longer, so that a long outage is one row. */
  readonly kept: readonly Gap[]
}

/** What is lost with a segment. */
export function describeDrop(segment: TickSegment, index: TickIndex, table: RowTable): Drop {
  const runsByStream = new Map<string, Run[]>()
  let ticks = 0
  for (const block of index.blocks.filter((each) => each.segment === segment)) {
    ticks += block.ticks
    for (const [stream, runs] of block.runs) {
      const known = runsByStream.get(stream) ?? []
      for (const run of runs) addRun(known, run)
      runsByStream.set(stream, known)
    }
  }
  const told: Gap[] = []
  const kept: Gap[] = []
  for (const [stream, runs] of runsByStream) {
    const instrument = nameOfStream(segment, stream)
    const waiting = table.gaps(stream).filter(({ status, reason }) => status === 'open' && reason === SPOOL_FULL)
    for (const run of runs) {
      const gap: Gap = { instrument, from: run.from, to: run.to, status: 'open', reason: SPOOL_FULL }
      const before = waiting.findIndex(({ from, to }) => isLinked({ from, to, prev: null, count: 0 }, run))
      const grown =
        before < 0 ? gap : { ...gap, from: waiting[before]!.from, to: Math.max(waiting[before]!.to, gap.to) }
      told.push(gap)
      kept.push(grown)
      waiting.splice(before < 0 ? waiting.length : before, 1, grown)
    }
  }
  return { ticks, told, kept }
}
