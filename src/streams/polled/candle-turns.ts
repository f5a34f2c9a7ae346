import { type BackoffBounds, fullJitterMs, pause } from '../../base/backoff.ts'
import { describeError, isGatewayError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Feed } from '../../feed.ts'
import type { MarketState } from '../../market/market-state.ts'
import type { MemoryStream, MemoryTier } from '../../tiers/memory/memory.ts'
import { type AskCandlesPorts, askCandles } from '../ask-source.ts'
import { type TakeCandlesPorts, takeCandles } from './take-candles.ts'

export interface CandleTurnsPorts extends AskCandlesPorts, TakeCandlesPorts {
  readonly feed: Feed
  readonly memory: MemoryTier
  readonly backoff: BackoffBounds
  readonly log: Log
}

/** A source that was away for less has only made the candles a little poorer, until the end of the day. */
const AWAY_MS = 60_000
/** So long after its regular hours a market's candles are settled. */
const AFTER_HOURS_MS = 120_000

/**
 * Takes a polled feed's candles from its source: at the start, after it was away, after regular hours, and when the
 * exchange's day is over. One stream after the other, so that the source is asked little at a time, and beside the polls.
 */
export class CandleTurns {
  readonly #ports: CandleTurnsPorts
  readonly #signal: AbortSignal
  /** Symbols whose turn is to come. */
  readonly #waiting = new Set<string>()
  /** By symbol: when its candles are settled after regular hours (ms of `now`). */
  readonly #settled = new Map<string, number>()
  /** By symbol: the exchange's day on which its candles were taken last. */
  readonly #days = new Map<string, number>()
  /** By symbol: since when nothing was polled, by the source's clock (Unix ms); gone when the candles are taken. */
  readonly #missedSince = new Map<string, number>()
  #awaySince: number | undefined
  #running: Promise<void> | undefined

  constructor(ports: CandleTurnsPorts, signal: AbortSignal) {
    this.#ports = ports
    this.#signal = signal
  }

  /** The source answers polls. Resolves when every stream has had its candles taken. Never rejects. */
  async connect(): Promise<void> {
    const awayMs = this.#awaySince === undefined ? 0 : this.#ports.now() - this.#awaySince
    this.#awaySince = undefined
    for (const stream of this.#streams()) if (!stream.warm || awayMs >= AWAY_MS) this.#want(stream)
    await this.#run()
  }

  /** The source does not answer. */
  disconnect(): void {
    this.#awaySince ??= this.#ports.now()
    for (const stream of this.#streams()) this.missed(stream)
  }

  /** Whatever follows its newest tick, some may have been missed between. */
  missed({ instrument: { symbol }, latest }: MemoryStream): void {
    if (latest !== undefined && !this.#missedSince.has(symbol)) this.#missedSince.set(symbol, latest.time)
  }

  /** What a market is now, and what it was. */
  changed(symbol: string, before: MarketState | undefined, { market, delayMs }: MarketState): void {
    if (before?.market !== 'REGULAR' || market === 'REGULAR') return
    this.#settled.set(symbol, this.#ports.now() + AFTER_HOURS_MS + delayMs)
  }

  /** A poll has succeeded: what is due is taken, beside the polls that follow. */
  look(): void {
    const now = this.#ports.now()
    for (const stream of this.#streams()) {
      const { symbol } = stream.instrument
      const isSettled = now >= (this.#settled.get(symbol) ?? Number.POSITIVE_INFINITY)
      const taken = this.#days.get(symbol)
      if (isSettled || (taken !== undefined && (this.#dayOf(stream) ?? taken) > taken)) this.#want(stream)
    }
    void this.#run()
  }

  /** Resolves when no candles are being taken. */
  async settled(): Promise<void> {
    await this.#running
  }

  #want({ instrument: { symbol } }: MemoryStream): void {
    this.#settled.delete(symbol)
    this.#days.delete(symbol)
    this.#waiting.add(symbol)
  }

  #run(): Promise<void> {
    this.#running ??= this.#takeAll().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #takeAll(): Promise<void> {
    let failures = 0
    for (let [symbol] = this.#waiting; symbol !== undefined; [symbol] = this.#waiting) {
      this.#waiting.delete(symbol)
      if (this.#signal.aborted) return
      if (await this.#take(symbol)) failures = 0
      // The others first: it may be this one that the source has no candles of.
      else this.#waiting.add(symbol)
      if (this.#waiting.has(symbol)) await pause(fullJitterMs(failures++, this.#ports.backoff), this.#signal)
    }
  }

  async #take(symbol: string): Promise<boolean> {
    const { memory, feed, now, log } = this.#ports
    const stream = memory.stream(symbol)
    if (stream === undefined || stream.over) return true
    let day: number | undefined
    try {
      const missedSince = this.#missedSince.get(symbol)
      const missedMs = (stream.clock.now(now()) ?? 0) - (missedSince ?? Number.POSITIVE_INFINITY)
      // Before it is asked: a day that ends meanwhile is not in the answer.
      day = this.#dayOf(stream)
      const pace = stream.warm ? 'polite' : 'urgent'
      const candles = await askCandles(stream.instrument, Math.max(0, missedMs), this.#ports, this.#signal, pace)
      if (this.#signal.aborted) return false
      takeCandles(stream, candles, missedSince, this.#ports)
      this.#missedSince.delete(symbol)
      this.#took(stream, day)
      return true
    } catch (error) {
      if (isGatewayError(error, 'feed_refused')) {
        log.warn({ feed: feed.name, symbol, reason: error.message }, 'the source has no candles: they are of its ticks')
        stream.warm = true
        this.#took(stream, day)
        return true
      }
      const level = isGatewayError(error) ? 'warn' : 'error'
      if (!this.#signal.aborted)
        log[level]({ feed: feed.name, symbol, reason: describeError(error) }, 'candles not taken, trying again')
      return false
    }
  }

  /** Not before the exchange's next day again, after `asked`: the day on which the source was asked. */
  #took(stream: MemoryStream, asked: number | undefined): void {
    const day = asked ?? this.#dayOf(stream)
    if (day !== undefined) this.#days.set(stream.instrument.symbol, day)
  }

  #dayOf({ history, clock }: MemoryStream): number | undefined {
    const time = clock.now(this.#ports.now())
    return time === undefined ? undefined : history.calendar.startOf('1D', time - AFTER_HOURS_MS)
  }

  #streams(): readonly MemoryStream[] {
    const { memory, feed } = this.#ports
    return [...memory.streams()].filter(({ instrument }) => instrument.source === feed.name)
  }
}
