import { isGatewayError } from '../../src/base/errors.ts'
import type { Feed, FeedEvents, FeedPast } from '../../src/feed.ts'
import type { Observation } from '../../src/market/observation.ts'
import type { Tick } from '../../src/market/tick.ts'

/** What a gateway keeps of a polled source of observations: all that was yielded, in order, and what is stored of it. */
export interface ObservationStore {
  readonly past: FeedPast
  /** Every tick that was stored, in the order in which it came. */
  readonly ticks: readonly Tick[]
  /** Messages of `feed_payload`. */
  readonly skipped: readonly string[]
  of(symbol: string): readonly Tick[]
  /**
   * Stores what the feed yields until the signal aborts or it throws; `dieAfter` ticks it throws itself, in the middle of
   * a batch, as a process that is killed.
   */
  follow(feed: Feed, told: FollowPorts, signal: AbortSignal): Promise<void>
}

export interface FollowPorts {
  readonly connected?: () => void
  readonly heard?: () => void
  readonly dieAfter?: number | undefined
  /** The gateway does not say what it has. */
  readonly withoutPast?: boolean
}

export function createObservationStore(): ObservationStore {
  const ticks: Tick[] = []
  const skipped: string[] = []
  const of = (symbol: string) => ticks.filter((tick) => tick.symbol === symbol)
  const past: FeedPast = {
    newest: (symbol) =>
      of(symbol).reduce<Tick | undefined>((a, b) => (a !== undefined && a.id > b.id ? a : b), undefined),
    observations: async (symbol) => of(symbol).map(toObservation).toSorted(byPeriod),
  }
  return {
    past,
    ticks,
    skipped,
    of,
    async follow(feed, { connected = () => {}, heard = () => {}, dieAfter, withoutPast }, signal) {
      const { instruments } = await feed.resolve(signal)
      const events: FeedEvents = { connected, heard, ...(withoutPast ? {} : { past }) }
      let left = dieAfter ?? Number.POSITIVE_INFINITY
      for await (const batch of feed.receive(instruments, events, signal)) {
        for (const { raw, received } of batch) {
          if (left-- <= 0) throw new Error('killed')
          ticks.push(...read(feed, raw, received, skipped))
        }
      }
    },
  }
}

function read(feed: Feed, raw: unknown, received: number, skipped: string[]): readonly Tick[] {
  try {
    return feed.normalize(raw, received)
  } catch (error) {
    if (!isGatewayError(error, 'feed_payload')) throw error
    skipped.push(error.message)
    return []
  }
}

function toObservation({ id, period = '', vintage = '', price, time }: Tick): Observation {
  return { id, period, vintage, value: price, knownAt: time }
}

function byPeriod(a: Observation, b: Observation): number {
  return a.period < b.period ? -1 : a.period > b.period ? 1 : a.vintage < b.vintage ? -1 : a.id - b.id
}
