import { type BackoffBounds, fullJitterMs, pause } from '../base/backoff.ts'
import { describeError, isGatewayError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Feed } from '../feed.ts'
import { type Instrument, streamName } from '../market/instrument.ts'
import type { Database, Gap } from '../tiers/database/database.ts'
import type { MemoryStream, MemoryTier } from '../tiers/memory/memory.ts'
import type { Waiting } from '../tiers/outage/spooling-database.ts'
import { type Recalled, recall } from './recall.ts'
import { RESTORED_TICKS, restore, restoreWaiting } from './restore.ts'
import { MISSED } from './take-source.ts'
import { breaksIn, openOf, type Untold, withoutMark } from './untold.ts'

/** What can be told of an instrument while the database is away, `limit` ticks of it; undefined: nothing. */
export type ReadWaiting = (instrument: Instrument, limit: number) => Promise<Waiting | undefined>

export interface OpenStreamPorts {
  readonly feed: Feed
  readonly memory: MemoryTier
  readonly database: Database
  readonly waiting?: ReadWaiting
  /** Candles per timeframe that are read back. */
  readonly depth: number
  /** Its ticks follow a place already: what is stored would only step back behind it. */
  readonly hasBegun: (stream: MemoryStream) => boolean
  /** Whether a stream may go on from what waits for a database that is away; else it begins when that is there. */
  readonly mayGoOn: (left: Waiting | undefined) => boolean
  /** Nobody needs to hear of these gaps now. */
  readonly storeGap: (gap: Gap) => void
  /** Gaps that are open when a stream goes on from what is stored. */
  readonly onUntold: (instrument: Instrument, gaps: readonly Gap[]) => void
  /** A stream that began without its database is known from its beginning now. */
  readonly onRecalled: (instrument: Instrument, recalled: Recalled) => void
  /** Between two tries to read what is stored, where a stream must wait for that. */
  readonly retry?: BackoffBounds
  readonly log: Log
}

const RETRY: BackoffBounds = { firstMs: 100, maxMs: 1_000 }

/** Opens the streams of one feed from what is stored of them, each as it stands; nobody sees one half read. */
export class StreamOpener {
  readonly #ports: OpenStreamPorts
  readonly #signal: AbortSignal
  /** By symbol: streams that began without their database. */
  readonly #recalls = new Map<string, Promise<void>>()

  constructor(ports: OpenStreamPorts, signal: AbortSignal) {
    this.#ports = ports
    this.#signal = signal
  }

  /** Serves an instrument from what is stored of it; undefined when `signal` aborts before. */
  async open(instrument: Instrument, signal: AbortSignal): Promise<MemoryStream | undefined> {
    const { memory, feed, hasBegun } = this.#ports
    const stream = memory.prepare(instrument)
    if (feed.candles !== undefined) stream.firstTraded ??= Number.NEGATIVE_INFINITY
    if (!hasBegun(stream)) await this.#restore(stream, signal)
    if (signal.aborted) return undefined
    memory.adopt(stream)
    return stream
  }

  /** Resolves when nothing is being recalled; after an abort. */
  async settled(): Promise<void> {
    await Promise.all(this.#recalls.values())
  }

  /** Reads back what is stored; without a database what waits for it, and the rest when it is there. */
  async #restore(stream: MemoryStream, signal: AbortSignal): Promise<void> {
    const { database, depth, hasBegun, retry = RETRY } = this.#ports
    for (let attempt = 0; ; attempt++) {
      try {
        const untold = await restore(stream, database, depth, signal, () => hasBegun(stream))
        if (untold !== undefined) this.#tellUntold(stream, untold)
        return
      } catch (error) {
        if (!isGatewayError(error, 'tier_unavailable')) throw error
        if (await this.#goOnWithout(stream, error.message)) return
        if (attempt === 0) this.#tellWait(stream, error.message)
        if (!(await pause(fullJitterMs(attempt, retry), signal))) return
      }
    }
  }

  /** What an earlier process has left untold: in memory before anybody reads the stream, and filled with its gaps. */
  #tellUntold(stream: MemoryStream, { holes, marks, open }: Untold): void {
    const { feed, storeGap, onUntold, log } = this.#ports
    const { instrument } = stream
    const ticks = feed.ids === 'contiguous' ? stream.tail(stream.tailSize) : []
    const missing = [...holes, ...breaksIn(ticks, [...stream.gaps(), ...holes])]
    const found = missing.map((range): Gap => ({ instrument, ...range, status: 'open', reason: MISSED }))
    for (const gap of found) {
      log.warn(
        { stream: streamName(instrument), from: gap.from, to: gap.to },
        'stored ticks have a hole that was not told',
      )
      stream.sayGap(gap)
      storeGap(gap)
    }
    onUntold(instrument, [...open, ...found])
    for (const mark of marks) storeGap(withoutMark(mark))
  }

  /** Whether the stream stands somewhere without its database. */
  async #goOnWithout(stream: MemoryStream, reason: string): Promise<boolean> {
    const { feed, waiting, hasBegun, mayGoOn, onUntold, log } = this.#ports
    const { instrument } = stream
    const left = await waiting?.(instrument, RESTORED_TICKS)
    if (hasBegun(stream)) return true
    if (!mayGoOn(left)) return false
    const { symbol } = instrument
    log.warn({ symbol, reason }, 'the stream begins without what is stored')
    restoreWaiting(stream, left, feed.ids === 'contiguous')
    onUntold(instrument, openOf(left?.gaps ?? []))
    if (!this.#recalls.has(symbol)) this.#recalls.set(symbol, this.#recall(stream))
    return true
  }

  #tellWait({ instrument: { symbol } }: MemoryStream, reason: string): void {
    this.#ports.log.warn({ symbol, reason }, 'the stream waits for what is stored, as it must go on from there')
  }

  /** Joins what is stored to a stream that began without it. Never rejects. */
  async #recall(stream: MemoryStream): Promise<void> {
    const { database, onRecalled, log } = this.#ports
    const { instrument } = stream
    const { symbol } = instrument
    try {
      await recall(stream, database, (recalled) => onRecalled(instrument, recalled), this.#signal)
    } catch (error) {
      log.error({ symbol, reason: describeError(error) }, 'what is stored could not be joined to the stream')
    }
  }
}
