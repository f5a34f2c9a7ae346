import type { BackoffBounds } from '../base/backoff.ts'
import { neverBack } from '../base/clock.ts'
import { GatewayError } from '../base/errors.ts'
import { createGate } from '../base/gate.ts'
import type { Log } from '../base/log.ts'
import type { Feed } from '../feed.ts'
import { ingest } from '../ingest.ts'
import type { Instrument } from '../market/instrument.ts'
import { type Hole, Sequencer } from '../market/sequencer.ts'
import type { Tick, Update } from '../market/tick.ts'
import { TIMEFRAMES } from '../market/timeframe.ts'
import { type FeedStatus, supervise } from '../supervise.ts'
import type { CandleRow, Database, Gap, TimeRange } from '../tiers/database/database.ts'
import { MEMORY_BOUNDS, type MemoryStream, type MemoryTier } from '../tiers/memory/memory.ts'
import { GapFiller } from './fill-gaps.ts'
import { StreamJoins } from './join-streams.ts'
import { InstrumentList } from './list-instruments.ts'
import { mendCandles } from './mend-candles.ts'
import { type ReadWaiting, StreamOpener } from './open-stream.ts'
import { probeQuiet } from './probe-quiet.ts'
import type { Recalled } from './recall.ts'
import { silenceOf } from './silence-of.ts'
import { MISSED } from './take-source.ts'
import { markBefore, withoutMark } from './untold.ts'

export interface RunFeedPorts {
  readonly memory: MemoryTier
  readonly database: Database
  /** What can be told of an instrument while the database is away, `limit` ticks of it; unset: nothing. */
  readonly waiting?: ReadWaiting
  /** Each tick in its place, in id order (see ingest.ts). */
  readonly deliver: (update: Update) => void
  readonly storeCandle: (row: CandleRow) => void
  readonly onGap: (instrument: Instrument, hole: Hole, reason: string) => void
  /** A gap of which nobody needs to hear now. It is durable no later than the ticks that are delivered behind it. */
  readonly storeGap: (gap: Gap) => void
  /** Ticks found late: to the database, not to the stream. Resolves when they are durable. */
  readonly storeLate: (instrument: Instrument, updates: readonly Update[]) => Promise<void>
  /** Resolves when every tick that was delivered is durable. */
  readonly stored: () => Promise<void>
  /** Ticks from before it are not kept (Unix ms). */
  readonly keptSince: () => number
  /** The candles of this symbol that hold `time` were changed by a tick found late. */
  readonly onRevised: (symbol: string, time: number) => void
  /** What became of a gap that was told. */
  readonly onGapSettled: (gap: Gap) => void
  readonly onStatus: (status: FeedStatus) => void
  readonly onDouble: (tick: Tick) => void
  readonly onSkipped: (error: GatewayError) => void
  readonly holdBackMs: number
  readonly backfillMax: number
  /** A stream without a tick for so long is asked for. */
  readonly quietMs?: number
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
const MOST_CANDLES = MEMORY_BOUNDS.candles
const QUIET_MS = 60_000
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
  readonly #list: InstrumentList
  readonly #opener: StreamOpener
  /** By symbol: gaps of an earlier process that are not taken yet. */
  readonly #left = new Map<string, readonly Gap[]>()
  /** When the last tick happened before what was missed: since then stored candles may lack trades. */
  readonly #missedSince = new Map<string, number>()
  /** By symbol: of streams that began without their database. */
  readonly #marks = new Map<string, Gap>()
  #isOverlapping = false
  #idsReset: GatewayError | undefined

  constructor(feed: Feed, ports: RunFeedPorts, signal: AbortSignal) {
    const { onStatus, backoff = BACKOFF, quietMs = QUIET_MS, memory, log, now } = ports
    this.#feed = feed
    this.#ports = ports
    for (const { symbol } of feed.symbols) memory.await(symbol)
    const each = Math.floor(WARM_UP_CANDLES / (TIMEFRAMES.length * Math.max(1, feed.symbols.length)))
    // No tick waits longer because our clock was set.
    const waits = { now: neverBack(now) }
    this.#depth = Math.max(LEAST_CANDLES, Math.min(MOST_CANDLES, each))
    this.#sequencer = new Sequencer(feed.ids === 'contiguous', {
      pass: (update) => this.#pass(update),
      onDouble: (tick) => this.#onDouble(tick),
      onHole: (hole) => this.#onHole(hole),
      onLeftOut: (hole) => this.#onLeftOut(hole),
      onFull: (symbol) => this.#joins.goOn(symbol),
      ...waits,
    })
    this.#gaps = new GapFiller(
      { ...ports, feed, onSettled: ports.onGapSettled, backoff, mend: (...range) => this.#mend(...range) },
      signal,
    )
    this.#joins = new StreamJoins(
      {
        ...ports,
        ...waits,
        ...{ feed, sequencer: this.#sequencer, store: ports.storeCandle, backoff },
        ...{ depth: this.#depth, depthMax: MOST_CANDLES, isOverlapping: () => this.#isOverlapping },
        onGap: (instrument, hole, reason) => this.#tellGap(instrument, hole, reason),
        onTooMuch: (instrument) => this.#noteMissed(instrument.symbol),
        onJoined: (instrument) => this.#fillBehind(instrument),
      },
      signal,
    )
    this.#opener = new StreamOpener(
      {
        ...{ ...ports, feed, depth: this.#depth, mayGoOn: () => true },
        hasBegun: (stream) => this.#hasBegun(stream),
        onUntold: ({ symbol }, gaps) => this.#left.set(symbol, gaps),
        onRecalled: (...recalled) => this.#join(...recalled),
      },
      signal,
    )
    const open = (instrument: Instrument, opening: AbortSignal) => this.#open(instrument, opening)
    this.#list = new InstrumentList({ ...ports, feed, open, backoff })
    const warm = createGate()
    this.warm = warm.opened
    const attempt = (connected: () => void, connection: AbortSignal) => this.#attempt(connected, warm.open, connection)
    const over = new AbortController()
    const probe = { feed, memory, sequencer: this.#sequencer, quietMs, log, now }
    const probing = probeQuiet(probe, AbortSignal.any([signal, over.signal]))
    const supervising = { onStatus, backoff, silence: silenceOf(feed, memory), log, now }
    this.ended = supervise(feed.name, attempt, supervising, signal)
      .finally(() => over.abort())
      .finally(() => Promise.all([this.#joins.settled(), this.#opener.settled(), probing]))
      .finally(() => this.#gaps.idle())
      .finally(warm.open)
  }

  /** Fetches ticks again that were on the stream, and have left before they were stored. */
  refill(gap: Gap): void {
    this.#gaps.add(gap)
  }

  async #attempt(connected: () => void, warm: () => void, connection: AbortSignal): Promise<void> {
    await this.#list.openStored(connection)
    if (connection.aborted) return
    const instruments = await this.#list.ask(connection)
    const heard = () => this.#ports.memory.heard(this.#feed.name, this.#ports.now())
    const events = {
      connected: () => {
        heard()
        connected()
        void this.#joins.connect(instruments).then(warm)
      },
      overlapping: (isOverlapping: boolean) => {
        this.#isOverlapping = isOverlapping
      },
      heard,
      missing: () => this.#joins.disconnect(instruments),
    }
    this.#idsReset = undefined
    const sequence = (tick: Tick) => {
      this.#sequencer.accept(tick)
      if (this.#idsReset !== undefined) throw this.#idsReset
    }
    const receive = (received: AbortSignal) =>
      ingest(this.#feed, instruments, { sequence, skipped: this.#ports.onSkipped }, events, received)
    try {
      await this.#list.whileConfirmed(instruments, receive, connection)
    } finally {
      this.#isOverlapping = false
      this.#joins.disconnect(instruments)
    }
  }

  #pass(update: Update): void {
    if (update.prev === null) this.#markBeginning(update)
    this.#ports.deliver(update)
  }

  /** Before the first tick of a stream that does not know what is stored: a crash would leave a hole that nobody knows of. */
  #markBeginning({ symbol, id }: Update): void {
    const stream = this.#ports.memory.stream(symbol)
    if (this.#feed.ids !== 'contiguous' || stream?.unknownThrough !== null) return
    const mark = markBefore(stream.instrument, id)
    this.#marks.set(symbol, mark)
    this.#ports.storeGap(mark)
  }

  /** Serves an instrument from what is stored of it. */
  async #open(instrument: Instrument, signal: AbortSignal): Promise<void> {
    const stream = await this.#opener.open(instrument, signal)
    if (stream?.warm === false) this.#noteMissed(instrument.symbol)
  }

  /** Its ticks follow a place already: it is served, and a join of an earlier connection may still be under way. */
  #hasBegun(stream: MemoryStream): boolean {
    const { symbol } = stream.instrument
    const isServed = this.#ports.memory.stream(symbol) === stream
    return stream.cursor !== null || (isServed && this.#joins.isPlaced(symbol))
  }

  /** Tells what is missing between what is stored and the stream, and has it filled. */
  #join(instrument: Instrument, { holes, marks, open, newest, candles }: Recalled): void {
    const { symbol } = instrument
    for (const row of candles) this.#ports.storeCandle(row)
    for (const gap of open) this.#gaps.add(gap)
    // Its own may have been on its way still when the others were read.
    const own = this.#marks.get(symbol)
    const all = own === undefined || marks.some(({ from }) => from === own.from) ? marks : [...marks, own]
    for (const mark of all) this.#ports.storeGap(withoutMark(mark))
    if (newest === undefined || this.#feed.ids !== 'contiguous') return
    for (const { from, to } of holes) this.#tellGap(instrument, { symbol, from, to }, MISSED)
    if (holes.length > 0) this.#missedSince.set(symbol, newest.time)
    this.#mendMissed(instrument)
  }

  #noteMissed(symbol: string): void {
    const latest = this.#ports.memory.stream(symbol)?.latest
    if (latest !== undefined && !this.#missedSince.has(symbol)) this.#missedSince.set(symbol, latest.time)
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

  /** What an earlier run left behind, once it is known which trades the candles hold; each is taken once. */
  #fillBehind(instrument: Instrument): void {
    const { symbol } = instrument
    this.#mendMissed(instrument)
    for (const gap of this.#left.get(symbol) ?? []) this.#gaps.add(gap)
    this.#left.delete(symbol)
  }

  /** Candles of the time away that are older than what memory has taken from the source. */
  #mendMissed(instrument: Instrument): void {
    const stream = this.#ports.memory.stream(instrument.symbol)
    const from = this.#missedSince.get(instrument.symbol)
    if (from === undefined || stream?.latest === undefined) return
    this.#missedSince.delete(instrument.symbol)
    const isHeld = stream.history.windows().every((window) => window.holds(window.startOf(from)))
    if (!isHeld) this.#gaps.mend(instrument, { from, to: stream.latest.time })
  }

  async #mend(instrument: Instrument, range: TimeRange, signal: AbortSignal): Promise<void> {
    const { memory, database } = this.#ports
    // It has happened there, wherever its clock stands.
    const now = () => Math.max(this.#ports.now(), range.to)
    await mendCandles(instrument, range, { feed: this.#feed, database, memory, now }, signal)
  }
}
