/** What was counted so far. Bounds are upper ones, ascending; `counts` has one more, for what is above them all. */
export interface HistogramCounts {
  readonly bounds: readonly number[]
  /** Of each bucket by itself, not summed up. */
  readonly counts: readonly number[]
  /** Of all values. */
  readonly sum: number
  /** Of values. */
  readonly count: number
}

/**
 * A histogram in fixed buckets: plain numbers that are read when somebody asks, so that an observation costs the search
 * of a bucket. Values are in base units (seconds, bytes, rows), as its readers publish them.
 */
export class Histogram implements HistogramCounts {
  readonly bounds: readonly number[]
  readonly counts: number[]
  sum = 0
  count = 0

  /** @param bounds upper bounds, ascending; a value on a bound belongs to it */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Array<number>(bounds.length + 1).fill(0)
  }

  /** What is not a number is not counted: one would make the sum useless for ever. */
  observe(value: number): void {
    if (Number.isNaN(value)) return
    const { bounds, counts } = this
    let bucket = 0
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1
    counts[bucket] = (counts[bucket] ?? 0) + 1
    this.sum += value
    this.count += 1
  }
}

/** From 1 microsecond to 2.5 s, for reads of the tiers. */
export const READ_SECONDS: readonly number[] = [
  ...[0.000_001, 0.000_005, 0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.0025],
  ...[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5],
]

/** From 1 ms to 10 s, for batches that are written. */
export const WRITE_SECONDS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

/** From one row to the largest batch. */
export const BATCH_ROWS: readonly number[] = [1, 10, 50, 100, 500, 1_000, 5_000, 10_000, 25_000, 50_000]
