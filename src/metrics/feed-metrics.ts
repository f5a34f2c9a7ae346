import type { MemoryTier } from '../tiers/memory/memory.ts'
import { counter, gauge, type Labels, type Metric } from './metric.ts'

/** What a feed has brought since the start. */
export interface FeedFigures {
  readonly ticks: number
  readonly gaps: number
  readonly doubles: { readonly total: number }
  readonly skipped: { readonly total: number }
}

export interface FeedMetricsParts {
  readonly memory: Pick<MemoryTier, 'streams' | 'awaited'>
  /** By the feed's name. */
  readonly feeds: ReadonlyMap<string, FeedFigures>
}

/** What the sources bring, a series a feed; and the streams that it becomes, never a series a symbol. */
export function feedMetrics({ memory, feeds }: FeedMetricsParts): readonly Metric[] {
  const byFeed = (read: (figures: FeedFigures) => number) => () =>
    [...feeds].map(([feed, figures]): [Labels, number] => [{ feed }, read(figures)])
  return [
    counter(
      'tickgate_feed_ticks_total',
      'Ticks taken into memory.',
      byFeed(({ ticks }) => ticks),
      ['feed'],
    ),
    counter(
      'tickgate_feed_double_ticks_total',
      'Ticks that a stream had already.',
      byFeed(({ doubles }) => doubles.total),
      ['feed'],
    ),
    counter(
      'tickgate_feed_skipped_messages_total',
      'Messages that could not be read.',
      byFeed(({ skipped }) => skipped.total),
      ['feed'],
    ),
    counter(
      'tickgate_feed_gaps_total',
      'Holes that a stream went on without, when they were told.',
      byFeed(({ gaps }) => gaps),
      ['feed'],
    ),
    gauge(
      'tickgate_feed_last_tick_timestamp_seconds',
      'When the newest tick was received, Unix time.',
      () => lastReceived(memory),
      ['feed'],
    ),
    gauge('tickgate_streams', 'Instruments by what their stream does.', () => countStreams(memory), ['state']),
    gauge('tickgate_stream_gaps', 'Holes that streams have now, by what is known of them.', () => countGaps(memory), [
      'status',
    ]),
    gauge('tickgate_memory_ticks', 'Ticks in memory, for resume or not stored yet.', () => {
      let ticks = 0
      for (const stream of memory.streams()) ticks += stream.tailSize
      return ticks
    }),
  ]
}

function lastReceived(memory: FeedMetricsParts['memory']): readonly [Labels, number][] {
  const newest = new Map<string, number>()
  for (const { instrument, latest } of memory.streams()) {
    const { source } = instrument
    if (latest !== undefined) newest.set(source, Math.max(latest.received, newest.get(source) ?? 0))
  }
  return [...newest].map(([feed, ms]) => [{ feed }, ms / 1_000])
}

/** `live`, `waiting` for missed ticks, `over` (nothing follows), `awaited` (the source has not answered yet). */
function countStreams(memory: FeedMetricsParts['memory']): readonly [Labels, number][] {
  const counts = { live: 0, waiting: 0, over: 0, awaited: memory.awaited().length }
  for (const { over, live } of memory.streams()) counts[over ? 'over' : live ? 'live' : 'waiting'] += 1
  return Object.entries(counts).map(([state, count]) => [{ state }, count])
}

function countGaps(memory: FeedMetricsParts['memory']): readonly [Labels, number][] {
  const counts = { open: 0, unfillable: 0 }
  for (const stream of memory.streams()) for (const { status } of stream.gaps()) counts[status] += 1
  return Object.entries(counts).map(([status, count]) => [{ status }, count])
}
