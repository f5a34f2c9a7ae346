import { describeError, GatewayError } from '../../base/errors.ts'
import { type Instrument, streamName } from '../../market/instrument.ts'
import type { Cursor, Update } from '../../market/tick.ts'
import type { Batch, CandleRow, Gap } from '../database/database.ts'
import { describeDrop } from './drop.ts'
import type { RowChange, RowLog } from './row-log.ts'
import type { InstrumentNumbers } from './segment-names.ts'
import type { Spool, SpooledBatch, SpoolOptions, SpoolStats } from './spool.ts'
import { diskError } from './spool-files.ts'
import type { TakenTicks } from './take-ticks.ts'
import type { Position } from './tick-index.ts'
import type { TickLog, WrittenTicks } from './tick-log.ts'

interface WaitingAppend {
  readonly batch: Batch
  done(): void
  fail(error: GatewayError): void
}

/** Rows that were handed over: they were spooled up to `sequence`. */
interface TakenRows {
  readonly candles: readonly CandleRow[]
  readonly gaps: readonly Gap[]
  readonly released: readonly { readonly instrument: Instrument; readonly sequence: number }[]
}

const NO_ROWS: TakenRows = { candles: [], gaps: [], released: [] }

/** The spool over its two logs: ticks, and rows. What writes is done in turn; reads at any time. */
export class DiskSpool implements Spool {
  readonly #options: SpoolOptions
  readonly #numbers: InstrumentNumbers
  readonly #ticks: TickLog
  readonly #rows: RowLog
  #waiting: WaitingAppend[] = []
  #turn: Promise<unknown> = Promise.resolve()
  #dropped = 0
  #droppedCandles = 0
  #closing: Promise<void> | undefined

  constructor(options: SpoolOptions, numbers: InstrumentNumbers, ticks: TickLog, rows: RowLog) {
    this.#options = options
    this.#numbers = numbers
    this.#ticks = ticks
    this.#rows = rows
  }

  get isEmpty(): boolean {
    return this.#ticks.index.ticks === 0 && this.#rows.table.isEmpty
  }

  get stats(): SpoolStats {
    return {
      bytes: this.#bytes,
      ticks: this.#ticks.index.ticks,
      candles: this.#rows.table.candleCount,
      dropped: this.#dropped,
      droppedCandles: this.#droppedCandles,
    }
  }

  append(batch: Batch): Promise<void> {
    if (this.#closing !== undefined) {
      return Promise.reject(new GatewayError('tier_unavailable', 'the spool must be open, was closed'))
    }
    return new Promise((done, fail) => {
      this.#waiting.push({ batch, done, fail })
      // All that wait by then are written together, and synced once.
      if (this.#waiting.length === 1) void this.#inTurn(() => this.#writeWaiting())
    })
  }

  async next(rows: number): Promise<SpooledBatch | undefined> {
    // Both at once, before anything is awaited: candles are never newer than the ticks that they come after.
    const ticks = this.#ticks.take(rows)
    const taken = ticks === undefined || ticks.isAll ? this.#takeRows(rows) : NO_ROWS
    if (ticks === undefined && taken.released.length === 0) return undefined
    const read = await ticks?.taken
    const lost = read?.lost ?? []
    for (const gap of lost) this.#tellLost(gap)
    return {
      batch: { ticks: read?.ticks ?? [], candles: taken.candles, gaps: [...taken.gaps, ...lost] },
      release: () => this.#inTurn(() => this.#release(read, taken)),
    }
  }

  instruments(): readonly Instrument[] {
    const known = new Map<string, Instrument>()
    for (const instrument of [...this.#rows.table.instruments(), ...this.#numbers.names]) {
      const stream = instrument && streamName(instrument)
      if (stream && (known.has(stream) || this.#ticks.index.has(stream) || this.#rows.table.has(stream))) {
        known.set(stream, instrument)
      }
    }
    return [...known.values()]
  }

  startsAfter(instrument: Instrument): Cursor | undefined {
    return this.#ticks.index.startsAfter(streamName(instrument))
  }

  ticksAfter(instrument: Instrument, after: Cursor, limit: number): Promise<readonly Update[]> {
    return this.#ticks.after(instrument, after, limit)
  }

  ticksBefore(instrument: Instrument, before: Cursor | undefined, limit: number): Promise<readonly Update[]> {
    return this.#ticks.before(instrument, before, limit)
  }

  candles(instrument: Instrument): readonly CandleRow[] {
    return this.#rows.table.candles(streamName(instrument)).map((row) => ({ ...row, instrument }))
  }

  gaps(instrument: Instrument): readonly Gap[] {
    return this.#rows.table.gaps(streamName(instrument)).map((gap) => ({ ...gap, instrument }))
  }

  close(): Promise<void> {
    this.#closing ??= this.#inTurn(async () => {
      await this.#ticks.close()
      await this.#rows.close()
    })
    return this.#closing
  }

  get #bytes(): number {
    return this.#ticks.bytes + this.#rows.bytes
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {
      // Whoever asked for the work is told; the next one is not concerned.
    })
    return done
  }

  async #writeWaiting(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    try {
      await this.#write(waiting.map(({ batch }) => batch))
    } catch (error) {
      for (const { fail } of waiting) fail(diskError(error))
      return
    }
    for (const { done } of waiting) done()
    await this.#tidy(() => this.#shedSeconds(), 'spool: seconds that leave could not be written')
    await this.#compactWorn()
    await this.#tidy(() => this.#makeRoom(0), 'spool: ticks that leave could not be told')
  }

  /**
   * Holes first, so that no crash leaves the ticks behind one without it; then ticks, so that what a crash leaves are
   * ticks without their candles, never candles without their ticks.
   */
  async #write(batches: readonly Batch[]): Promise<void> {
    const frames = batches.flatMap(({ ticks }) => this.#ticks.encode(ticks))
    const candles = batches.flatMap((batch) => batch.candles)
    const gaps = newestOf(batches.flatMap((batch) => batch.gaps))
    const ahead = frames.length === 0 ? [] : gaps.filter(({ status }) => status !== 'filled')
    const change = { candles, gaps: gaps.filter((gap) => !ahead.includes(gap)) }
    await this.#makeRoom(frames.reduce((sum, { length }) => sum + length, 0))
    const holes = ahead.length === 0 ? undefined : await this.#rows.write({ gaps: ahead }, true)
    let ticks: WrittenTicks | undefined
    try {
      ticks = frames.length === 0 ? undefined : await this.#ticks.write(frames)
      const rows = isNothing(change) ? undefined : await this.#rows.write(change, true)
      if (holes !== undefined) this.#rows.apply(holes)
      if (ticks !== undefined) this.#ticks.commit(ticks)
      if (rows !== undefined) this.#rows.apply(rows)
    } catch (error) {
      if (ticks !== undefined) await this.#ticks.undo(ticks)
      if (holes !== undefined) await this.#rows.undo(holes)
      throw error
    }
  }

  async #makeRoom(bytes: number): Promise<void> {
    for (;;) {
      const oldest = this.#ticks.oldest
      if (oldest === undefined || this.#bytes + bytes <= this.#options.maxBytes) return
      const drop = describeDrop(oldest, this.#ticks.index, this.#rows.table)
      const ticksFrom = { segment: oldest.number + 1, offset: 0 }
      // In one frame: after a crash the segment has left and its ids are told, or neither.
      this.#rows.apply(await this.#rows.write({ gaps: drop.kept, ticksFrom }, true))
      const removed = this.#ticks.forget(ticksFrom)
      this.#dropped += drop.ticks
      const { maxBytes, log, onDropped } = this.#options
      log.warn({ ticks: drop.ticks, maxBytes }, 'spool is full: the oldest ticks leave')
      // In the turn in which reads do not find them any more.
      for (const gap of drop.told) onDropped(gap)
      await removed
    }
  }

  /** A tenth at once, because to find the oldest all are looked at. */
  async #shedSeconds(): Promise<void> {
    const { candleBound = 500_000, log } = this.#options
    const { table } = this.#rows
    const before = table.candleCount
    const shedThrough = before > candleBound ? table.oldestSeconds(Math.ceil(candleBound / 10)) : undefined
    if (shedThrough === undefined) return
    this.#rows.apply(await this.#rows.write({ shedThrough }, false))
    this.#droppedCandles += before - table.candleCount
    log.warn({ candles: before - table.candleCount, candleBound }, 'spool has too many candles: the oldest of 1s leave')
  }

  #tellLost(gap: Gap): void {
    const { log, onDropped } = this.#options
    log.warn({ stream: streamName(gap.instrument), from: gap.from, to: gap.to }, 'spool: ticks are damaged')
    onDropped(gap)
  }

  /** Whole instruments, whose rows agree with one another; at least one, if there is any. */
  #takeRows(count: number): TakenRows {
    const candles: CandleRow[] = []
    const gaps: Gap[] = []
    const released: { readonly instrument: Instrument; readonly sequence: number }[] = []
    const { table } = this.#rows
    for (const instrument of table.instruments()) {
      const rows = { candles: table.candles(streamName(instrument)), gaps: table.gaps(streamName(instrument)) }
      const size = candles.length + gaps.length
      if (size > 0 && size + rows.candles.length + rows.gaps.length > count) break
      candles.push(...rows.candles)
      gaps.push(...rows.gaps)
      released.push({ instrument, sequence: table.sequence })
    }
    return { candles, gaps, released }
  }

  async #release(ticks: TakenTicks | undefined, { released }: TakenRows): Promise<void> {
    const { table } = this.#rows
    // They may have left at the bound meanwhile.
    const ticksFrom = ticks !== undefined && isBefore(table.ticksFrom, ticks.until) ? ticks.until : undefined
    await this.#keepRelease({ released, ...(ticksFrom === undefined ? {} : { ticksFrom }) })
    if (ticksFrom !== undefined) await this.#ticks.forget(ticksFrom, ticks?.rest)
    if (this.isEmpty) await this.#rows.clear()
    else await this.#compactWorn()
  }

  /** A position need not be durable: ticks that are handed over again change nothing. A gap's old state would. */
  async #keepRelease(change: RowChange): Promise<void> {
    const isRows = (change.released ?? []).length > 0
    try {
      this.#rows.apply(await this.#rows.write(change, isRows))
    } catch (error) {
      if (isRows) throw diskError(error)
      this.#options.log.warn({ reason: describeError(error) }, 'spool: how far it is emptied could not be written')
      if (change.ticksFrom !== undefined) this.#rows.table.ticksFrom = change.ticksFrom
    }
  }

  async #compactWorn(): Promise<void> {
    if (this.#rows.isWorn) await this.#tidy(() => this.#rows.compact(), 'spool: rows could not be written anew')
  }

  /** What is written already is safe: a failure only leaves more on the disk, until the next time. */
  async #tidy(work: () => Promise<void>, failure: string): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#options.log.warn({ reason: describeError(error) }, failure)
    }
  }
}

function isNothing({ candles, gaps }: RowChange): boolean {
  return candles?.length === 0 && gaps?.length === 0
}

/** What is said last of one first id, as tables keep it. */
function newestOf(gaps: readonly Gap[]): readonly Gap[] {
  return [...new Map(gaps.map((gap) => [`${streamName(gap.instrument)} ${gap.from}`, gap])).values()]
}

function isBefore(a: Position, b: Position): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.offset < b.offset)
}
