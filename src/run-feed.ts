import { type BackoffBounds, fullJitterMs, pause } from './base/backoff.ts'
import { describeError, GatewayError, isGatewayError } from './base/errors.ts'
import { createGate } from './base/gate.ts'
import type { Log } from './base/log.ts'
import { createSlots } from './base/slots.ts'
import { catchUp } from './catch-up.ts'
import type { Feed } from './feed.ts'
import { GapFiller } from './fill-gaps.ts'
import { ingest } from './ingest.ts'
import type { Instrument } from './market/instrument.ts'
import { type Hole, Sequencer } from './market/sequencer.ts'
import type { Tick, Update } from './market/tick.ts'
import { TIMEFRAMES } from './market/timeframe.ts'
import { restore } from './restore.ts'
import { type FeedStatus, supervise } from './supervise.ts'
import type { CandleRow, Database, Gap } from './tiers/database.ts'
import type { MemoryStream, MemoryTier } from './tiers/memory.ts'
import { warmUp } from './warm-up.ts'

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
const JOINS_AT_ONCE = 4
/** Live traffic and the source's budget come first. */
const GAP_PAUSE_MS = 200
const BACKOFF: BackoffBounds = { firstMs: 250, maxMs: 30_000 }

/** Ids that run backwards for this long, by the source's clock, are no late doubles. */
const IDS_RESET_MS = 60_000

/** A stream that is being brought up to its source. */
interface Join {
  /** Something may have been missed meanwhile: once more after this. */
  again: boolean
  done: Promise<void>
}

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
  readonly #slots = createSlots(JOINS_AT_ONCE)
  readonly #joins = new Map<string, Join>()
  readonly #gaps: GapFiller
  /** Symbols whose stored gaps are known. */
  readonly #recalled = new Set<string>()
  #restored = false
  #instruments: readonly Instrument[] | undefined
  #connected = false
  #idsReset: GatewayError | undefined

  constructor(feed: Feed, ports: RunFeedPorts, signal: AbortSignal) {
    this.#feed = feed
    this.#ports = ports
    this.#signal = signal
    const each = Math.floor(WARM_UP_CANDLES / (TIMEFRAMES.length * Math.max(1, feed.symbols.length)))
    this.#depth = Math.max(LEAST_CANDLES, Math.min(MOST_CANDLES, each))
    this.#backoff = ports.backoff ?? BACKOFF
    this.#sequencer = new Sequencer(feed.contiguousIds, {
      pass: ports.deliver,
      onDouble: (tick) => this.#onDouble(tick),
      onHole: (hole) => this.#onHole(hole),
      onLeftOut: (hole) => this.#onLeftOut(hole),
    })
    this.#gaps = new GapFiller(
      {
        ...ports,
        feed,
        onSettled: ports.onGapSettled,
        backoff: this.#backoff,
        pauseMs: ports.gapPauseMs ?? GAP_PAUSE_MS,
      },
      signal,
    )
    const warm = createGate()
    this.warm = warm.opened
    const { onStatus, log, now } = ports
    const attempt = (connected: () => void, connection: AbortSignal) => this.#attempt(connected, warm.open, connection)
    this.ended = supervise(feed.name, attempt, { onStatus, backoff: this.#backoff, log, now }, signal)
      .finally(() => Promise.all([...this.#joins.values()].map(({ done }) => done)))
      .finally(() => this.#gaps.idle)
      .finally(warm.open)
  }

  async #attempt(connected: () => void, warm: () => void, connection: AbortSignal): Promise<void> {
    if (!this.#restored) await this.#openStored()
    this.#restored = true
    this.#instruments ??= await this.#resolve(connection)
    const instruments = this.#instruments
    const events = {
      connected: () => {
        this.#connected = true
        connected()
        void this.#joinAll(instruments).then(warm)
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
      // Until the next connect trades are being missed: no candle is closed without them.
      this.#connected = false
      for (const { symbol } of instruments) this.#setLive(symbol, false)
    }
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

  /** Joins every stream to its source: after a connect, any of them may have missed trades. */
  async #joinAll(instruments: readonly Instrument[]): Promise<void> {
    for (const { symbol } of instruments) this.#sequencer.hold(symbol)
    await Promise.all(instruments.map(({ symbol }) => this.#join(symbol)))
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
    void this.#join(hole.symbol)
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

  /** Brings one stream up to what its source has: one at a time per stream, and once more if asked meanwhile. */
  #join(symbol: string): Promise<void> {
    const running = this.#joins.get(symbol)
    if (running !== undefined) {
      running.again = true
      return running.done
    }
    const join: Join = { again: false, done: Promise.resolve() }
    this.#joins.set(symbol, join)
    join.done = this.#joinUntilLive(symbol, join)
    return join.done
  }

  /** Never rejects: what goes wrong here belongs to one symbol. */
  async #joinUntilLive(symbol: string, join: Join): Promise<void> {
    const { memory, log } = this.#ports
    const stream = memory.stream(symbol)
    try {
      do {
        join.again = false
        this.#setLive(symbol, false)
        if (stream !== undefined) await this.#retry(stream)
        if (stream?.warm) await this.#fillStoredGaps(stream.instrument)
        // From here to the end there is no await: a hole that shows now finds this join, or none.
      } while (join.again && !this.#signal.aborted)
    } catch (error) {
      log.error({ feed: this.#feed.name, symbol, reason: describeError(error) }, 'joining the source failed')
    } finally {
      this.#joins.delete(symbol)
    }
  }

  /** Gaps that an earlier run left open, once it is known which trades the candles hold; each is taken once. */
  async #fillStoredGaps(instrument: Instrument): Promise<void> {
    if (this.#recalled.has(instrument.symbol)) return
    for (const gap of await this.#ports.database.gaps(instrument)) this.#gaps.add(gap)
    this.#recalled.add(instrument.symbol)
  }

  /** Tries until the stream stands where its source does; the waits between tries take no slot from the others. */
  async #retry(stream: MemoryStream): Promise<void> {
    const { log } = this.#ports
    const { symbol } = stream.instrument
    for (let attempt = 0; !this.#signal.aborted; attempt++) {
      try {
        return await this.#slots.run(() => this.#joinOnce(stream))
      } catch (error) {
        if (!isGatewayError(error)) throw error
        if (this.#signal.aborted) return
        log.warn({ feed: this.#feed.name, symbol, reason: error.message }, 'joining the source failed, trying again')
        await pause(fullJitterMs(attempt, this.#backoff), this.#signal)
      }
    }
  }

  async #joinOnce(stream: MemoryStream): Promise<void> {
    const ports = {
      ...this.#ports,
      ...{ feed: this.#feed, sequencer: this.#sequencer, depth: this.#depth, store: this.#ports.storeCandle },
      onLive: ({ symbol }: Instrument) => this.#setLive(symbol, this.#connected),
      onGap: (instrument: Instrument, hole: Hole, reason: string) => this.#tellGap(instrument, hole, reason),
    }
    if (!stream.warm) await warmUp(stream, ports, this.#signal)
    await catchUp(stream.instrument, ports, this.#signal)
  }

  #setLive(symbol: string, live: boolean): void {
    const stream = this.#ports.memory.stream(symbol)
    if (stream !== undefined) stream.live = live
  }
}
