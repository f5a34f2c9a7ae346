import { type BackoffBounds, fullJitterMs, pause } from './base/backoff.ts'
import { describeError, type GatewayError, isGatewayError } from './base/errors.ts'
import { createGate } from './base/gate.ts'
import type { Log } from './base/log.ts'
import { catchUp } from './catch-up.ts'
import type { Feed } from './feed.ts'
import { ingest } from './ingest.ts'
import type { Instrument } from './market/instrument.ts'
import { type Hole, Sequencer } from './market/sequencer.ts'
import type { Tick, Update } from './market/tick.ts'
import { type FeedStatus, supervise } from './supervise.ts'
import type { CandleRow, Database } from './tiers/database.ts'
import type { MemoryStream, MemoryTier } from './tiers/memory.ts'
import { restore, warmUp } from './warm-up.ts'

export interface RunFeedPorts {
  readonly memory: MemoryTier
  readonly database: Database
  /** Each tick in its place, in id order (see ingest.ts). */
  readonly deliver: (update: Update) => void
  readonly storeCandle: (row: CandleRow) => void
  readonly onGap: (instrument: Instrument, hole: Hole, reason: string) => void
  readonly onStatus: (status: FeedStatus) => void
  readonly onDouble: (tick: Tick) => void
  readonly onSkipped: (error: GatewayError) => void
  readonly holdBackMs: number
  readonly backfillMax: number
  /** Between attempts to reach the source. */
  readonly backoff?: BackoffBounds
  /** Between two questions for missed trades. */
  readonly retry?: BackoffBounds
  readonly log: Log
  readonly now: () => number
}

/** Candles asked of the source at a start, in all: many instruments get a shorter history each. */
const WARM_UP_CANDLES = 100_000
const AT_ONCE = 4
const BACKOFF: BackoffBounds = { firstMs: 250, maxMs: 30_000 }

/** One feed in the gateway: what is stored is read back, the source is asked what was missed, and live ticks follow. */
export class FeedRun {
  /** Every instrument that the source knows stands where its live ticks join; or the feed has ended before that. */
  readonly warm: Promise<void>
  /** Settles when the feed has ended: after an abort, or because the source refused. */
  readonly ended: Promise<void>
  readonly #feed: Feed
  readonly #ports: RunFeedPorts
  readonly #signal: AbortSignal
  readonly #sequencer: Sequencer
  readonly #depth: number
  readonly #backoff: BackoffBounds
  #instruments: readonly Instrument[] | undefined
  /** Symbols whose streams are being brought up to the source; true: and once more after that. */
  readonly #joining = new Map<string, boolean>()
  readonly #joins = new Set<Promise<void>>()

  constructor(feed: Feed, ports: RunFeedPorts, signal: AbortSignal) {
    this.#feed = feed
    this.#ports = ports
    this.#signal = signal
    this.#depth = Math.max(100, Math.min(1_000, Math.floor(WARM_UP_CANDLES / (9 * Math.max(1, feed.symbols.length)))))
    this.#backoff = ports.backoff ?? BACKOFF
    this.#sequencer = new Sequencer(feed.contiguousIds, {
      pass: ports.deliver,
      onDouble: ports.onDouble,
      onHole: (hole) => this.#onHole(hole),
    })
    const warm = createGate()
    this.warm = warm.opened
    const { onStatus, log, now } = ports
    const attempt = (connected: () => void, connection: AbortSignal) => this.#attempt(connected, warm.open, connection)
    this.ended = this.#openStored()
      .then(() => supervise(feed.name, attempt, { onStatus, backoff: this.#backoff, log, now }, signal))
      .finally(() => Promise.all(this.#joins))
      .finally(warm.open)
  }

  async #attempt(connected: () => void, warm: () => void, connection: AbortSignal): Promise<void> {
    this.#instruments ??= await this.#resolve(connection)
    const instruments = this.#instruments
    const events = {
      connected: () => {
        connected()
        this.#track(this.#joinAll(instruments).then(warm))
      },
    }
    const sequence = this.#sequencer.accept.bind(this.#sequencer)
    await ingest(this.#feed, instruments, { sequence, skipped: this.#ports.onSkipped }, events, connection)
  }

  /** Opens what the database knows of the configured symbols, so that it can be served before the source answers. */
  async #openStored(): Promise<void> {
    const { memory, database } = this.#ports
    const isConfigured = ({ source, symbol, sourceSymbol }: Instrument) =>
      source === this.#feed.name &&
      this.#feed.symbols.some((each) => each.symbol === symbol && each.sourceSymbol === sourceSymbol)
    const stored = (await database.instruments()).filter(isConfigured)
    await database.register(stored)
    for (const instrument of stored) await restore(memory.open(instrument), database, this.#depth)
  }

  /** Asks the source for its instruments, makes them known, and says which symbols it refused. */
  async #resolve(signal: AbortSignal): Promise<readonly Instrument[]> {
    const { memory, database, log } = this.#ports
    const { instruments, refused } = await this.#feed.resolve(signal)
    for (const { symbol, reason } of refused) log.error({ feed: this.#feed.name, symbol, reason }, 'symbol refused')
    await database.register(instruments)
    for (const instrument of instruments) {
      const stream = memory.open(instrument)
      if (stream.cursor === null) await restore(stream, database, this.#depth)
    }
    return instruments
  }

  /** Joins every stream to its source, a few at a time: after a connect, any of them may have missed trades. */
  async #joinAll(instruments: readonly Instrument[]): Promise<void> {
    for (const { symbol } of instruments) this.#sequencer.hold(symbol)
    const waiting = [...instruments]
    const worker = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await this.#join(next)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  }

  #onHole(hole: Hole): void {
    const stream = this.#ports.memory.stream(hole.symbol)
    // Whoever is joining this stream meets the hole by itself.
    if (stream === undefined || this.#joining.has(hole.symbol)) return
    this.#ports.log.warn({ feed: this.#feed.name, ...hole }, 'the stream has a hole')
    this.#track(this.#join(stream.instrument))
  }

  /** Brings one stream up to what its source has: one at a time per stream, and once more if asked meanwhile. */
  async #join(instrument: Instrument): Promise<void> {
    const { symbol } = instrument
    const stream = this.#ports.memory.stream(symbol)
    if (stream === undefined) return
    if (this.#joining.has(symbol)) {
      this.#joining.set(symbol, true)
      return
    }
    stream.live = false
    do {
      this.#joining.set(symbol, false)
      await this.#joinOnce(stream)
    } while (this.#joining.get(symbol) && !this.#signal.aborted)
    this.#joining.delete(symbol)
  }

  async #joinOnce(stream: MemoryStream): Promise<void> {
    const [feed, sequencer, { log }] = [this.#feed, this.#sequencer, this.#ports]
    const { instrument } = stream
    const onLive = () => {
      stream.live = true
    }
    const shared = { ...this.#ports, feed, sequencer, depth: this.#depth, store: this.#ports.storeCandle, onLive }
    for (let attempt = 0; !this.#signal.aborted; attempt++) {
      try {
        if (!stream.warm) await warmUp(stream, shared, this.#signal)
        return await catchUp(instrument, shared, this.#signal)
      } catch (error) {
        if (!isGatewayError(error, 'feed_broken', 'feed_payload')) throw error
        log.warn({ feed: feed.name, symbol: instrument.symbol, reason: error.message }, 'warm-up failed')
        await pause(fullJitterMs(attempt, this.#backoff), this.#signal)
      }
    }
  }

  /** Keeps a join that nobody awaits from being lost: its failure is logged, and the end waits for it. */
  #track(join: Promise<void>): void {
    const tracked = join
      .catch((error) =>
        this.#ports.log.error({ feed: this.#feed.name, reason: describeError(error) }, 'joining failed'),
      )
      .finally(() => this.#joins.delete(tracked))
    this.#joins.add(tracked)
  }
}
