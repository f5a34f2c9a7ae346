import type { DatabaseWriterStats } from '../tiers/writer/writer-counts.ts'
import { counter, gauge, histogram, type Metric } from './metric.ts'

/** The queue before the database. */
export interface WriterFigures {
  readonly backlog: number
  readonly stats: DatabaseWriterStats
}

export function writerMetrics(writer: WriterFigures): readonly Metric[] {
  const { stats } = writer
  return [
    gauge('tickgate_writer_queue_rows', 'Rows that wait for the database or are being written.', () => writer.backlog),
    counter('tickgate_writer_rows_total', 'Rows committed.', () => stats.written),
    counter('tickgate_writer_failures_total', 'Batches that failed and were tried again.', () => stats.failures),
    counter('tickgate_writer_dropped_ticks_total', "Ticks that left at the queue's bound.", () => stats.dropped),
    counter(
      'tickgate_writer_dropped_candles_total',
      "1s candles that left at the queue's bound.",
      () => stats.droppedCandles,
    ),
    histogram('tickgate_writer_batch_rows', 'Rows of each committed batch.', () => stats.batchRows),
    histogram('tickgate_writer_flush_duration_seconds', 'How long each commit took.', () => stats.flushSeconds),
  ]
}
