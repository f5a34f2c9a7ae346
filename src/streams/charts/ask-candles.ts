import { pause } from '../../base/backoff.ts'
import { isGatewayError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { createSlots, type Slots } from '../../base/slots.ts'
import type { Feed } from '../../feed.ts'
import type { Candle } from '../../market/candle.ts'
import { type Instrument, streamName } from '../../market/instrument.ts'
import type { TimeRange } from '../../market/time-range.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import { candlesIn } from '../source-candles.ts'

export type CandleFeed = Pick<Feed, 'name' | 'candles'>

export interface AskCandlesPorts {
  /** The feed of an instrument; undefined where it is not configured any more. */
  readonly feedOf: (instrument: Instrument) => CandleFeed | undefined
  readonly log: Pick<Log, 'warn'>
  readonly now: () => number
  /** The longest that somebody waits for an answer; the question goes on without them. */
  readonly waitMs?: number
}

/** Questions to one source at once, and in all that wait for their turn. */
const QUESTIONS_AT_ONCE = 2
const MOST_QUESTIONS = 100
/** A source that has just failed, or has let somebody wait for too long, is not waited for. */
const REST_MS = 5_000

/** Asks sources for candles that have long ended, at a polite pace: one question for all who want the same. */
export class CandleQuestions {
  readonly #ports: AskCandlesPorts
  readonly #underWay = new Map<string, Promise<readonly Candle[] | undefined>>()
  readonly #slots = new Map<string, Slots>()
  readonly #restUntil = new Map<string, number>()
  readonly #closing = new AbortController()

  constructor(ports: AskCandlesPorts) {
    this.#ports = ports
  }

  /** How long an answer is waited for. */
  get waitMs(): number {
    return this.#ports.waitMs ?? 3_000
  }

  /**
   * What the source has of a range of whole buckets, ascending; undefined: it has not answered in time, or will not.
   * `keep` is called with the answer, once, whoever still waits for it.
   * @throws GatewayError what `keep` throws
   */
  async ask(
    instrument: Instrument,
    timeframe: Timeframe,
    range: TimeRange,
    keep: (candles: readonly Candle[]) => Promise<void>,
  ): Promise<readonly Candle[] | undefined> {
    const feed = this.#ports.feedOf(instrument)
    if (feed === undefined || this.#isResting(feed)) return undefined
    const key = `${streamName(instrument)} ${timeframe} ${range.from} ${range.to}`
    const question = this.#underWay.get(key) ?? this.#begin(key, feed, instrument, timeframe, range, keep)
    if (question === undefined) return undefined
    const answered = new AbortController()
    const late = pause(this.waitMs, AbortSignal.any([answered.signal, this.#closing.signal])).then((isLate) => {
      if (isLate) this.#rest(feed)
      return undefined
    })
    try {
      return await Promise.race([question, late])
    } finally {
      answered.abort()
    }
  }

  /** Gives up what is under way. Resolves when it has ended. */
  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.allSettled([...this.#underWay.values()])
  }

  #begin(
    key: string,
    feed: CandleFeed,
    instrument: Instrument,
    timeframe: Timeframe,
    range: TimeRange,
    keep: (candles: readonly Candle[]) => Promise<void>,
  ): Promise<readonly Candle[] | undefined> | undefined {
    if (feed.candles === undefined || this.#underWay.size >= MOST_QUESTIONS) return undefined
    const slots = this.#slots.get(feed.name) ?? createSlots(QUESTIONS_AT_ONCE)
    this.#slots.set(feed.name, slots)
    const question = slots
      .run(() => this.#askOnce(feed, instrument, timeframe, range))
      .then(async (candles) => {
        if (candles !== undefined) await keep(candles)
        return candles
      })
      .finally(() => this.#underWay.delete(key))
    // Nobody may be waiting any more when it fails; whoever is, is told.
    question.catch(() => {})
    this.#underWay.set(key, question)
    return question
  }

  async #askOnce(feed: CandleFeed, instrument: Instrument, timeframe: Timeframe, range: TimeRange) {
    if (this.#closing.signal.aborted) return undefined
    try {
      return [...(await candlesIn(instrument, timeframe, range, feed, this.#closing.signal)).values()]
    } catch (error) {
      if (!isGatewayError(error)) throw error
      this.#rest(feed)
      if (!this.#closing.signal.aborted)
        this.#ports.log.warn(
          { feed: feed.name, symbol: instrument.symbol, timeframe, reason: error.message },
          'older candles not got',
        )
      return undefined
    }
  }

  #isResting({ name }: CandleFeed): boolean {
    return this.#closing.signal.aborted || this.#ports.now() < (this.#restUntil.get(name) ?? 0)
  }

  #rest({ name }: CandleFeed): void {
    this.#restUntil.set(name, this.#ports.now() + REST_MS)
  }
}
