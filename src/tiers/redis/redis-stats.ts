import { BATCH_ROWS, Histogram, type HistogramCounts, WRITE_SECONDS } from '../../base/histogram.ts'

/** What was asked of Redis since the start. */
export interface RedisStats {
  /** Calls that were answered. */
  readonly answered: number
  /** Those that got no answer in time, a refusal, or a closed connection. */
  readonly failed: number
  /** Those that were not sent: Redis was known to be away. */
  readonly skipped: number
  /** Those that were not sent because too much was on its way already. */
  readonly overflowed: number
  /** How often Redis went away. */
  readonly outages: number
  /** Batches that were written, and the keys in them. */
  readonly batches: number
  readonly keysWritten: number
  /** Keys of each written batch. */
  readonly batchRows: HistogramCounts
  /** How long each written batch took. */
  readonly batchSeconds: HistogramCounts
}

/** Plain numbers, counted by the tier and read by whoever asks. */
export class RedisCounts implements RedisStats {
  answered = 0
  failed = 0
  skipped = 0
  overflowed = 0
  outages = 0
  batches = 0
  keysWritten = 0
  readonly batchRows = new Histogram(BATCH_ROWS)
  readonly batchSeconds = new Histogram(WRITE_SECONDS)

  /** A batch is written. */
  written(keys: number, ms: number): void {
    this.batches += 1
    this.keysWritten += keys
    this.batchRows.observe(keys)
    this.batchSeconds.observe(ms / 1_000)
  }
}
