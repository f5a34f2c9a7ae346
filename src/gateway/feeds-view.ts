import type { Clock } from '../base/clock.ts'
import type { Feed } from '../feed.ts'
import type { FeedStatus } from '../supervise.ts'
import type { MemoryTier } from '../tiers/memory/memory.ts'
import type { FeedRow, FeedsAnswer, TierRow } from '../wire/feeds.ts'
import type { FeedTallies } from './feed-side.ts'
import { RecentRates } from './recent-rates.ts'
import type { Statuses } from './statuses.ts'

export interface FeedsViewParts {
  readonly feeds: readonly Pick<Feed, 'name' | 'symbols'>[]
  readonly statuses: Pick<Statuses, 'feeds' | 'rows'>
  /** By the feed's name. */
  readonly tallies: ReadonlyMap<string, FeedTallies>
  readonly memory: Pick<MemoryTier, 'streams'>
  readonly clock: Clock
}

/** What users are told of the feeds and the tiers. */
export interface FeedsView {
  answer(): FeedsAnswer
  close(): void
}

type Newest = Pick<FeedRow, 'lastTick' | 'lag'>

export function createFeedsView({ feeds, statuses, tallies, memory, clock }: FeedsViewParts): FeedsView {
  const counts = () => new Map([...tallies].map(([name, { ticks }]) => [name, ticks]))
  const rates = new RecentRates({ counts, clock })

  function rowOf(status: FeedStatus, newest: ReadonlyMap<string, Newest>): FeedRow {
    const { feed, state, since, reason, restarts } = status
    const brought = tallies.get(feed)
    return {
      ...{ feed, state, since, ...(reason !== undefined && { reason }) },
      symbols: feeds.find(({ name }) => name === feed)?.symbols.map(({ symbol }) => symbol) ?? [],
      ...newest.get(feed),
      ...{ ticksPerSecond: rates.of(feed), restarts, ticks: brought?.ticks ?? 0, gaps: brought?.gaps ?? 0 },
      ...{ skipped: brought?.skipped.total ?? 0, doubles: brought?.doubles.total ?? 0 },
    }
  }

  return {
    answer() {
      const newest = newestOf(memory)
      return {
        feeds: [...statuses.feeds.values()].map((status) => rowOf(status, newest)),
        tiers: statuses.rows().flatMap(({ feed: _, tier, ...row }): TierRow[] => (tier ? [{ tier, ...row }] : [])),
      }
    },
    close: () => rates.close(),
  }
}

/** By source. What was asked for afterwards says nothing of how late its news are. */
function newestOf(memory: FeedsViewParts['memory']): ReadonlyMap<string, Newest> {
  const found = new Map<string, { -readonly [Name in keyof Newest]: Newest[Name] } & { liveAt: number }>()
  for (const { instrument, latest } of memory.streams()) {
    if (latest === undefined) continue
    const { symbol, id, time, received, backfilled } = latest
    const newest = found.get(instrument.source) ?? { liveAt: Number.NEGATIVE_INFINITY }
    found.set(instrument.source, newest)
    if (received > (newest.lastTick?.received ?? Number.NEGATIVE_INFINITY)) {
      newest.lastTick = { symbol, id, time, received }
    }
    if (backfilled || received <= newest.liveAt) continue
    newest.liveAt = received
    newest.lag = received - time
  }
  return new Map([...found].map(([source, { liveAt: _, ...newest }]) => [source, newest]))
}
