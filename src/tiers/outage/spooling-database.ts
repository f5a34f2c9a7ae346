import { type BackoffBounds, pause } from '../../base/backoff.ts'
import { describeError, GatewayError, isGatewayError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { type Instrument, streamName } from '../../market/instrument.ts'
import type { Cursor, Update } from '../../market/tick.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import type { CoveredCandles } from '../database/coverage.ts'
import type { Batch, Database, Gap, TimeRange } from '../database/database.ts'
import type { Spool } from '../spool/spool.ts'
import { drain } from './drain.ts'
import { mergeCandles, mergeGaps } from './merged-candles.ts'
import { mergeObservations } from './merged-observations.ts'
import { MergedTicks } from './merged-ticks.ts'
import { Presence, type PresenceStatus } from './presence.ts'

export interface SpoolingDatabaseOptions {
  readonly database: Database
  /** Closed with this. */
  readonly spool: Spool
  /** False until `reached` is called, where nothing can be written before. */
  readonly isReachable?: () => boolean
  /** Told when an answer is late: what is asked from then on must not wait for the same wire. */
  readonly onLate?: () => void
  /** Told each time when everything that waited is in the database. */
  readonly onDrained?: () => void
  readonly log: Pick<Log, 'warn' | 'info'>
  readonly now?: () => number
  /** A database that has not committed a batch by then is away. */
  readonly commitWithinMs?: number
  /** How long `close` lets a database that is there take what waits. */
  readonly closeWithinMs?: number
  readonly retry?: BackoffBounds
}

/** What waits of an instrument. */
export interface Waiting {
  /** The oldest tick of those that wait without a break. */
  readonly first: Update
  /** The newest of them, ascending. */
  readonly ticks: readonly Update[]
  readonly gaps: readonly Gap[]
}

const COMMIT_WITHIN_MS = 2_000
const CLOSE_WITHIN_MS = 2_000
/** A server that is back is used again within this. */
const RETRY: BackoffBounds = { firstMs: 100, maxMs: 1_000 }

/**
 * A database that may be away: then batches go to the spool, and count as written when they are fsynced there. While
 * anything waits in it all that is new goes behind, so that the database gets everything in order; when nothing waits,
 * batches go to it directly again. A batch of unknown fate is written twice, which changes nothing. Reads see both.
 */
export class SpoolingDatabase implements Database {
  readonly kind: Database['kind']
  readonly #options: SpoolingDatabaseOptions
  readonly #database: Database
  readonly #spool: Spool
  readonly #presence: Presence
  readonly #ticks: MergedTicks
  /** By stream; registered before the next batch is written, until that has succeeded. */
  readonly #unregistered = new Map<string, Instrument>()
  readonly #closing = new AbortController()
  #draining: Promise<void> | undefined
  /** Batches on their way to the disk, which nothing that is new may pass either. */
  #keeping = 0

  constructor(options: SpoolingDatabaseOptions) {
    const { database, spool, now = Date.now } = options
    this.kind = database.kind
    this.#options = options
    this.#database = database
    this.#spool = spool
    this.#presence = new Presence(() => this.#draining !== undefined, now)
    const read = <Answer>(work: () => Promise<Answer>) => this.#read(work)
    this.#ticks = new MergedTicks(spool, {
      ticksAfter: (...asked) => read(() => database.ticksAfter(...asked)),
      ticksBefore: (...asked) => read(() => database.ticksBefore(...asked)),
      idFrom: (...asked) => read(() => database.idFrom(...asked)),
    })
    for (const instrument of spool.instruments()) this.#unregistered.set(streamName(instrument), instrument)
    this.#startDraining()
  }

  get status(): PresenceStatus {
    return this.#presence.status
  }

  /** Resolves also while the database is away: then they are registered when it is back, before anything is written. */
  async register(instruments: readonly Instrument[]): Promise<void> {
    for (const instrument of instruments) this.#unregistered.set(streamName(instrument), instrument)
    try {
      await this.#presence.read(() => this.#registerAll())
    } catch (error) {
      if (!isGatewayError(error, 'tier_unavailable')) throw error
      this.#options.log.info({ reason: error.message }, 'instruments are registered when the database is back')
    }
  }

  /** While the database is away: those of which something waits. @throws GatewayError tier_unavailable: none does */
  async instruments(): Promise<readonly Instrument[]> {
    const waiting = this.#spool.instruments()
    try {
      const stored = await this.#presence.read(() => this.#database.instruments())
      return [...new Map([...waiting, ...stored].map((each) => [streamName(each), each])).values()]
    } catch (error) {
      if (!isGatewayError(error, 'tier_unavailable') || waiting.length === 0) throw error
      return waiting
    }
  }

  /** @throws GatewayError tier_unavailable when neither the database nor the spool takes it (its disk is full) */
  async write(batch: Batch): Promise<void> {
    if (this.#isDirect()) {
      try {
        await this.#commitInTime(batch)
        return
      } catch (error) {
        if (isGatewayError(error, 'row_refused')) throw error
        this.#presence.lost(error)
        this.#options.log.warn({ reason: describeError(error) }, 'batch not stored, kept on disk')
      }
    }
    this.#keeping += 1
    try {
      await this.#spool.append(batch)
    } finally {
      this.#keeping -= 1
      this.#startDraining()
    }
  }

  ticksAfter(instrument: Instrument, after: Cursor, limit: number) {
    return this.#ticks.after(instrument, after, limit)
  }

  ticksBefore(instrument: Instrument, before: Cursor | undefined, limit: number) {
    return this.#ticks.before(instrument, before, limit)
  }

  idFrom(instrument: Instrument, time: number) {
    return this.#ticks.idFrom(instrument, time)
  }

  async candles(instrument: Instrument, timeframe: Timeframe, limit: number) {
    const waiting = this.#spool.candles(instrument)
    const stored = await this.#read(() => this.#database.candles(instrument, timeframe, limit))
    return mergeCandles(waiting, timeframe, () => true, stored).slice(-limit)
  }

  async candlesBefore(instrument: Instrument, timeframe: Timeframe, before: number, limit: number) {
    const waiting = this.#spool.candles(instrument)
    const stored = await this.#read(() => this.#database.candlesBefore(instrument, timeframe, before, limit))
    return mergeCandles(waiting, timeframe, (time) => time < before, stored).slice(-limit)
  }

  async candlesIn(instrument: Instrument, timeframe: Timeframe, range: TimeRange, limit: number) {
    const waiting = this.#spool.candles(instrument)
    const stored = await this.#read(() => this.#database.candlesIn(instrument, timeframe, range, limit))
    const isIn = (time: number) => time >= range.from && time < range.to
    return mergeCandles(waiting, timeframe, isIn, stored).slice(0, limit)
  }

  async gaps(instrument: Instrument) {
    const waiting = this.#spool.gaps(instrument)
    return mergeGaps(waiting, await this.#read(() => this.#database.gaps(instrument)))
  }

  async observations(instrument: Instrument, asOf?: string) {
    const waiting = await this.#spool.ticksAfter(instrument, -1, Number.MAX_SAFE_INTEGER)
    const stored = await this.#read(() => this.#database.observations(instrument, asOf))
    return mergeObservations(waiting, stored, asOf)
  }

  /** Of the source's past, which can be asked for again: nothing of it waits. @throws GatewayError tier_unavailable */
  cover(covered: CoveredCandles) {
    return this.#read(() => this.#database.cover(covered))
  }

  coverage(instrument: Instrument, timeframe: Timeframe) {
    return this.#read(() => this.#database.coverage(instrument, timeframe))
  }

  /** What can be told without the database, the newest `limit` ticks of it; undefined: no tick waits. */
  async waiting(instrument: Instrument, limit: number): Promise<Waiting | undefined> {
    const start = this.#spool.startsAfter(instrument)
    if (start === undefined) return undefined
    // The row may begin with a tick of which it is not known what was before it: then it begins with its own id.
    const [first] = await this.#spool.ticksAfter(instrument, start - 1, 1)
    const [next] = first?.id === start ? [first] : await this.#spool.ticksAfter(instrument, start, 1)
    if (next === undefined) return undefined
    const newest = await this.#spool.ticksBefore(instrument, undefined, limit)
    return { first: next, ticks: newest.filter(({ id }) => id >= next.id), gaps: this.#spool.gaps(instrument) }
  }

  /** The database can be asked from now on: what waits is written, and who reads need not wait for that. */
  reached(): void {
    this.#presence.found()
    this.#startDraining()
  }

  /**
   * A database that is there takes what waits, as much as it can in time: whoever looks into it next sees all. The rest
   * stays on disk. Safe to call twice.
   */
  async close(): Promise<void> {
    await this.#finishDraining()
    this.#closing.abort()
    await this.#database.close()
    await this.#draining
    await this.#spool.close()
  }

  async #finishDraining(): Promise<void> {
    const ended = new AbortController()
    let isLate = false
    const late = pause(this.#options.closeWithinMs ?? CLOSE_WITHIN_MS, ended.signal).then(() => {
      isLate = true
    })
    while (this.#draining !== undefined && this.status.state === 'open' && !isLate) {
      await Promise.race([this.#draining, late])
    }
    ended.abort()
  }

  #isDirect(): boolean {
    const nothingWaits = this.#draining === undefined && this.#keeping === 0 && this.#spool.isEmpty
    return nothingWaits && !this.#closing.signal.aborted
  }

  async #read<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    return this.#presence.read(async () => {
      if (this.#unregistered.size > 0) await this.#registerAll()
      return work()
    })
  }

  async #commitInTime(batch: Batch): Promise<void> {
    const { commitWithinMs = COMMIT_WITHIN_MS } = this.#options
    let timer: NodeJS.Timeout | undefined
    const giveUp = new AbortController()
    const late = new Promise<never>((_, reject) => {
      const error = new GatewayError(
        'tier_unavailable',
        `the database must commit within ${commitWithinMs} ms, did not`,
      )
      timer = setTimeout(() => {
        this.#options.onLate?.()
        giveUp.abort(error)
        reject(error)
      }, commitWithinMs)
    })
    try {
      await Promise.race([this.#commit(batch, giveUp.signal), late])
      this.#presence.found()
    } finally {
      clearTimeout(timer)
    }
  }

  async #commit(batch: Batch, giveUp?: AbortSignal): Promise<void> {
    if (this.#unregistered.size > 0) await this.#registerAll()
    await this.#database.write(batch, giveUp)
  }

  async #registerAll(): Promise<void> {
    const waiting = [...this.#unregistered]
    if (waiting.length === 0) return
    await this.#database.register(waiting.map(([, instrument]) => instrument))
    // Not one that was brought up to date meanwhile.
    for (const [stream, instrument] of waiting) {
      if (this.#unregistered.get(stream) === instrument) this.#unregistered.delete(stream)
    }
  }

  #startDraining(): void {
    const { spool, isReachable } = this.#options
    if (this.#draining !== undefined || spool.isEmpty || this.#closing.signal.aborted) return
    if (isReachable?.() === false) return
    this.#draining = drain(
      {
        ...{
          spool,
          write: (batch) => this.#commit(batch),
          retry: this.#options.retry ?? RETRY,
          log: this.#options.log,
        },
        onTried: (error) => (error === undefined ? this.#presence.found() : this.#presence.lost(error)),
      },
      this.#closing.signal,
    ).then((isDone) => {
      this.#draining = undefined
      if (isDone) this.#options.onDrained?.()
      // Something may have been kept in this turn.
      this.#startDraining()
    })
  }
}
