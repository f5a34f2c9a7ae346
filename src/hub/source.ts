import type { Candle } from '../market/candle.ts'
import type { Instrument } from '../market/instrument.ts'
import type { Cursor, Update } from '../market/tick.ts'
import type { Timeframe } from '../market/timeframe.ts'

/** One instrument's stream as memory has it now: every call is synchronous and as of the same `cursor`. */
export interface StreamView {
  readonly instrument: Instrument
  /** The id of the newest tick; null before the first. */
  readonly cursor: Cursor | null
  readonly latest: Update | undefined
  /** No newer tick has been refused or is being waited for: the stream runs live. */
  readonly live: boolean
  /** The newest `count` candles, ascending; the last may be open. */
  candles(timeframe: Timeframe, count: number): readonly Candle[]
  /** The candle whose bucket starts at `time`. */
  candleAt(timeframe: Timeframe, time: number): Candle | undefined
  /** The newest `count` ticks or as many as the tail holds, ascending. */
  tail(count: number): readonly Update[]
  /**
   * At most `limit` ticks after `after`, ascending; undefined when the tail no longer reaches back to there. It reaches
   * back to the `prev` of the oldest tick it holds. What it has let go of MUST be in the database, save what the writer
   * dropped at its bound: those ids are in neither, and whoever resumes across them is told `truncated`.
   */
  tailAfter(after: Cursor | null, limit: number): readonly Update[] | undefined
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
  /** From the database: the newest `limit` ticks with id < `before`, ascending. @throws GatewayError tier_unavailable */
  ticksBefore(symbol: string, before: Cursor | undefined, limit: number): Promise<readonly Update[]>
}
