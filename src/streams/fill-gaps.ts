import { type BackoffBounds, fullJitterMs, pause } from '../base/backoff.ts'
import { describeError, GatewayError, isGatewayError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { createSlots } from '../base/slots.ts'
import type { Feed } from '../feed.ts'
import { streamName } from '../market/instrument.ts'
import type { Cursor, Tick, Update } from '../market/tick.ts'
import type { Gap } from '../tiers/database.ts'
import type { MemoryTier } from '../tiers/memory.ts'

export interface FillGapsPorts {
  readonly feed: Feed
  readonly memory: MemoryTier
  /** More missed trades than this are not fetched (BACKFILL_MAX). */
  readonly backfillMax: number
  /** Ticks found late: to the database, not to the stream. */
  readonly storeLate: (instrument: Gap['instrument'], updates: readonly Update[]) => void
  /** Resolves when everything handed to `storeLate` is durable. */
  readonly stored: () => Promise<void>
  /** The candles that hold `time` have changed. */
  readonly onRevised: (symbol: string, time: number) => void
  /** What became of a gap, or of a part of it: `filled` or `unfillable`. */
  readonly onSettled: (gap: Gap) => void
  readonly backoff: BackoffBounds
  /** Between two pages. */
  readonly pauseMs: number
  readonly log: Log
}

/**
 * Fills the gaps that a stream had to leave open, one after the other, in the background. What is found is stored and
 * folded into its candles, whose revisions rise; it is never slipped into the live stream.
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
    const key = `${streamName(gap.instrument)} ${gap.from}`
    if (gap.status !== 'open' || this.#known.has(key)) return
    this.#known.add(key)
    const stream = streamName(gap.instrument)
    const work = (this.#work.get(stream) ?? Promise.resolve())
      .then(() => this.#fill(gap))
      .catch((error) => this.#ports.log.error({ gap: key, reason: describeError(error) }, 'filling a gap failed'))
    this.#work.set(stream, work)
  }

  async #fill(gap: Gap): Promise<void> {
    const { backfillMax, onSettled, backoff, log } = this.#ports
    if (gap.to - gap.from >= backfillMax) {
      onSettled({ ...gap, status: 'unfillable', reason: 'more trades are missing than BACKFILL_MAX' })
      return
    }
    // What was found stays found over a failure: it would be folded into its candles twice.
    const found: Found = { next: gap.from, parts: [] }
    for (let attempt = 0; !this.#signal.aborted; attempt++) {
      try {
        return await this.#slots.run(() => this.#ask(gap, found))
      } catch (error) {
        if (!isGatewayError(error)) throw error
        if (this.#signal.aborted) return
        log.warn({ stream: streamName(gap.instrument), from: found.next, reason: error.message }, 'gap not filled yet')
        await pause(fullJitterMs(attempt, backoff), this.#signal)
      }
    }
  }

  async #ask(gap: Gap, found: Found): Promise<void> {
    const { feed, pauseMs } = this.#ports
    const { instrument, to } = gap
    for await (const page of feed.trades?.(instrument, { after: found.next - 1 }, this.#signal) ?? []) {
      await this.#take(
        gap,
        page.filter(({ id }) => id >= found.next && id <= to),
        found,
      )
      if (this.#signal.aborted) return
      if ((page.at(-1)?.id ?? 0) >= to) return this.#settle(gap, found)
      if (!(await pause(pauseMs, this.#signal))) return
    }
    // The stream had later ones: they are on their way to where the source answers from.
    throw new GatewayError('feed_broken', `the source must have trades up to ${to}, did not yet`)
  }

  /** Folds and stores a page of ticks. Resolves when it is durable. */
  async #take({ instrument }: Gap, late: readonly Tick[], found: Found): Promise<void> {
    const { memory, storeLate, stored, onRevised } = this.#ports
    const stream = memory.stream(instrument.symbol)
    for (const tick of late) {
      stream?.history.foldLate(tick)
      onRevised(instrument.symbol, tick.time)
      addPart(found, tick.id)
    }
    storeLate(
      instrument,
      late.map((tick) => ({ ...tick, prev: tick.id - 1, backfilled: true })),
    )
    // A database that is away must not keep the gateway from stopping: what is not durable is asked for again.
    await Promise.race([stored(), this.#stopped])
  }

  /** Tells what became of every part of the gap; from then on the database alone tells the stream up to there. */
  #settle({ instrument, from, to }: Gap, { parts }: Found): void {
    const { memory, onSettled } = this.#ports
    if (parts.length > 0) memory.stream(instrument.symbol)?.cutTail(to)
    let next = from
    for (const part of [...parts, { from: to + 1, to }]) {
      if (part.from > next) {
        const reason = 'the source does not have these trades'
        onSettled({ instrument, from: next, to: part.from - 1, status: 'unfillable', reason })
      }
      if (part.to >= part.from) onSettled({ instrument, ...part, status: 'filled', reason: undefined })
      next = part.to + 1
    }
  }
}

/** How far a gap is filled: the next id to ask for, and the ids that were found, as ranges. */
interface Found {
  next: Cursor
  readonly parts: { from: Cursor; to: Cursor }[]
}

function addPart(found: Found, id: Cursor): void {
  const last = found.parts.at(-1)
  if (last !== undefined && last.to + 1 === id) last.to = id
  else found.parts.push({ from: id, to: id })
  found.next = id + 1
}
