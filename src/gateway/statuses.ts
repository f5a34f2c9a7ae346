import type { Clock } from '../base/clock.ts'
import type { ServiceState } from '../base/service-state.ts'
import type { FeedStatus } from '../supervise.ts'
import type { DatabaseStatus } from '../tiers/database/database-status.ts'
import type { RedisStatus } from '../tiers/redis/redis-tier.ts'
import type { StatusRow } from '../wire/messages.ts'

/** What is looked at now and then: their status is another object after each change. */
export interface StatusTiers {
  readonly redis: { readonly status: RedisStatus }
  readonly database: {
    readonly status: DatabaseStatus
    readonly spool?: { readonly stats: { readonly ticks: number; readonly candles: number } } | undefined
  }
}

export interface StatusesOptions {
  /** Feeds that are not run, and how each is switched on. */
  readonly off: readonly { readonly feed: string; readonly reason: string }[]
  readonly tiers: StatusTiers
  /** Told of every change. */
  readonly onChange: (row: StatusRow) => void
  /** Unix ms. */
  readonly now: () => number
  readonly clock: Pick<Clock, 'after'>
}

/** So late a tier's change is told, at most. */
const LOOK_EVERY_MS = 500
const DRAINING = 'what was received while it was away is still being stored'

/** How every feed and tier is: feeds say so themselves, tiers are looked at. */
export class Statuses {
  readonly #options: StatusesOptions
  readonly #startedAt: number
  readonly #feeds = new Map<string, FeedStatus>()
  readonly #tiers = new Map<string, StatusRow>()
  #cancel: () => void

  constructor(options: StatusesOptions) {
    this.#options = options
    this.#startedAt = options.now()
    for (const { feed, reason } of options.off) {
      this.#feeds.set(feed, { feed, state: 'off', since: this.#startedAt, reason, restarts: 0 })
    }
    this.look()
    this.#cancel = options.clock.after(LOOK_EVERY_MS, this.#lookAgain)
  }

  /** The feeds, then the tiers. */
  rows(): readonly StatusRow[] {
    return [...[...this.#feeds.values()].map(toRow), ...this.#tiers.values()]
  }

  /** By the feed's name. */
  get feeds(): ReadonlyMap<string, FeedStatus> {
    return this.#feeds
  }

  /** A feed's status has changed. */
  feed(status: FeedStatus): void {
    const before = this.#feeds.get(status.feed)
    this.#feeds.set(status.feed, status)
    // That it was started once more is no change of how it is.
    if (before?.state === status.state && before.reason === status.reason) return
    this.#options.onChange(toRow(status))
  }

  /** Looks once at every tier. Runs by itself. */
  look(): void {
    const { redis, database } = this.#options.tiers
    this.#say('database', ofDatabase(database))
    this.#say('redis', ofRedis(redis.status))
  }

  close(): void {
    this.#cancel()
  }

  readonly #lookAgain = (): void => {
    this.look()
    this.#cancel = this.#options.clock.after(LOOK_EVERY_MS, this.#lookAgain)
  }

  #say(tier: string, { state, since, reason }: TierNews): void {
    const before = this.#tiers.get(tier)
    if (before?.state === state && before.reason === reason) return
    const began = before === undefined ? this.#startedAt : this.#options.now()
    const row = {
      ...{ tier, state, since: since ?? (before?.state === state ? before.since : began) },
      ...(reason !== undefined && { reason }),
    }
    this.#tiers.set(tier, row)
    if (before !== undefined) this.#options.onChange(row)
  }
}

interface TierNews {
  readonly state: ServiceState
  /** Undefined: it does not know itself. */
  readonly since?: number | undefined
  readonly reason?: string | undefined
}

function ofDatabase({ status, spool }: StatusTiers['database']): TierNews {
  const { state, since, reason } = status
  if (state !== 'open') return { state: state === 'away' ? 'down' : 'connecting', since, reason }
  const isDraining = spool !== undefined && spool.stats.ticks + spool.stats.candles > 0
  // All that it has is right, but not all is there.
  return isDraining ? { state: 'stale', reason: DRAINING } : { state: 'live' }
}

function ofRedis({ state, since, reason }: RedisStatus): TierNews {
  // Where none is configured there is no moment at which that began.
  return { state, since: state === 'off' ? undefined : since, reason }
}

function toRow({ feed, state, since, reason }: FeedStatus): StatusRow {
  return { feed, state, since, ...(reason !== undefined && { reason }) }
}
