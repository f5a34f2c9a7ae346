import type { Candle } from '../../market/candle.ts'
import type { Instrument } from '../../market/instrument.ts'
import type { Observation } from '../../market/observation.ts'
import type { Cursor, Update } from '../../market/tick.ts'
import type { TimeRange } from '../../market/time-range.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import type { CoveredCandles } from './coverage.ts'

export type { TimeRange }

/** A candle with the place it belongs to. */
export interface CandleRow {
  readonly instrument: Instrument
  readonly timeframe: Timeframe
  readonly candle: Candle
}

/** Ids of one instrument that the stream does not hold. Bounds are inclusive. */
export interface Gap {
  readonly instrument: Instrument
  readonly from: Cursor
  readonly to: Cursor
  readonly status: 'open' | 'filled' | 'unfillable'
  readonly reason: string | undefined
}

/** What one transaction writes: all of it or nothing. */
export interface Batch {
  /** In arrival order, each instrument's in id order. */
  readonly ticks: readonly { readonly instrument: Instrument; readonly update: Update }[]
  /** At most one row per (instrument, timeframe, time). */
  readonly candles: readonly CandleRow[]
  readonly gaps: readonly Gap[]
  /**
   * Told, before `write` ends, of each tick that is not stored: refused, or its id is stored with another content. Not of
   * those that wait on disk, which nobody can say of yet.
   */
  readonly onRefused?: (update: Update) => void
}

/**
 * The database tier. Writing the same thing twice changes nothing: a tick by its id (the first content wins), a candle
 * unless its (revision, final, lastId, trades) is higher. Reads never return a tick twice and order by id.
 *
 * @throws GatewayError tier_unavailable from every method while the database cannot be reached: worth another try.
 */
export interface Database {
  readonly kind: 'pglite' | 'postgresql'

  /** Makes the instruments known, keeping the ids of those that are. MUST be called before anything else names them. */
  register(instruments: readonly Instrument[]): Promise<void>
  /** Every instrument ever registered. */
  instruments(): Promise<readonly Instrument[]>

  /**
   * Commits the batch; when it resolves, the rows survive a crash of this process. A row that can never be stored (a
   * time outside of the calendar, a price that is no number) does not hold the others up: they are committed first.
   * A server commits nothing of it any more that it has not been told to commit when `giveUp` aborts: what is written
   * elsewhere instead may be newer by the time it answers.
   * @throws GatewayError row_refused about such a row, unless the database was opened with someone to tell.
   */
  write(batch: Batch, giveUp?: AbortSignal): Promise<void>

  /** The oldest `limit` ticks with id > `after`, ascending, each with its stored predecessor as `prev`. */
  ticksAfter(instrument: Instrument, after: Cursor, limit: number): Promise<readonly Update[]>
  /** The newest `limit` ticks with id < `before` (default: all), ascending. */
  ticksBefore(instrument: Instrument, before: Cursor | undefined, limit: number): Promise<readonly Update[]>
  /** The oldest tick that happened at or after `time` (Unix ms), by id; undefined: there is none. */
  idFrom(instrument: Instrument, time: number): Promise<Cursor | undefined>
  /** The newest `limit` candles, ascending; the last may be open. */
  candles(instrument: Instrument, timeframe: Timeframe, limit: number): Promise<readonly Candle[]>
  /** The newest `limit` candles whose buckets begin before `before` (Unix ms), ascending. */
  candlesBefore(instrument: Instrument, timeframe: Timeframe, before: number, limit: number): Promise<readonly Candle[]>
  /** The oldest `limit` candles whose buckets begin in `range`, ascending. */
  candlesIn(instrument: Instrument, timeframe: Timeframe, range: TimeRange, limit: number): Promise<readonly Candle[]>
  gaps(instrument: Instrument): Promise<readonly Gap[]>
  /**
   * Of a series: every observation that is stored, by period, then vintage; with `asOf` (YYYY-MM-DD) of each period only
   * the newest that was known on that day. Ticks of instruments of the class `macro` are stored as these, for ever.
   */
  observations(instrument: Instrument, asOf?: string): Promise<readonly Observation[]>

  /**
   * Stores candles that the source was asked for, and that of this range it has no others: both or nothing. Not for
   * what was not asked, or is not over: nobody would ask again.
   */
  cover(covered: CoveredCandles): Promise<void>
  /** The ranges that were covered, ascending; rows that are past their retention may be gone from them. */
  coverage(instrument: Instrument, timeframe: Timeframe): Promise<readonly TimeRange[]>

  /** Ends every connection; safe to call twice. */
  close(): Promise<void>
}
