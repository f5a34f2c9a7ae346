import { Kysely, sql } from 'kysely'
import { GatewayError } from '../../base/errors.ts'
import { type Instrument, streamName } from '../../market/instrument.ts'
import type { Cursor } from '../../market/tick.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import { type BatchWriter, createBatchWriter } from './batch-writer.ts'
import { type ConnectionSource, transaction } from './connection.ts'
import { type CoveredCandles, readCoverage, writeCoverage } from './coverage.ts'
import type { Batch, Database, TimeRange } from './database.ts'
import { createDialect } from './dialect.ts'
import { findIdFrom } from './find-id.ts'
import { readInstruments, registerInstruments } from './instruments.ts'
import { findObservationFrom, readObservations, readObservationsAfter, readObservationsBefore } from './observations.ts'
import { maintainPartitions } from './partitions.ts'
import { readCandles, readCandlesIn } from './read-candles.ts'
import { readGaps, readTicksAfter, readTicksBefore } from './reads.ts'
import type { Refusal, StoredRow } from './refusals.ts'
import type { Tables } from './schema.ts'
import { toGatewayError } from './sqlstate.ts'
import { groupTicks } from './tick-groups.ts'

/** A row that the database would not take: a tick (`update`), a candle or a gap. */
export type RefusedRow = StoredRow & { readonly instrument: Instrument }

export interface SqlDatabaseOptions {
  readonly tickRetentionDays: number
  /** Told of each refused row after the rest of its batch was stored; what it throws, `write` throws. */
  readonly onRefused: (row: RefusedRow, reason: string) => void
  /** Told of each tick whose id is stored with another content, which stays. */
  readonly onConflict: (row: RefusedRow, reason: string) => void
}

/** The contract over any PostgreSQL whose schema is up to date. Every error that leaves it is a GatewayError. */
export class SqlDatabase implements Database {
  readonly #source: ConnectionSource
  readonly #kysely: Kysely<Tables>
  readonly #writer: BatchWriter
  readonly #options: SqlDatabaseOptions
  readonly #idByStream = new Map<string, number>()
  /** The same for objects seen before: for each of many ticks, without making the name of its stream. */
  readonly #knownIds = new WeakMap<Instrument, number>()
  readonly #instrumentById = new Map<number, Instrument>()

  constructor(source: ConnectionSource, options: SqlDatabaseOptions) {
    this.#source = source
    this.#kysely = new Kysely<Tables>({ dialect: createDialect(source) })
    this.#writer = createBatchWriter(source)
    this.#options = options
  }

  get kind() {
    return this.#source.kind
  }

  async register(instruments: readonly Instrument[]): Promise<void> {
    const registered = await guarded(registerInstruments(this.#kysely, instruments))
    for (const { id, instrument, newestId } of registered) {
      this.#idByStream.set(streamName(instrument), id)
      this.#instrumentById.set(id, instrument)
      this.#writer.stored(id, newestId)
    }
  }

  instruments(): Promise<readonly Instrument[]> {
    return guarded(readInstruments(this.#kysely))
  }

  async write({ ticks, candles, gaps, onRefused }: Batch, giveUp?: AbortSignal): Promise<void> {
    const isObserved = ({ instrument }: { readonly instrument: Instrument }) => instrument.assetClass === 'macro'
    const traded = ticks.some(isObserved) ? ticks.filter((row) => !isObserved(row)) : ticks
    const observed = traded === ticks ? [] : ticks.filter(isObserved)
    const numbered = {
      ticks: groupTicks(traded, (instrument) => this.#id(instrument)),
      observations: observed.map((row) => ({ instrumentId: this.#id(row.instrument), observation: row.update })),
      candles: candles.map(({ instrument, ...row }) => ({ instrumentId: this.#id(instrument), ...row })),
      gaps: gaps.map((gap) => ({ instrumentId: this.#id(gap.instrument), gap })),
    }
    const { refused, conflicts } = await guarded(this.#writer.write(numbered, giveUp))
    for (const { row } of [...conflicts, ...refused]) {
      if ('update' in row) onRefused?.(row.update)
      if ('observation' in row) onRefused?.(row.observation)
    }
    this.#tell(conflicts, this.#options.onConflict)
    this.#tell(refused, this.#options.onRefused)
  }

  async ticksAfter(instrument: Instrument, after: Cursor, limit: number) {
    const read = instrument.assetClass === 'macro' ? readObservationsAfter : readTicksAfter
    return guarded(read(this.#kysely, this.#key(instrument), after, limit))
  }

  async ticksBefore(instrument: Instrument, before: Cursor | undefined, limit: number) {
    const read = instrument.assetClass === 'macro' ? readObservationsBefore : readTicksBefore
    return guarded(read(this.#kysely, this.#key(instrument), before, limit))
  }

  async candles(instrument: Instrument, timeframe: Timeframe, limit: number) {
    return guarded(readCandles(this.#kysely, this.#id(instrument), timeframe, limit))
  }

  async candlesBefore(instrument: Instrument, timeframe: Timeframe, before: number, limit: number) {
    return guarded(readCandles(this.#kysely, this.#id(instrument), timeframe, limit, before))
  }

  async idFrom(instrument: Instrument, time: number) {
    const find = instrument.assetClass === 'macro' ? findObservationFrom : findIdFrom
    return guarded(find(this.#kysely, this.#id(instrument), time))
  }

  async candlesIn(instrument: Instrument, timeframe: Timeframe, range: TimeRange, limit: number) {
    return guarded(readCandlesIn(this.#kysely, this.#id(instrument), timeframe, range, limit))
  }

  async gaps(instrument: Instrument) {
    return guarded(readGaps(this.#kysely, this.#id(instrument), instrument))
  }

  async observations(instrument: Instrument, asOf?: string) {
    return guarded(readObservations(this.#kysely, this.#id(instrument), asOf))
  }

  async cover(covered: CoveredCandles) {
    return guarded(transaction(this.#source, writeCoverage(this.#id(covered.instrument), covered)))
  }

  async coverage(instrument: Instrument, timeframe: Timeframe) {
    return guarded(readCoverage(this.#kysely, this.#id(instrument), timeframe))
  }

  /**
   * Makes the partitions of the days about `now` (Unix ms) and drops what is past its retention. To be called at start
   * and then at least once a day; a day without it costs speed, not rows.
   */
  maintain(now: number): Promise<void> {
    return guarded(this.#maintain(now))
  }

  async #maintain(now: number): Promise<void> {
    await maintainPartitions(this.#kysely, now, this.#options.tickRetentionDays)
    if (this.kind !== 'pglite') return
    // A server has autovacuum for the tables whose rows are replaced; the embedded database has only us.
    for (const table of ['candles', 'gaps']) await sql`vacuum (analyze) ${sql.table(table)}`.execute(this.#kysely)
  }

  /** An answer is late: what is asked from now on is asked on connections that work. */
  doubt(): void {
    this.#source.doubt?.()
  }

  /** Ends within 2 s: a statement that is still running then is cut off, and rolled back. */
  close(): Promise<void> {
    return this.#source.close()
  }

  #tell(refusals: readonly Refusal[], tell: SqlDatabaseOptions['onRefused']): void {
    for (const { row, reason } of refusals) {
      const instrument = this.#instrumentById.get(row.instrumentId)
      if (instrument) tell({ ...row, instrument }, reason)
    }
  }

  #key(instrument: Instrument) {
    return { instrumentId: this.#id(instrument), symbol: instrument.symbol }
  }

  #id(instrument: Instrument): number {
    const known = this.#knownIds.get(instrument)
    if (known !== undefined) return known
    const stream = streamName(instrument)
    const id = this.#idByStream.get(stream)
    if (id === undefined)
      throw new GatewayError('internal', `an instrument must be registered first, ${stream} was not`)
    this.#knownIds.set(instrument, id)
    return id
  }
}

async function guarded<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw toGatewayError(error)
  }
}
