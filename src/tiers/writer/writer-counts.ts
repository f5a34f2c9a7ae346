import { BATCH_ROWS, Histogram, type HistogramCounts, WRITE_SECONDS } from '../../base/histogram.ts'

/** What the writer has done since its start. */
export interface DatabaseWriterStats {
  /** Rows committed. */
  readonly written: number
  readonly batches: number
  /** How long the last commit took. */
  readonly lastFlushMs: number
  /** Writes that failed and were tried again. */
  readonly failures: number
  /** Ticks that left at the bound. */
  readonly dropped: number
  /** 1s candles that left at theirs. */
  readonly droppedCandles: number
  /** Rows of each committed batch. */
  readonly batchRows: HistogramCounts
  /** How long each commit took, with the time that it was in line for the database. */
  readonly flushSeconds: HistogramCounts
}

/** Plain numbers, counted by the writer and read by whoever asks. */
export class WriterCounts implements DatabaseWriterStats {
  written = 0
  batches = 0
  lastFlushMs = 0
  failures = 0
  dropped = 0
  droppedCandles = 0
  readonly batchRows = new Histogram(BATCH_ROWS)
  readonly flushSeconds = new Histogram(WRITE_SECONDS)

  /** A batch is committed. */
  committed(rows: number, flushMs: number): void {
    this.written += rows
    this.batches += 1
    this.lastFlushMs = flushMs
    this.batchRows.observe(rows)
    // The clock may have been set back meanwhile.
    this.flushSeconds.observe(Math.max(0, flushMs) / 1_000)
  }
}
