import { releaseOf } from './calendar.ts'
import { centralDay } from './central-time.ts'
import { createEstimates, type PublishedValue } from './estimate.ts'
import type { SeriesSpec } from './series-spec.ts'

/** What a series says of a period from a vintage on. */
export interface LedgerRow extends PublishedValue {
  /** `YYYY-MM-DD` */
  readonly vintage: string
  /** When it was published (Unix ms). */
  readonly releasedAt: number
}

/** Everything that a series has published so far. */
export interface Ledger {
  readonly spec: SeriesSpec
  /** Publishes what is due by `time` (Unix ms). */
  advance(time: number): void
  /** Publishes by hand. A row without a vintage is of `time`'s day. A vintage of a day that has one already is replaced. */
  publish(values: readonly HandPublished[], time: number, lastUpdated?: number): void
  /** Of each period its vintages, oldest first. Periods in order. */
  periods(): readonly (readonly LedgerRow[])[]
  /** The days on which it published, in order. */
  vintageDates(): readonly string[]
  /** Unix ms. */
  readonly lastUpdated: number
}

export interface HandPublished extends PublishedValue {
  readonly vintage?: string | undefined
}

export function createLedger(spec: SeriesSpec, seed: number): Ledger {
  const valuesOf = createEstimates(spec, seed)
  const rowsByPeriod = new Map<string, LedgerRow[]>()
  const dates = new Set<string>()
  let nextRelease = 0
  let lastUpdated = 0

  const publish = (row: LedgerRow) => {
    const rows = rowsByPeriod.get(row.period) ?? []
    rowsByPeriod.set(row.period, rows)
    const same = rows.findIndex(({ vintage }) => vintage === row.vintage)
    if (same >= 0) rows.splice(same, 1)
    const at = rows.findLastIndex(({ vintage }) => vintage < row.vintage) + 1
    // A value that goes on being true is no vintage.
    if (rows[at - 1]?.value !== row.value) rows.splice(at, 0, row)
    dates.add(row.vintage)
  }
  return {
    spec,
    advance(time) {
      for (;;) {
        const release = releaseOf(spec, seed, nextRelease)
        if (release.time > time) return
        for (const value of valuesOf(release)) publish({ ...value, vintage: release.vintage, releasedAt: release.time })
        lastUpdated = release.time
        nextRelease += 1
      }
    },
    publish(values, time, updated = time) {
      const today = centralDay(time)
      for (const { vintage = today, ...value } of values) publish({ ...value, vintage, releasedAt: time })
      lastUpdated = updated
    },
    periods: () => [...rowsByPeriod.keys()].sort().map((period) => rowsByPeriod.get(period)!.slice()),
    vintageDates: () => [...dates].sort(),
    get lastUpdated() {
      return lastUpdated
    },
  }
}
