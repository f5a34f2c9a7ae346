import type { BackoffBounds } from '../../base/backoff.ts'
import { GatewayError } from '../../base/errors.ts'
import { createGate } from '../../base/gate.ts'
import type { Log } from '../../base/log.ts'
import type { Feed, FeedEvents } from '../../feed.ts'
import { ingestStoredFirst } from '../../ingest.ts'
import type { Instrument } from '../../market/instrument.ts'
import type { MarketState } from '../../market/market-state.ts'
import type { Tick, Update } from '../../market/tick.ts'
import { TIMEFRAMES } from '../../market/timeframe.ts'
import { type FeedStatus, supervise } from '../../supervise.ts'
import type { CandleRow, Database } from '../../tiers/database/database.ts'
import { MEMORY_BOUNDS, type MemoryTier } from '../../tiers/memory/memory.ts'
import { InstrumentList } from '../list-instruments.ts'
import { type OpenStreamPorts, type ReadWaiting, StreamOpener } from '../open-stream.ts'
import { silenceOf } from '../silence-of.ts'
import { CandleTurns } from './candle-turns.ts'
import { createPast } from './past.ts'
import { type Placed, PolledPlaces } from './place.ts'
import { type StoreFirstPorts, storeFirst } from './store-first.ts'

export interface PolledRunPorts {
  readonly memory: MemoryTier
  readonly database: Database
  readonly waiting?: ReadWaiting
  /** Each tick in its place, in id order, when it is durable (see ingest.ts). */
  readonly deliver: (update: Update) => void
  /** A tick with an id that the stream has passed: it is stored, and not for the stream. */
  readonly onLate: (instrument: Instrument, update: Update) => void
  readonly storeCandle: (row: CandleRow) => void
  /** The candles of this symbol that hold `time` are others now. */
  readonly onRevised: (symbol: string, time: number) => void
  /** What the source says of a market, with every poll. */
  readonly onState: (symbol: string, state: MarketState) => void
  readonly onStatus: (status: FeedStatus) => void
  readonly onDouble: (tick: Tick) => void
  readonly onSkipped: (error: GatewayError) => void
  /** Between two attempts to reach the source. */
  readonly backoff?: BackoffBounds
  /** Between two tries to store, or to read what is stored. */
  readonly retry?: BackoffBounds
  readonly log: Log
  readonly now: () => number
}

/** Ticks that are stored at once: a series' whole past comes in one poll. */
const STORED_AT_ONCE = 1_000
const WARM_UP_CANDLES = 100_000
const LEAST_CANDLES = 100
const MOST_CANDLES = MEMORY_BOUNDS.candles
const BACKOFF: BackoffBounds = { firstMs: 250, maxMs: 30_000 }
const RETRY: BackoffBounds = { firstMs: 100, maxMs: 1_000 }

/** One polled feed in the gateway: what is stored is read back, and what polls bring is stored before anybody sees it. */
export class PolledRun {
  /** The source has answered, and every stream stands where its next tick follows; or the feed has ended before that. */
  readonly warm: Promise<void>
  /** Settles when the feed has ended: after an abort, or because the source refused. */
  readonly ended: Promise<void>
  readonly #feed: Feed
  readonly #ports: PolledRunPorts
  readonly #places: PolledPlaces
  readonly #list: InstrumentList
  readonly #candles: CandleTurns
  readonly #storing: StoreFirstPorts
  readonly #signal: AbortSignal
  #isConnected = false
  #isHeldUp = false

  constructor(feed: Feed, ports: PolledRunPorts, signal: AbortSignal) {
    const { onStatus, onDouble, backoff = BACKOFF, retry = RETRY, memory, log, now } = ports
    const { ids } = feed
    if (ids === 'contiguous') throw new GatewayError('internal', `${feed.name} must be polled, can be refilled`)
    this.#feed = feed
    this.#ports = ports
    this.#signal = signal
    for (const { symbol } of feed.symbols) memory.await(symbol)
    const onUnplaceable = (_: Tick, reason: string) => ports.onSkipped(new GatewayError('feed_payload', reason))
    this.#places = new PolledPlaces({ memory, ids, onDouble, onUnplaceable })
    this.#storing = {
      ...ports,
      retry,
      onHeldUp: (is) => this.#holdUp(is),
      onRefused: (update) => this.#refused(update),
    }
    const depth = Math.floor(WARM_UP_CANDLES / (TIMEFRAMES.length * Math.max(1, feed.symbols.length)))
    const opening: OpenStreamPorts = {
      ...{ ...ports, retry, feed, depth: Math.max(LEAST_CANDLES, Math.min(MOST_CANDLES, depth)) },
      hasBegun: ({ cursor }) => cursor !== null,
      // What waits was placed above all that is stored. A series is more than its newest ticks: all of it is read.
      mayGoOn: (left) => ids === 'rising' && left !== undefined,
      // Ids that rise in steps have no holes that could be told.
      storeGap: () => {},
      onUntold: () => {},
      onRecalled: (_, { candles }) => candles.forEach(ports.storeCandle),
    }
    const opener = new StreamOpener(opening, signal)
    this.#candles = new CandleTurns({ ...ports, feed, depth: opening.depth, depthMax: MOST_CANDLES, backoff }, signal)
    const open = async (instrument: Instrument, connection: AbortSignal) => {
      const stream = await opener.open(instrument, connection)
      if (stream === undefined) return
      stream.comesWithinMs = feed.heardEveryMs ?? 0
      if (!stream.warm) this.#candles.missed(stream)
    }
    this.#list = new InstrumentList({ ...ports, feed, open, backoff })
    const warm = createGate()
    this.warm = warm.opened
    const attempt = (connected: () => void, connection: AbortSignal) => this.#attempt(connected, warm.open, connection)
    const supervising = { onStatus, backoff, silence: silenceOf(feed, memory), log, now }
    this.ended = supervise(feed.name, attempt, supervising, signal)
      .finally(() => Promise.all([opener.settled(), this.#candles.settled()]))
      .finally(warm.open)
  }

  /** What was polled is stored first: nothing leaves before, and the source has nothing to fetch again. */
  refill(): void {}

  async #attempt(connected: () => void, warm: () => void, connection: AbortSignal): Promise<void> {
    await this.#list.openStored(connection)
    if (connection.aborted) return
    const instruments = await this.#list.ask(connection)
    const heard = (time?: number) => this.#ports.memory.heard(this.#feed.name, this.#ports.now(), time)
    const events: FeedEvents = {
      connected: () => {
        heard()
        this.#connect(true)
        connected()
        void this.#candles.connect().then(warm)
      },
      heard: (time) => {
        heard(time)
        this.#candles.look()
      },
      missing: () => this.#disconnect(),
      state: (symbol, state) => {
        this.#candles.changed(symbol, this.#ports.memory.stream(symbol)?.market, state)
        this.#ports.onState(symbol, state)
      },
      past: createPast(this.#ports),
    }
    const receive = (signal: AbortSignal) =>
      ingestStoredFirst(
        this.#feed,
        instruments,
        {
          place: (ticks) => this.#places.place(ticks, STORED_AT_ONCE),
          // What may be written already must be published, whoever is connected then: only a stop ends the wait.
          store: (placed) => storeFirst(placed, this.#storing, this.#signal),
          deliver: (placed) => this.#deliver(placed),
          skipped: this.#ports.onSkipped,
        },
        events,
        signal,
      )
    try {
      await this.#list.whileConfirmed(instruments, receive, connection)
    } finally {
      this.#disconnect()
    }
  }

  #deliver({ instrument, update, isLate }: Placed): void {
    const { memory, deliver, onLate } = this.#ports
    // The one before it may have been refused.
    const prev = memory.stream(update.symbol)?.cursor ?? null
    if (isLate) onLate(instrument, update)
    else deliver(prev === update.prev ? update : { ...update, prev })
  }

  #refused({ symbol, id }: Update): void {
    this.#ports.onSkipped(new GatewayError('row_refused', `tick ${id} of ${symbol} must be stored first, was refused`))
  }

  #holdUp(isHeldUp: boolean): void {
    this.#isHeldUp = isHeldUp
    this.#tellLive()
  }

  #connect(isConnected: boolean): void {
    this.#isConnected = isConnected
    this.#tellLive()
  }

  #disconnect(): void {
    this.#candles.disconnect()
    this.#connect(false)
  }

  #tellLive(): void {
    const { memory } = this.#ports
    const isLive = this.#isConnected && !this.#isHeldUp
    for (const { symbol } of this.#feed.symbols) {
      const stream = memory.stream(symbol)
      if (stream?.instrument.source !== this.#feed.name) continue
      stream.live = isLive
      stream.whole = isLive
    }
  }
}
