import { LRUCache } from 'lru-cache'
import { isGatewayError } from '../../base/errors.ts'
import type { Candle } from '../../market/candle.ts'
import { streamName } from '../../market/instrument.ts'
import { gridRange, outside, type TimeRange } from '../../market/time-range.ts'
import { bucketEnd, type Timeframe } from '../../market/timeframe.ts'
import { candlesKeptSince } from '../../tiers/database/candle-retention.ts'
import type { Database } from '../../tiers/database/database.ts'
import type { MemoryStream } from '../../tiers/memory/memory.ts'
import { mendedRows } from '../mend-candles.ts'
import { MOST_BUCKETS } from '../source-candles.ts'
import { type AskCandlesPorts, CandleQuestions } from './ask-candles.ts'
import { Coverage } from './coverage.ts'
import { heldCandles, joinedAt } from './held-candles.ts'

export type ChartDatabase = Pick<Database, 'candlesIn' | 'candlesBefore' | 'coverage' | 'cover'>

export interface CandlePagesPorts extends AskCandlesPorts {
  readonly database: ChartDatabase
}

/** The candles of one page of a timeframe's grid. */
export interface CandlePage {
  /** Ascending. */
  readonly candles: readonly Candle[]
  /** None is missing, up to where memory's own begin; else these are the ones that are stored. */
  readonly isWhole: boolean
  readonly tier: 'memory' | 'database'
}

/** Pages that are not stored and kept here: a thousand candles each. */
const MOST_UNSTORED = 100
/** How long such a page is kept when the database is merely away. */
const WHILE_AWAY_MS = 10_000
/** Rows this near to the end of their days may be dropped while they are read. */
const ABOUT_TO_LEAVE_MS = 60_000

/**
 * Candles before memory's, a page at a time: from the database where it is known to have all of them, else the source is
 * asked, and what it answers is stored. What is too old to be stored is kept here for a while. One load of a page at a
 * time, whoever wants it.
 */
export class CandlePages {
  readonly #ports: CandlePagesPorts
  readonly #coverage: Coverage
  readonly #questions: CandleQuestions
  readonly #loads = new Map<string, Promise<CandlePage>>()
  readonly #unstored = new LRUCache<string, CandlePage>({ max: MOST_UNSTORED })

  constructor(ports: CandlePagesPorts) {
    this.#ports = ports
    this.#coverage = new Coverage(ports.database)
    this.#questions = new CandleQuestions(ports)
  }

  /** How long an answer of the source is waited for. */
  get waitMs(): number {
    return this.#questions.waitMs
  }

  /** The page in which `time` lies. Never rejects but for a fault of ours. */
  read(stream: MemoryStream, timeframe: Timeframe, time: number): Promise<CandlePage> {
    const range = pageAt(timeframe, time)
    const key = `${streamName(stream.instrument)} ${timeframe} ${range.from}`
    const kept = this.#unstored.get(key)
    if (kept !== undefined) return Promise.resolve(kept)
    const loading = this.#loads.get(key)
    if (loading !== undefined) return loading
    const load = this.#load(key, stream, timeframe, range).finally(() => this.#loads.delete(key))
    this.#loads.set(key, load)
    return load
  }

  /**
   * Has the database know everything that the source has of a range, page by page; false: it may not.
   * @throws GatewayError tier_unavailable
   */
  async store(stream: MemoryStream, timeframe: Timeframe, { from, to }: TimeRange): Promise<boolean> {
    const ranges: TimeRange[] = []
    for (let time = from; time < to; time = ranges.at(-1)!.to) {
      const page = pageAt(timeframe, time)
      ranges.push({ from: page.from, to: Math.min(page.to, to) })
    }
    const outcomes = await Promise.all(ranges.map((range) => this.#storePage(stream, timeframe, range)))
    return outcomes.every((isWhole) => isWhole)
  }

  /** Since when nothing is missing in the database up to `to`. @throws GatewayError tier_unavailable */
  async storedSince(stream: MemoryStream, timeframe: Timeframe, to: number): Promise<number> {
    const own = ownSince(stream, timeframe)
    const end = own < to ? own : to
    const ranges = await this.#coverage.of(stream.instrument, timeframe)
    return ranges.find((range) => range.from < end && range.to >= end)?.from ?? end
  }

  /** Whether candles from `from` on stay in the database for now. */
  isKept(timeframe: Timeframe, from: number): boolean {
    return from >= candlesKeptSince(timeframe, this.#ports.now()) + ABOUT_TO_LEAVE_MS
  }

  close(): Promise<void> {
    return this.#questions.close()
  }

  async #load(key: string, stream: MemoryStream, timeframe: Timeframe, range: TimeRange): Promise<CandlePage> {
    const { heldSince } = stream.history.window(timeframe)
    // What leaves memory while the rest is read may not be stored yet.
    const held = heldCandles(stream, timeframe, range)
    const page = await this.#loadOlder(key, stream, timeframe, range)
    return held.length === 0 ? page : { ...page, candles: joinedAt(heldSince, page.candles, held) }
  }

  async #loadOlder(key: string, stream: MemoryStream, timeframe: Timeframe, range: TimeRange): Promise<CandlePage> {
    if (!this.isKept(timeframe, range.from)) return this.#loadUnstored(key, stream, timeframe, range)
    try {
      return await this.#loadStored(stream, timeframe, range)
    } catch (error) {
      if (!isGatewayError(error)) throw error
      return this.#loadUnstored(key, stream, timeframe, range, WHILE_AWAY_MS)
    }
  }

  async #loadStored(stream: MemoryStream, timeframe: Timeframe, range: TimeRange): Promise<CandlePage> {
    const isWhole = await this.#storePage(stream, timeframe, range)
    const candles = await this.#ports.database.candlesIn(stream.instrument, timeframe, range, MOST_BUCKETS)
    return { candles, isWhole, tier: 'database' }
  }

  /** Asks the source for what the database lacks of a page; false: it may still. */
  async #storePage(stream: MemoryStream, timeframe: Timeframe, range: TimeRange): Promise<boolean> {
    const { instrument } = stream
    const window = stream.history.window(timeframe)
    const own = ownSince(stream, timeframe)
    const others = { from: range.from, to: Math.min(range.to, own) }
    const missing = outside(others, await this.#coverage.of(instrument, timeframe))
    // What has left memory is on its way to the database, normally for a moment.
    if (missing === undefined) return range.to <= own || !window.lacksStored(Math.min(range.to, window.heldSince))
    const asked = { from: missing.from, to: Math.min(missing.to, window.heldSince) }
    if (asked.from >= asked.to) return false
    const over = Math.min(own, window.heldSince)
    const keep = (candles: readonly Candle[]) => this.#keep(stream, timeframe, asked, candles, over)
    const answer = await this.#questions.ask(instrument, timeframe, asked, keep)
    return answer !== undefined && overUntil(timeframe, asked, answer, over) >= missing.to
  }

  /** Stores what the source answered. */
  async #keep(
    stream: MemoryStream,
    timeframe: Timeframe,
    asked: TimeRange,
    answer: readonly Candle[],
    over: number,
  ): Promise<void> {
    const range = { from: asked.from, to: overUntil(timeframe, asked, answer, over) }
    if (range.from >= range.to) return
    const { instrument, history } = stream
    const stored = await this.#ports.database.candlesIn(instrument, timeframe, range, MOST_BUCKETS)
    const candles = mendedRows(answer, stored, history.window(timeframe))
    await this.#coverage.cover({ instrument, timeframe, range, candles })
  }

  /** Straight from the source; what is stored of it all the same, where the source does not answer. */
  async #loadUnstored(
    key: string,
    stream: MemoryStream,
    timeframe: Timeframe,
    range: TimeRange,
    ttl?: number,
  ): Promise<CandlePage> {
    const { instrument } = stream
    const { heldSince } = stream.history.window(timeframe)
    const asked = { from: range.from, to: Math.min(range.to, heldSince) }
    const answer = await this.#questions.ask(instrument, timeframe, asked, async () => {})
    if (answer === undefined)
      return { candles: await this.#storedAnyway(stream, timeframe, range), isWhole: false, tier: 'database' }
    const isWhole = overUntil(timeframe, asked, answer, Math.min(heldSince, ownSince(stream, timeframe))) === asked.to
    if (isWhole && asked.to === range.to) {
      this.#unstored.set(key, { candles: answer, isWhole, tier: 'memory' }, ttl === undefined ? {} : { ttl })
    }
    return { candles: answer.filter(({ final }) => final), isWhole, tier: 'database' }
  }

  async #storedAnyway(
    { instrument }: MemoryStream,
    timeframe: Timeframe,
    range: TimeRange,
  ): Promise<readonly Candle[]> {
    try {
      return await this.#ports.database.candlesIn(instrument, timeframe, range, MOST_BUCKETS)
    } catch (error) {
      if (!isGatewayError(error, 'tier_unavailable')) throw error
      return []
    }
  }
}

/** Every page is asked and stored whole, so that two who want parts of it want the same. */
export function pageAt(timeframe: Timeframe, time: number): TimeRange {
  return gridRange(timeframe, MOST_BUCKETS, time)
}

/**
 * From here on nothing is missing: what this run has taken from the source is in memory or was stored. Infinity as long
 * as it has taken nothing: the source's newest candles are still to come, and to be memory's.
 */
function ownSince({ history, warm }: MemoryStream, timeframe: Timeframe): number {
  return warm ? history.window(timeframe).sourceSince : Number.POSITIVE_INFINITY
}

/** Up to where the answer can be kept: an open candle may follow, or nothing that has happened yet. */
function overUntil(timeframe: Timeframe, asked: TimeRange, answer: readonly Candle[], over: number): number {
  const open = answer.find(({ final }) => !final)
  if (open !== undefined) return Math.min(asked.to, open.time)
  if (asked.to <= over) return asked.to
  // Memory has nothing yet that would tell the time there.
  const last = answer.at(-1)
  return last === undefined ? asked.from : bucketEnd(timeframe, last.time)
}
