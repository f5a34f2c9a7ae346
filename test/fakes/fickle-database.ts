import { GatewayError } from '../../src/base/errors.ts'
import { createGate, type Gate } from '../../src/base/gate.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import type { Cursor, Update } from '../../src/market/tick.ts'
import type { Timeframe } from '../../src/market/timeframe.ts'
import type { CoveredCandles } from '../../src/tiers/database/coverage.ts'
import type { Batch, Database, TimeRange } from '../../src/tiers/database/database.ts'
import { MemoryDatabase } from './memory-database.ts'

/** A database of one instrument that is away when the test says so. Each row's `prev` is the stored one before it. */
export class FickleDatabase implements Database {
  readonly kind = 'postgresql'
  readonly stored = new MemoryDatabase()
  readonly writes: Batch[] = []
  registered: readonly Instrument[] = []
  /** Every call fails. */
  isAway = false
  /** The next write is committed, but its answer is lost. */
  losesAnswer = false
  /** Runs in the middle of every call. */
  pace: () => Promise<void> = async () => {}
  #hanging: Gate | undefined

  /** From now on no call is answered until `answer`. */
  hang(): void {
    this.#hanging ??= createGate()
  }

  answer(): void {
    this.#hanging?.open()
    this.#hanging = undefined
  }

  async register(instruments: readonly Instrument[]) {
    await this.#reach()
    this.registered = instruments
  }

  async instruments() {
    await this.#reach()
    return this.registered
  }

  async write(batch: Batch) {
    await this.#reach()
    await this.stored.write(batch)
    this.writes.push(batch)
    await this.pace()
    if (!this.losesAnswer) return
    this.losesAnswer = false
    throw new GatewayError('tier_unavailable', 'the connection was lost')
  }

  async ticksAfter(instrument: Instrument, after: Cursor, limit: number) {
    await this.#reach()
    const rows = linked(await this.stored.ticksAfter(instrument, -1, Number.POSITIVE_INFINITY))
    await this.pace()
    return rows.filter(({ id }) => id > after).slice(0, limit)
  }

  async ticksBefore(instrument: Instrument, before: Cursor | undefined, limit: number) {
    await this.#reach()
    const rows = linked(await this.stored.ticksAfter(instrument, -1, Number.POSITIVE_INFINITY))
    await this.pace()
    return rows.filter(({ id }) => before === undefined || id < before).slice(-limit)
  }

  async idFrom(instrument: Instrument, time: number) {
    await this.#reach()
    return this.stored.idFrom(instrument, time)
  }

  async candles(instrument: Instrument, timeframe: Timeframe, limit: number) {
    await this.#reach()
    return this.stored.candles(instrument, timeframe, limit)
  }

  async candlesBefore(instrument: Instrument, timeframe: Timeframe, before: number, limit: number) {
    await this.#reach()
    return this.stored.candlesBefore(instrument, timeframe, before, limit)
  }

  async candlesIn(instrument: Instrument, timeframe: Timeframe, range: TimeRange, limit: number) {
    await this.#reach()
    return this.stored.candlesIn(instrument, timeframe, range, limit)
  }

  async gaps() {
    await this.#reach()
    return this.stored.gaps()
  }

  async cover(covered: CoveredCandles) {
    await this.#reach()
    return this.stored.cover(covered)
  }

  async observations(instrument: Instrument, asOf?: string) {
    await this.#reach()
    return this.stored.observations(instrument, asOf)
  }

  async coverage(instrument: Instrument, timeframe: Timeframe) {
    await this.#reach()
    return this.stored.coverage(instrument, timeframe)
  }

  async close() {
    this.answer()
  }

  async #reach(): Promise<void> {
    await this.pace()
    await this.#hanging?.opened
    if (this.isAway) throw new GatewayError('tier_unavailable', 'the database must answer, but is away')
  }
}

function linked(rows: readonly Update[]): readonly Update[] {
  return rows.map((row, index) => ({ ...row, prev: rows[index - 1]?.id ?? null }))
}
