import { SERVICE_STATES, type ServiceState } from '../base/service-state.ts'
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
  readonly memory: Pick<MemoryTier, 'streams' | 'awaited' | 'heardAt'>
  /** By the feed's name. */
  readonly feeds: ReadonlyMap<string, FeedFigures>
  /** By the feed's name too: of those that are off as well. */
  readonly statuses: { readonly feeds: ReadonlyMap<string, FeedHealth> }
}

export interface FeedHealth {
  readonly state: ServiceState
  readonly restarts: number
}

/** What the sources bring, a series a feed; and the streams that it becomes, never a series a symbol. */
export function feedMetrics({ memory, feeds, statuses }: FeedMetricsParts): readonly Metric[] {
  const byFeed = (read: (figures: FeedFigures) => number) => () =>
    [...feeds].map(([feed, figures]): [Labels, number] => [{ feed }, read(figures)])
  return [
    gauge(
      'tickgate_feed_state',
      '1 for the state that a feed is in: `connecting`, `live`, `stale` (not heard), `down` (tried again), `off`.',
      () => feedStates(statuses.feeds),
      ['feed', 'state'],
    ),
    counter(
      'tickgate_feed_restarts_total',
      'How often the source was lost.',
      () => [...statuses.feeds].map(([feed, { restarts }]): [Labels, number] => [{ feed }, restarts]),
      ['feed'],
    ),
    gauge(
      'tickgate_feed_last_heard_timestamp_seconds',
      'When the source was there last, with news or without, Unix time.',
      () => lastHeard(memory, feeds.keys()),
      ['feed'],
    ),
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

function feedStates(feeds: ReadonlyMap<string, FeedHealth>): readonly [Labels, number][] {
  return [...feeds].flatMap(([feed, { state: now }]) =>
    SERVICE_STATES.map((state): [Labels, number] => [{ feed, state }, state === now ? 1 : 0]),
  )
}

function lastHeard(memory: FeedMetricsParts['memory'], feeds: Iterable<string>): readonly [Labels, number][] {
  return [...feeds].flatMap((feed): [Labels, number][] => {
    const ms = memory.heardAt(feed)
    return ms === undefined ? [] : [[{ feed }, ms / 1_000]]
  })
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
