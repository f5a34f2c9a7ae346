import { setImmediate as nextTurn } from 'node:timers/promises'
import { type BackoffBounds, fullJitterMs, pause } from '../base/backoff.ts'
import { describeError, GatewayError, isGatewayError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { readAhead } from '../base/read-ahead.ts'
import { createSlots } from '../base/slots.ts'
import type { Feed } from '../feed.ts'
import { type Instrument, streamName } from '../market/instrument.ts'
import type { Tick, Update } from '../market/tick.ts'
import type { CandleRow, Gap, TimeRange } from '../tiers/database/database.ts'
import { isFolded } from '../tiers/left-ticks.ts'
import type { MemoryTier } from '../tiers/memory/memory.ts'
import { addTooOld, type Found, findNothing, partsOf, takeFound } from './found.ts'

export interface FillGapsPorts {
  readonly feed: Feed
  readonly memory: MemoryTier
  /** More missed trades than this are not fetched (BACKFILL_MAX). */
  readonly backfillMax: number
  /** Ticks found late: to the database, not to the stream. Resolves when they are durable. */
  readonly storeLate: (instrument: Instrument, updates: readonly Update[]) => Promise<void>
  readonly storeCandle: (row: CandleRow) => void
  /** Resolves when every tick that was published, and every candle that was handed over, is durable. */
  readonly stored: () => Promise<void>
  /** Ticks from before it are not kept (Unix ms, wall time). */
  readonly keptSince: () => number
  /** Makes the stored candles of a past range, which memory no longer holds, the source's own. */
  readonly mend: (instrument: Instrument, range: TimeRange, signal: AbortSignal) => Promise<void>
  /** The candles that hold `time` have changed. */
  readonly onRevised: (symbol: string, time: number) => void
  /** What became of a gap, or of a part of it: `filled` or `unfillable`. */
  readonly onSettled: (gap: Gap) => void
  readonly backoff: BackoffBounds
  readonly log: Log
}

/**
 * Fills the gaps that a stream had to leave open, one after the other, in the background and at a polite pace. What is
 * found is stored and folded into its candles, whose revisions rise; it is never slipped into the live stream.
 */
export class GapFiller {
  readonly #ports: FillGapsPorts
  readonly #signal: AbortSignal
  readonly #known = new Set<string>()
  readonly #stopped: Promise<void>
  /** Of one stream's gaps, one after the other; of several streams' in turn, so that none waits for another's source. */
  readonly #slots = createSlots(1)
  readonly #work = new Map<string, Promise<void>>()

  constructor(ports: FillGapsPorts, signal: AbortSignal) {
    this.#ports = ports
    this.#signal = signal
    this.#stopped = new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  }

  /** Settles when nothing is left to do. */
  async idle(): Promise<void> {
    await Promise.all(this.#work.values())
  }

  /** Takes an open gap; the same one only once. */
  add(gap: Gap): void {
    const key = `${gap.from}-${gap.to}`
    if (gap.status !== 'open' || this.#known.has(`${streamName(gap.instrument)} ${key}`)) return
    this.#known.add(`${streamName(gap.instrument)} ${key}`)
    this.#queue(gap.instrument, () => this.#fill(gap))
  }

  /** Makes the stored candles of a past range the source's own, behind the gaps that are being filled. */
  mend(instrument: Instrument, range: TimeRange): void {
    const mendOnce = () => this.#slots.run(() => this.#ports.mend(instrument, range, this.#signal))
    this.#queue(instrument, () => this.#untilDone(instrument, 'candles not mended yet', mendOnce))
  }

  #queue(instrument: Instrument, work: () => Promise<void>): void {
    const stream = streamName(instrument)
    const behind = this.#work.get(stream) ?? Promise.resolve()
    const done = behind
      .then(work)
      .catch((error) => this.#ports.log.error({ stream, reason: describeError(error) }, 'filling in failed'))
    this.#work.set(stream, done)
  }

  async #fill(gap: Gap): Promise<void> {
    const { backfillMax, onSettled } = this.#ports
    if (gap.to - gap.from >= backfillMax) {
      onSettled({ ...gap, status: 'unfillable', reason: 'more trades are missing than BACKFILL_MAX' })
      return
    }
    // What was found stays found over a failure: it would be folded into its candles twice.
    const found = findNothing(gap.from)
    await this.#untilDone(gap.instrument, 'gap not filled yet', () => this.#slots.run(() => this.#ask(gap, found)))
  }

  async #untilDone(instrument: Instrument, what: string, work: () => Promise<void>): Promise<void> {
    const { backoff, log } = this.#ports
    for (let attempt = 0; !this.#signal.aborted; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (!isGatewayError(error)) throw error
        if (this.#signal.aborted) return
        log.warn({ stream: streamName(instrument), reason: error.message }, what)
        await pause(fullJitterMs(attempt, backoff), this.#signal)
      }
    }
  }

  async #ask(gap: Gap, found: Found): Promise<void> {
    const { feed, stored } = this.#ports
    const { instrument, to } = gap
    // What comes before the gap, and its row, first: else a crash would leave a hole that nobody knows of. A database
    // that is away must not keep the gateway from stopping.
    await Promise.race([stored(), this.#stopped])
    const start = { after: found.next - 1 }
    const pages = feed.trades?.(instrument, start, this.#signal, 'polite')
    const isMoreWanted = (page: readonly Tick[]) => (page.at(-1)?.id ?? 0) < to
    for await (const page of pages ? readAhead(pages, isMoreWanted) : []) {
      const late = page.filter(({ id }) => id >= found.next && id <= to)
      await this.#take(gap, late, found)
      if (this.#signal.aborted) return
      if ((page.at(-1)?.id ?? 0) >= to) return this.#finish(gap, found)
      // Live traffic goes first.
      await nextTurn()
    }
    // A page that holds nothing of it ends the question above; here the source has not got so far. The stream had later
    // ones: they are on their way to where the source answers from.
    if (found.next <= to) throw new GatewayError('feed_broken', `the source must have trades up to ${to}, did not yet`)
    await this.#finish(gap, found)
  }

  /** Folds and stores a page of ticks. Resolves when it is durable. */
  async #take(gap: Gap, late: readonly Tick[], found: Found): Promise<void> {
    const { instrument } = gap
    const { memory, storeLate, onRevised, keptSince } = this.#ports
    const kept = late.filter(({ time }) => time >= keptSince())
    if (kept.length < late.length) addTooOld(found, late[late.length - kept.length - 1]!)
    if (kept.length === 0) return
    await storeLate(
      instrument,
      kept.map((tick) => ({ ...tick, prev: tick.id - 1, backfilled: true })),
    )
    // Stored before they are folded: a page that has to be asked for again has changed nothing.
    const history = memory.stream(instrument.symbol)?.history
    for (const tick of kept) {
      takeFound(found, tick)
      if (isFolded(gap)) continue
      history?.foldLate(tick)
      onRevised(instrument.symbol, tick.time)
    }
  }

  /** Tells what became of every part of the gap; from then on the database alone tells the stream up to there. */
  async #finish({ instrument, from, to }: Gap, found: Found): Promise<void> {
    const { memory, onSettled, mend } = this.#ports
    if (found.range !== undefined) {
      await this.#storeCandles(instrument)
      await mend(instrument, found.range, this.#signal)
      if (this.#signal.aborted) return
      memory.stream(instrument.symbol)?.cutTail(to)
    }
    for (const part of partsOf(found, from, to)) onSettled({ instrument, ...part })
  }

  /** Before the gap is told as filled: a crash in between would leave candles without these ticks for ever. */
  async #storeCandles(instrument: Instrument): Promise<void> {
    const { memory, storeCandle, stored } = this.#ports
    for (const { timeframe, candles } of memory.stream(instrument.symbol)?.history.takeDirty() ?? []) {
      for (const candle of candles) storeCandle({ instrument, timeframe, candle })
    }
    await Promise.race([stored(), this.#stopped])
  }
}
