import { type Instrument, streamName } from '../../market/instrument.ts'
import type { Cursor } from '../../market/tick.ts'
import type { Gap } from '../database/database.ts'
import type { Names } from './segment-names.ts'
import type { SpoolLog } from './spool-files.ts'
import type { StreamRuns } from './tick-index.ts'
import type { Run } from './tick-runs.ts'

export const SPOOL_DAMAGED = 'spool damaged'

/** Tells which ids were in damaged bytes, where the frames around them say it: by the chain of `prev`. */
export class LossWatch {
  readonly lost: Gap[] = []
  readonly #log: SpoolLog
  readonly #newest = new Map<string, { readonly id: Cursor; readonly losses: number }>()
  #losses = 0

  constructor(log: SpoolLog) {
    this.#log = log
  }

  /** Something was lost here. */
  lose(): void {
    this.#losses += 1
  }

  /** The next good frame. */
  see(found: readonly StreamRuns[], names: Names): void {
    for (const { stream, runs } of found) {
      for (const run of runs) this.#see(stream, run, names)
    }
  }

  #see(stream: string, run: Run, names: Names): void {
    const before = this.#newest.get(stream)
    const newest = Math.max(before?.id ?? -1, run.to)
    const isSure = (before?.losses ?? 0) === this.#losses
    this.#newest.set(stream, { id: newest, losses: this.#losses })
    if (isSure || (before !== undefined && run.from <= before.id + 1)) return
    const to = run.prev ?? run.from - 1
    if (before === undefined) {
      // What came before is in the database, up to an id that is not known here.
      this.#log.warn({ stream, to }, 'spool: ticks up to this id may be lost')
    } else if (to > before.id) {
      const instrument = names.find((name) => name !== undefined && streamName(name) === stream) as Instrument
      this.lost.push({ instrument, from: before.id + 1, to, status: 'open', reason: SPOOL_DAMAGED })
    }
  }
}
