import { type GatewayError, isGatewayError } from './base/errors.ts'
import type { Feed, FeedEvents, Received } from './feed.ts'
import type { Instrument } from './market/instrument.ts'
import type { Tick, Update } from './market/tick.ts'

/** Where ticks go. `main` hands in the sequencer, the tiers and the hub; a test hands in arrays. */
export interface IngestPorts {
  /** Puts the tick in its row: it comes out through `deliver`, in id order, or waits behind a hole, or was a double. */
  readonly sequence: (tick: Tick) => void
  /** A message that could not be read: counted, and the stream goes on. */
  readonly skipped: (error: GatewayError) => void
}

export interface DeliveryPorts {
  /** Memory: the newest value, every candle, the tail. From here on a snapshot holds the tick. */
  readonly remember: (update: Update) => void
  /** The hub: one frame, to everyone who subscribed. */
  readonly publish: (update: Update) => void
  /** The slower tiers' queue, which never makes this path wait. */
  readonly store: (update: Update) => void
}

/**
 * THE PATH OF A TICK, first half: received, normalized, put in a row. Returns when `signal` aborts.
 * @throws GatewayError feed_broken when the source is lost: the supervisor starts anew.
 */
export async function ingest(
  feed: Feed,
  instruments: readonly Instrument[],
  { sequence, skipped }: IngestPorts,
  events: FeedEvents,
  signal: AbortSignal,
): Promise<void> {
  for await (const batch of feed.receive(instruments, events, signal)) {
    readEach(feed, batch, sequence, skipped)
  }
}

export interface StoredFirstPorts<Placed> {
  /** Gives ticks their places, some at a time; what is no news has none. */
  readonly place: (ticks: readonly Tick[]) => Iterable<readonly Placed[]>
  /** Resolves with those that are durable, when they are; until then the source is not asked for more. */
  readonly store: (placed: readonly Placed[]) => Promise<readonly Placed[]>
  /** To memory and to the clients (`createDelivery`), or to those who look at the past. */
  readonly deliver: (placed: Placed) => void
  readonly skipped: (error: GatewayError) => void
}

/**
 * The same path of a polled tick, which its source will not give again: it is stored before anybody sees it, so that
 * what was seen is there after a crash, under the same id. Returns when `signal` aborts.
 * @throws GatewayError feed_broken when the source is lost: the supervisor starts anew.
 */
export async function ingestStoredFirst<Placed>(
  feed: Feed,
  instruments: readonly Instrument[],
  { place, store, deliver, skipped }: StoredFirstPorts<Placed>,
  events: FeedEvents,
  signal: AbortSignal,
): Promise<void> {
  for await (const batch of feed.receive(instruments, events, signal)) {
    const ticks: Tick[] = []
    readEach(feed, batch, (tick) => ticks.push(tick), skipped)
    for (const placed of place(ticks)) {
      for (const durable of await store(placed)) deliver(durable)
    }
  }
}

/** A message that cannot be read costs only itself. */
function readEach<Raw>(
  feed: Feed<Raw>,
  batch: readonly Received<Raw>[],
  take: (tick: Tick) => void,
  skipped: (error: GatewayError) => void,
): void {
  for (const { raw, received } of batch) {
    try {
      for (const tick of feed.normalize(raw, received)) take(tick)
    } catch (error) {
      if (!isGatewayError(error, 'feed_payload')) throw error
      skipped(error)
    }
  }
}

/**
 * THE PATH OF A TICK, second half: in its place, to memory, to the clients, to the slower tiers. Synchronous on
 * purpose: with no `await` in it, no snapshot can fall between memory and the hub.
 */
export function createDelivery({ remember, publish, store }: DeliveryPorts): (update: Update) => void {
  return (update) => {
    remember(update)
    publish(update)
    store(update)
  }
}
