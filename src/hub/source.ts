import type { Candle } from '../market/candle.ts'
import type { Instrument } from '../market/instrument.ts'
import type { QuotedStream } from '../market/quote.ts'
import type { Cursor, Tick, Update } from '../market/tick.ts'
import type { ChartTimeframe } from '../market/timeframe.ts'

/** One instrument's stream as memory has it now: every call is synchronous and as of the same `cursor`. */
export interface StreamView extends Pick<QuotedStream, 'market' | 'clock'> {
  readonly instrument: Instrument
  /** The id of the newest tick; null before the first. */
  readonly cursor: Cursor | null
  readonly latest: Update | undefined
  /** No newer tick has been refused or is being waited for: the stream runs live. */
  readonly live: boolean
  /** Its source has not confirmed the newest price for long. */
  readonly stale: boolean
  /** Its source has nothing newer: an id beyond the cursor is one that nobody can have got. */
  readonly whole: boolean
  /** The newest `count` candles, ascending; the last may be open. */
  candles(timeframe: ChartTimeframe, count: number): readonly Candle[]
  /** Ids that the stream does not hold, ascending and apart: still `open`, or never to be filled. */
  gaps(): readonly StreamGap[]
  /** How often ticks were stored behind the stream, gaps or not: what was read of the database before may lack some. */
  readonly refills: number
  /** The candle whose bucket starts at `time`. */
  candleAt(timeframe: ChartTimeframe, time: number): Candle | undefined
  /** Nothing older than the oldest candle here is known to be. */
  holdsAll(timeframe: ChartTimeframe): boolean
  /** A candle from before `before` (Unix ms) that memory has let go of may not be in the database yet. */
  lacksStored(timeframe: ChartTimeframe, before: number): boolean
  /**
   * How often candles before the middle one of those here may have changed here, or in the database those before the
   * oldest: what was read of it before may be old.
   */
  behind(timeframe: ChartTimeframe): number
  /** The newest candle whose bucket starts before `time`. */
  candleBefore(timeframe: ChartTimeframe, time: number): Candle | undefined
  /** What its candles may be asked in. */
  readonly timeframes: readonly ChartTimeframe[]
  /** The `time` of the bucket that a tick changes. */
  bucketOf(timeframe: ChartTimeframe, tick: Pick<Tick, 'time' | 'period'>): number
  /** Buckets that start before it are over: a candle there is final. -Infinity: not known yet. */
  overUntil(timeframe: ChartTimeframe): number
  /** Its buckets end by its source's clock. Else a candle is final as it comes, and nothing tells of the end of a bucket. */
  readonly endsByClock: boolean
  /** The newest `count` ticks or as many as the tail holds, ascending. */
  tail(count: number): readonly Update[]
  /**
   * At most `limit` ticks after `after`, ascending; undefined when the tail no longer reaches back to there. It reaches
   * back to the `prev` of the oldest tick it holds. What it has let go of MUST be stored, save what left
   * full buffers before that: those ids are gaps.
   */
  tailAfter(after: Cursor | null, limit: number): readonly Update[] | undefined
}

/** A hole that the stream went on without; bounds are inclusive. */
export interface StreamGap {
  readonly from: Cursor
  readonly to: Cursor
  readonly status: 'open' | 'unfillable'
  readonly reason: string | undefined
}

export interface OlderCandles {
  /** Ascending. */
  readonly candles: readonly Candle[]
  /** None is missing; else these are those that are stored, and the source did not say in time what else there is. */
  readonly isWhole: boolean
  /** They are fewer than asked for, and yet not all: too many buckets before them had no trade. */
  readonly hasOlder?: boolean
}

/** What the hub needs of the rest of the gateway. */
export interface HubSource {
  /** Undefined: no such symbol here. */
  stream(symbol: string): StreamView | undefined
  symbols(): readonly string[]
  /** Symbols that are configured, of which nothing is known until their source has answered. */
  awaited(): readonly string[]
  /** From the database: the oldest `limit` ticks with id > `after`, ascending. @throws GatewayError tier_unavailable */
  ticksAfter(symbol: string, after: Cursor, limit: number): Promise<readonly Update[]>
  /**
   * What is older than memory's window: the newest `count` candles whose buckets begin before `before` (Unix ms),
   * ascending, back to its first trade. @throws GatewayError tier_unavailable
   */
  candlesBefore(symbol: string, timeframe: ChartTimeframe, before: number, count: number): Promise<OlderCandles>
  /** Resolves when the database has the candles of `symbol` as memory had them at the call. @throws GatewayError tier_unavailable */
  storeCandles(symbol: string): Promise<void>
  /** From the database: the oldest tick at or after `time` (Unix ms), by id. @throws GatewayError tier_unavailable */
  idFrom(symbol: string, time: number): Promise<Cursor | undefined>
  /** From the database: the newest `limit` ticks with id < `before`, ascending. @throws GatewayError tier_unavailable */
  ticksBefore(symbol: string, before: Cursor | undefined, limit: number): Promise<readonly Update[]>
}
