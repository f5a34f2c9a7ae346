/** Counts things that may come by the thousand, and reports them at a bearable pace. */
export interface Tally {
  /** All that were counted. */
  readonly total: number
  /** Counts one; `detail` says of the last one what it was. */
  count(detail: string): void
}

const REPORT_EVERY_MS = 1_000

/** Reports the first at once, and from then on at most every second, with how many there were since the last report. */
export function createTally(report: (count: number, detail: string) => void, now: () => number): Tally {
  let total = 0
  let reported = 0
  let reportedAt = Number.NEGATIVE_INFINITY
  return {
    get total() {
      return total
    },
    count(detail) {
      total++
      if (now() - reportedAt < REPORT_EVERY_MS) return
      report(total - reported, detail)
      reported = total
      reportedAt = now()
    },
  }
}
