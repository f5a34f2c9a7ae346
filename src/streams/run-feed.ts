import type { BackoffBounds } from '../base/backoff.ts'
import { describeError, GatewayError } from '../base/errors.ts'
import { createGate } from '../base/gate.ts'
import type { Log } from '../base/log.ts'
import type { Feed } from '../feed.ts'
import { ingest } from '../ingest.ts'
import type { Instrument } from '../market/instrument.ts'
import { type Hole, Sequencer } from '../market/sequencer.ts'
import type { Tick, Update } from '../market/tick.ts'
import { TIMEFRAMES } from '../market/timeframe.ts'
import { type FeedStatus, supervise } from '../supervise.ts'
import type { CandleRow, Database, Gap } from '../tiers/database.ts'
import type { MemoryTier } from '../tiers/memory.ts'
import { GapFiller } from './fill-gaps.ts'
import { StreamJoins } from './join-streams.ts'
import { restore } from './restore.ts'

export interface RunFeedPorts {
  readonly memory: MemoryTier
  readonly database: Database
  /** Each tick in its place, in id order (see ingest.ts). */
  readonly deliver: (update: Update) => void
  readonly storeCandle: (row: CandleRow) => void
  readonly onGap: (instrument: Instrument, hole: Hole, reason: string) => void
  /** Ticks found late: to the database, not to the stream; told when durable by `stored`. */
  readonly storeLate: (instrument: Instrument, updates: readonly Update[]) => void
  readonly stored: () => Promise<void>
  /** Between two pages of trades that are filled in behind the stream. */
  readonly gapPauseMs?: number
  /** The candles of this symbol that hold `time` were changed by a tick found late. */
  readonly onRevised: (symbol: string, time: number) => void
  /** What became of a gap that was told. */
  readonly onGapSettled: (gap: Gap) => void
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

/** Candles asked of the source at a start, in all, and for each instrument and timeframe at least and at most. */
const WARM_UP_CANDLES = 100_000
const LEAST_CANDLES = 100
const MOST_CANDLES = 1_000
/** Live traffic and the source's budget come first. */
const GAP_PAUSE_MS = 200
const BACKOFF: BackoffBounds = { firstMs: 250, maxMs: 30_000 }
/** Ids that run backwards for this long, by the source's clock, are no late doubles. */
const IDS_RESET_MS = 60_000

/** One feed in the gateway: what is stored is read back, the source is asked what was missed, and live ticks follow. */
export class FeedRun {
  /** Every instrument that the source knows stands where its live ticks join; or the feed has ended before that. */
  readonly warm: Promise<void>
  /** Settles when the feed has ended: after an abort, or because the source refused. */
  readonly ended: Promise<void>
  readonly #feed: Feed
  readonly #ports: RunFeedPorts
  readonly #depth: number
  readonly #sequencer: Sequencer
  readonly #joins: StreamJoins
  readonly #gaps: GapFiller
  /** Symbols whose stored gaps are known. */
  readonly #recalled = new Set<string>()
  #restored = false
  #instruments: readonly Instrument[] | undefined
  #idsReset: GatewayError | undefined

  constructor(feed: Feed, ports: RunFeedPorts, signal: AbortSignal) {
    const { onStatus, backoff = BACKOFF, gapPauseMs: pauseMs = GAP_PAUSE_MS, log, now } = ports
    this.#feed = feed
    this.#ports = ports
    for (const { symbol } of feed.symbols) ports.memory.await(symbol)
    const each = Math.floor(WARM_UP_CANDLES / (TIMEFRAMES.length * Math.max(1, feed.symbols.length)))
    this.#depth = Math.max(LEAST_CANDLES, Math.min(MOST_CANDLES, each))
    this.#sequencer = new Sequencer(feed.contiguousIds, {
      pass: ports.deliver,
      onDouble: (tick) => this.#onDouble(tick),
      onHole: (hole) => this.#onHole(hole),
      onLeftOut: (hole) => this.#onLeftOut(hole),
    })
    this.#gaps = new GapFiller({ ...ports, feed, onSettled: ports.onGapSettled, backoff, pauseMs }, signal)
    this.#joins = new StreamJoins(
      {
        ...ports,
        ...{ feed, sequencer: this.#sequencer, depth: this.#depth, store: ports.storeCandle, backoff },
        onGap: (instrument, hole, reason) => this.#tellGap(instrument, hole, reason),
        onJoined: (instrument) => this.#fillStoredGaps(instrument),
      },
      signal,
    )
    const warm = createGate()
    this.warm = warm.opened
    const attempt = (connected: () => void, connection: AbortSignal) => this.#attempt(connected, warm.open, connection)
    this.ended = supervise(feed.name, attempt, { onStatus, backoff, log, now }, signal)
      .finally(() => Promise.all([this.#joins.settled(), this.#gaps.idle()]))
      .finally(warm.open)
  }

  async #attempt(connected: () => void, warm: () => void, connection: AbortSignal): Promise<void> {
    if (!this.#restored) await this.#openStored(connection)
    if (connection.aborted) return
    this.#restored = true
    this.#instruments ??= await this.#resolve(connection)
    const instruments = this.#instruments
    const events = {
      connected: () => {
        connected()
        void this.#joins.connect(instruments).then(warm)
      },
    }
    this.#idsReset = undefined
    const sequence = (tick: Tick) => {
      this.#sequencer.accept(tick)
      if (this.#idsReset !== undefined) throw this.#idsReset
    }
    try {
      await ingest(this.#feed, instruments, { sequence, skipped: this.#ports.onSkipped }, events, connection)
    } finally {
      this.#joins.disconnect(instruments)
    }
  }

  /** Opens what the database knows of the configured symbols, so that it can be served before the source answers. */
  async #openStored(signal: AbortSignal): Promise<void> {
    const { database } = this.#ports
    const isConfigured = ({ source, symbol, sourceSymbol }: Instrument) =>
      source === this.#feed.name &&
      this.#feed.symbols.some((each) => each.symbol === symbol && each.sourceSymbol === sourceSymbol)
    const stored = (await database.instruments()).filter(isConfigured)
    await database.register(stored)
    for (const instrument of stored) await this.#open(instrument, signal)
  }

  /** Asks the source for its instruments, makes them known, and says which symbols it refused. */
  async #resolve(signal: AbortSignal): Promise<readonly Instrument[]> {
    const { memory, database, log } = this.#ports
    const { instruments, refused } = await this.#feed.resolve(signal)
    for (const { symbol, reason } of refused) log.error({ feed: this.#feed.name, symbol, reason }, 'symbol refused')
    await database.register(instruments)
    for (const instrument of instruments) await this.#open(instrument, signal)
    for (const { symbol } of this.#feed.symbols) memory.answered(symbol)
    return instruments
  }

  /** Serves an instrument from what is stored of it; nobody sees it half read. */
  async #open(instrument: Instrument, signal: AbortSignal): Promise<void> {
    const { memory, database } = this.#ports
    const stream = memory.prepare(instrument)
    if (stream.cursor === null) await restore(stream, database, this.#depth, signal)
    if (!signal.aborted) memory.adopt(stream)
  }

  /** A tick that the stream has is nothing; one with an old id and a new time says that the source began anew. */
  #onDouble(tick: Tick): void {
    this.#ports.onDouble(tick)
    const { symbol, id, time } = tick
    const latest = this.#ports.memory.stream(symbol)?.latest
    if (latest === undefined || time <= latest.time + IDS_RESET_MS) return
    const was = `was ${id} at ${new Date(time).toISOString()}`
    this.#idsReset = new GatewayError('feed_broken', `ids_reset: ids of ${symbol} must rise above ${latest.id}, ${was}`)
  }

  #onHole(hole: Hole): void {
    this.#ports.log.warn({ feed: this.#feed.name, ...hole }, 'the stream has a hole')
    void this.#joins.join(hole.symbol)
  }

  #onLeftOut(hole: Hole): void {
    const stream = this.#ports.memory.stream(hole.symbol)
    if (stream !== undefined) this.#tellGap(stream.instrument, hole, 'the source leaves these ids out')
  }

  /** Tells a hole that the stream goes on without, and has it filled behind. */
  #tellGap(instrument: Instrument, hole: Hole, reason: string): void {
    this.#ports.onGap(instrument, hole, reason)
    this.#gaps.add({ instrument, from: hole.from, to: hole.to, status: 'open', reason })
  }

  /** Gaps that an earlier run left open, once it is known which trades the candles hold; each is taken once. */
  #fillStoredGaps(instrument: Instrument): void {
    const { symbol } = instrument
    if (this.#recalled.has(symbol)) return
    this.#recalled.add(symbol)
    this.#ports.database.gaps(instrument).then(
      (gaps) => {
        for (const gap of gaps) this.#gaps.add(gap)
      },
      (error) => {
        // The next join asks again.
        this.#recalled.delete(symbol)
        this.#ports.log.warn({ symbol, reason: describeError(error) }, 'stored gaps are not known yet')
      },
    )
  }
}
