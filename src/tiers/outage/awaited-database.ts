import { GatewayError } from '../../base/errors.ts'
import type { Instrument } from '../../market/instrument.ts'
import type { Cursor } from '../../market/tick.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import type { CoveredCandles } from '../database/coverage.ts'
import type { Batch, Database, TimeRange } from '../database/database.ts'
import type { SqlDatabase } from '../database/sql-database.ts'

/**
 * A server that has not been reached since the start. Unlike a new database it may hold anything: until it is reached,
 * every call is refused.
 */
export class AwaitedDatabase implements Database {
  readonly kind = 'postgresql'
  #reached: SqlDatabase | undefined
  #reason = 'nobody has asked yet'

  get isReached(): boolean {
    return this.#reached !== undefined
  }

  /** Why it could not be reached when it was tried last. Never a secret. */
  get reason(): string {
    return this.#reason
  }

  /** From now on it is this one. */
  reach(database: SqlDatabase): void {
    this.#reached = database
  }

  /** It was tried, without success. */
  miss(reason: string): void {
    this.#reason = reason
  }

  async register(instruments: readonly Instrument[]) {
    return this.#there.register(instruments)
  }

  async instruments() {
    return this.#there.instruments()
  }

  async write(batch: Batch, giveUp?: AbortSignal) {
    return this.#there.write(batch, giveUp)
  }

  async ticksAfter(instrument: Instrument, after: Cursor, limit: number) {
    return this.#there.ticksAfter(instrument, after, limit)
  }

  async ticksBefore(instrument: Instrument, before: Cursor | undefined, limit: number) {
    return this.#there.ticksBefore(instrument, before, limit)
  }

  async idFrom(instrument: Instrument, time: number) {
    return this.#there.idFrom(instrument, time)
  }

  async candles(instrument: Instrument, timeframe: Timeframe, limit: number) {
    return this.#there.candles(instrument, timeframe, limit)
  }

  async candlesBefore(instrument: Instrument, timeframe: Timeframe, before: number, limit: number) {
    return this.#there.candlesBefore(instrument, timeframe, before, limit)
  }

  async candlesIn(instrument: Instrument, timeframe: Timeframe, range: TimeRange, limit: number) {
    return this.#there.candlesIn(instrument, timeframe, range, limit)
  }

  async gaps(instrument: Instrument) {
    return this.#there.gaps(instrument)
  }

  async observations(instrument: Instrument, asOf?: string) {
    return this.#there.observations(instrument, asOf)
  }

  async cover(covered: CoveredCandles) {
    return this.#there.cover(covered)
  }

  async coverage(instrument: Instrument, timeframe: Timeframe) {
    return this.#there.coverage(instrument, timeframe)
  }

  /** An answer of it is late. */
  doubt(): void {
    this.#reached?.doubt()
  }

  async close(): Promise<void> {
    await this.#reached?.close()
  }

  get #there(): Database {
    if (this.#reached !== undefined) return this.#reached
    throw new GatewayError('tier_unavailable', `the database must be reached first, but: ${this.#reason}`)
  }
}
