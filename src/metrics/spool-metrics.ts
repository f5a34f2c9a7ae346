import type { SpoolStats } from '../tiers/spool/spool.ts'
import { counter, gauge, type Metric } from './metric.ts'

/** What is kept beside the database: both are looked at when they are asked for. */
export interface SpoolFigures {
  /** Unset: the database needs none. */
  readonly spool?: { readonly stats: SpoolStats } | undefined
  readonly deadLetters?: number
}

export function spoolMetrics(kept: SpoolFigures): readonly Metric[] {
  const of = (read: (stats: SpoolStats) => number) => () => (kept.spool === undefined ? 0 : read(kept.spool.stats))
  return [
    gauge(
      'tickgate_spool_bytes',
      'What waits on disk while the database is away.',
      of(({ bytes }) => bytes),
    ),
    gauge(
      'tickgate_spool_ticks',
      'Ticks that wait there.',
      of(({ ticks }) => ticks),
    ),
    gauge(
      'tickgate_spool_candles',
      'Candles that wait there.',
      of(({ candles }) => candles),
    ),
    counter(
      'tickgate_spool_dropped_ticks_total',
      'Ticks that left it at its bound.',
      of(({ dropped }) => dropped),
    ),
    counter(
      'tickgate_spool_dropped_candles_total',
      '1s candles that left it at theirs.',
      of(({ droppedCandles }) => droppedCandles),
    ),
    counter(
      'tickgate_dead_letters_total',
      'Rows that the database refused, written down in a file.',
      () => kept.deadLetters ?? 0,
    ),
  ]
}
