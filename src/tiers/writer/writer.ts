import { type BackoffBounds, fullJitterMs, pause } from '../../base/backoff.ts'
import { describeError, GatewayError, isGatewayError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { type Instrument, streamName } from '../../market/instrument.ts'
import type { Cursor, Update } from '../../market/tick.ts'
import type { Batch, CandleRow, Database, Gap } from '../database/database.ts'
import { WRITER_FULL } from '../left-ticks.ts'
import { CandleQueue } from './candle-queue.ts'
import { FlushWaiters, type QueueCounts } from './flush-waiters.ts'
import { NewestQueue } from './newest-queue.ts'
import { idBounds, TickQueue } from './tick-queue.ts'
import { type DatabaseWriterStats, WriterCounts } from './writer-counts.ts'

export interface DatabaseWriterOptions {
  readonly database: Pick<Database, 'write'>
  /** How long a row waits for others, at most, while the database keeps up. */
  readonly flushMs?: number
  /** So many ticks are a batch, and written at once; of candles, about as many go with them. */
  readonly fullRows?: number
  /** Ticks in one transaction, at most: batches grow that far when more come than are written. */
  readonly maxRows?: number
  /** Ticks that wait, at most: past it the oldest leave. */
  readonly bound?: number
  /** Candles that wait, about: past it the oldest finished 1s candles leave; longer ones stay. */
  readonly candleBound?: number
  /** Called after a commit: the instrument's ticks up to `id` are stored. */
  readonly onDurable?: (instrument: Instrument, id: Cursor) => void
  /** Called with the ids that left unwritten; the gap itself is written with the next batch. */
  readonly onDropped?: (gap: Gap) => void
  readonly log?: Pick<Log, 'warn' | 'info'>
  readonly now?: () => number
  /** How long to wait between two tries of a batch. */
  readonly retry?: BackoffBounds
  /** How long `close` goes on writing, at most. */
  readonly closeWithinMs?: number
}

/** The bounded queue before the database: whoever adds a row never waits and never sees an error. */
export interface DatabaseWriter {
  tick(instrument: Instrument, update: Update): void
  /** Until it is flushed, the newest row of a bucket replaces the one before. */
  candle(row: CandleRow): void
  gap(gap: Gap): void
  /**
   * Resolves when everything added before the call is committed (or has left at the bound).
   * @throws GatewayError tier_unavailable when `close` gave up before.
   */
  flush(): Promise<void>
  /** Rows not yet committed. */
  readonly backlog: number
  readonly stats: DatabaseWriterStats
  /** Writes what it can within `closeWithinMs`, 3 s; says in the log what it could not. Rows added afterwards are not taken. */
  close(): Promise<void>
}

const CLOSING_RETRY_MS = 100

export function createDatabaseWriter(options: DatabaseWriterOptions): DatabaseWriter {
  return new QueueWriter(options)
}

class QueueWriter implements DatabaseWriter {
  readonly #options: Required<Omit<DatabaseWriterOptions, 'log'>> & Pick<DatabaseWriterOptions, 'log'>
  readonly #ticks = new TickQueue()
  readonly #candles = new CandleQueue()
  readonly #gaps = new NewestQueue<Gap>()
  readonly #lastDropped = new Map<Instrument, Gap>()
  /** Aborted when `close` begins, and when it gives up. */
  readonly #hurry = new AbortController()
  readonly #ending = new AbortController()
  readonly #waiters = new FlushWaiters()
  readonly stats = new WriterCounts()
  #inFlight = 0
  #timer: NodeJS.Timeout | undefined
  #draining = false
  #addedBefore = 0
  #isShedding = false
  #closing: Promise<void> | undefined

  constructor(options: DatabaseWriterOptions) {
    this.#options = {
      flushMs: 100,
      fullRows: 5_000,
      maxRows: 50_000,
      bound: 400_000,
      candleBound: 500_000,
      onDurable: () => undefined,
      onDropped: () => undefined,
      now: Date.now,
      retry: { firstMs: 100, maxMs: 5_000 },
      closeWithinMs: 3_000,
      ...options,
    }
  }

  get backlog() {
    return this.#ticks.size + this.#candles.size + this.#gaps.size + this.#inFlight
  }

  tick(instrument: Instrument, update: Update): void {
    if (this.#closing) return
    this.#ticks.push({ instrument, update })
    if (this.#ticks.size > this.#options.bound) this.#dropOldest()
    this.#wake()
  }

  candle(row: CandleRow): void {
    if (this.#closing) return
    this.#candles.set(row)
    if (this.#candles.size > this.#options.candleBound) this.#shedCandles()
    this.#wake()
  }

  gap(gap: Gap): void {
    if (this.#closing) return
    this.#gaps.set(gapKey(gap), gap)
    this.#wake()
  }

  flush(): Promise<void> {
    if (this.backlog === 0) return Promise.resolve()
    const flushed = this.#waiters.wait(this.#counts('added'))
    this.#startDraining()
    return flushed
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish()
    return this.#closing
  }

  async #finish(): Promise<void> {
    this.#hurry.abort()
    const ended = new AbortController()
    await Promise.race([this.flush(), pause(this.#options.closeWithinMs, ended.signal)])
    ended.abort()
    this.#ending.abort()
    clearTimeout(this.#timer)
    if (this.backlog === 0) return
    this.#options.log?.warn({ rows: this.backlog }, 'rows left unwritten at close')
    const error = new GatewayError('tier_unavailable', 'a flush must be over before the close, but rows were left')
    this.#waiters.fail(error)
  }

  /** On the path of every tick: two comparisons unless something is to be done. */
  #wake(): void {
    if (this.#draining) return
    if (this.#ticks.size >= this.#options.fullRows) this.#startDraining()
    else this.#timer ??= setTimeout(() => this.#startDraining(), this.#options.flushMs)
  }

  #startDraining(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#draining) return
    this.#draining = true
    void this.#drain()
  }

  /** Writes one batch after another as long as they are full or somebody waits; never throws. */
  async #drain(): Promise<void> {
    // Whoever adds the candles of an instrument may be in the middle of it: they are taken when all of them are there.
    await Promise.resolve()
    do {
      const batch = this.#take()
      if (!(await this.#commit(batch))) return
      this.#waiters.answer(this.#counts('taken'))
    } while (this.#waiters.size > 0 || this.#ticks.size >= this.#options.fullRows)
    this.#draining = false
    if (this.backlog > 0) this.#wake()
  }

  #take(): Batch {
    const { fullRows } = this.#options
    const batch = {
      ticks: this.#ticks.take(this.#batchRows()),
      candles: this.#candles.take(fullRows),
      gaps: this.#gaps.take(fullRows),
    }
    this.#inFlight = batch.ticks.length + batch.candles.length + batch.gaps.length
    return batch
  }

  /**
   * Twice what came since the batch before: where the thread is busy a batch takes as long as its turns, so that only
   * larger ones are faster. What an outage left behind then goes in small ones, which hold up nobody.
   */
  #batchRows(): number {
    const { fullRows, maxRows } = this.#options
    const { added } = this.#ticks
    const came = added - this.#addedBefore
    this.#addedBefore = added
    return Math.min(maxRows, Math.max(fullRows, 2 * came))
  }

  /** Tries until the batch is stored; false when the writer was closed before. */
  async #commit(batch: Batch): Promise<boolean> {
    for (let attempt = 0; !this.#ending.signal.aborted; attempt += 1) {
      const started = this.#options.now()
      try {
        await this.#write(batch)
      } catch (error) {
        this.stats.failures += 1
        const fields = { reason: describeError(error), attempt, backlog: this.backlog }
        this.#options.log?.warn(fields, 'batch not stored, trying again')
        await this.#pauseBeforeRetry(attempt)
        continue
      }
      if (attempt > 0) this.#options.log?.info({ backlog: this.backlog }, 'batch stored again')
      this.#stored(batch, this.#options.now() - started)
      return true
    }
    return false
  }

  /** Long waits spare a database that is away; one that may be back is asked often while `close` waits for it. */
  async #pauseBeforeRetry(attempt: number): Promise<void> {
    if (this.#closing) await pause(CLOSING_RETRY_MS, this.#ending.signal)
    else await pause(fullJitterMs(attempt, this.#options.retry), this.#hurry.signal)
  }

  async #write(batch: Batch): Promise<void> {
    try {
      await this.#options.database.write(batch)
    } catch (error) {
      if (!isGatewayError(error, 'row_refused')) throw error
      // All the others of the batch are stored: to send it again would only refuse the same row again.
      this.#options.log?.warn({ reason: error.message }, 'row refused')
    }
  }

  #stored(batch: Batch, lastFlushMs: number): void {
    this.stats.committed(this.#inFlight, lastFlushMs)
    this.#inFlight = 0
    if (this.#candles.size === 0) this.#isShedding = false
    for (const [instrument, { to }] of idBounds(batch.ticks)) this.#options.onDurable(instrument, to)
  }

  #counts(which: 'added' | 'taken'): QueueCounts {
    return { ticks: this.#ticks[which], candles: this.#candles[which], gaps: this.#gaps[which] }
  }

  /** A batch's worth at once, so that a database that stays away is not told of one tick after another. */
  #dropOldest(): void {
    const { bound, fullRows, onDropped } = this.#options
    const dropped = this.#ticks.take(Math.min(fullRows, Math.ceil(bound / 10)))
    this.stats.dropped += dropped.length
    for (const [instrument, { from, to }] of idBounds(dropped)) {
      const gap: Gap = { instrument, from, to, status: 'open', reason: WRITER_FULL }
      this.#keepDropped(gap)
      onDropped(gap)
    }
  }

  /** A tenth at once, because to find the oldest all are looked at. Said once, until the queue has been empty again. */
  #shedCandles(): void {
    const { candleBound, log } = this.#options
    const shed = this.#candles.shed(Math.ceil(candleBound / 10))
    if (shed === 0) return
    this.stats.droppedCandles += shed
    if (!this.#isShedding)
      log?.warn({ bound: candleBound }, 'too many candles wait for the database: the oldest of 1s leave')
    this.#isShedding = true
  }

  /** While the last gap of the instrument still waits, the new one makes it longer: a long outage is one row. */
  #keepDropped(gap: Gap): void {
    const before = this.#lastDropped.get(gap.instrument)
    const waits = before !== undefined && this.#gaps.get(gapKey(before)) === before
    const grown = waits ? { ...gap, from: before.from } : gap
    this.#lastDropped.set(gap.instrument, grown)
    this.gap(grown)
  }
}

function gapKey({ instrument, from }: Gap): string {
  return `${streamName(instrument)} ${from}`
}
