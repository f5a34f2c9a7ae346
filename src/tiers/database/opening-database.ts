import { describeError, GatewayError } from '../../base/errors.ts'
import { type Instrument, streamName } from '../../market/instrument.ts'
import type { Cursor } from '../../market/tick.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import type { CoveredCandles } from './coverage.ts'
import type { Batch, Database, TimeRange } from './database.ts'

/**
 * A new database while it is still being made, which takes seconds. It is known to be empty, so that reads need not wait
 * for it and a gateway can begin to serve from memory; what is written waits in the writer's queue until it is there.
 */
export class OpeningDatabase implements Database {
  readonly kind: Database['kind']
  readonly #opening: Promise<Database>
  /** By stream; each write registers them before it writes, until that has succeeded. */
  readonly #unregistered = new Map<string, Instrument>()
  /** Streams whose rows can be there. */
  readonly #registered = new Set<string>()
  #opened: Database | undefined

  constructor(kind: Database['kind'], opening: Promise<Database>) {
    this.kind = kind
    this.#opening = opening
    opening.then(
      (database) => {
        this.#opened = database
      },
      // Whoever opens it is told as well; here it is told to every write.
      () => {},
    )
  }

  async register(instruments: readonly Instrument[]): Promise<void> {
    for (const instrument of instruments) this.#unregistered.set(streamName(instrument), instrument)
    if (this.#opened) await this.#registerAll(this.#opened)
  }

  async instruments() {
    return this.#opened ? this.#opened.instruments() : []
  }

  /** @throws GatewayError what opening it threw, at every write */
  async write(batch: Batch): Promise<void> {
    const database = await this.#opening
    try {
      await this.#registerAll(database)
    } catch (error) {
      // Whatever it is, the batch is not to blame.
      const message = `instruments must be registered before they are written, but: ${describeError(error)}`
      throw new GatewayError('tier_unavailable', message, { cause: error })
    }
    await database.write(batch)
  }

  async ticksAfter(instrument: Instrument, after: Cursor, limit: number) {
    return (await this.#holding(instrument)?.ticksAfter(instrument, after, limit)) ?? []
  }

  async ticksBefore(instrument: Instrument, before: Cursor | undefined, limit: number) {
    return (await this.#holding(instrument)?.ticksBefore(instrument, before, limit)) ?? []
  }

  async candles(instrument: Instrument, timeframe: Timeframe, limit: number) {
    return (await this.#holding(instrument)?.candles(instrument, timeframe, limit)) ?? []
  }

  async candlesBefore(instrument: Instrument, timeframe: Timeframe, before: number, limit: number) {
    return (await this.#holding(instrument)?.candlesBefore(instrument, timeframe, before, limit)) ?? []
  }

  async idFrom(instrument: Instrument, time: number) {
    return this.#holding(instrument)?.idFrom(instrument, time)
  }

  async candlesIn(instrument: Instrument, timeframe: Timeframe, range: TimeRange, limit: number) {
    return (await this.#holding(instrument)?.candlesIn(instrument, timeframe, range, limit)) ?? []
  }

  async gaps(instrument: Instrument) {
    return (await this.#holding(instrument)?.gaps(instrument)) ?? []
  }

  async observations(instrument: Instrument, asOf?: string) {
    return (await this.#holding(instrument)?.observations(instrument, asOf)) ?? []
  }

  /** @throws GatewayError what opening it threw */
  async cover(covered: CoveredCandles): Promise<void> {
    const database = await this.#opening
    await this.#registerAll(database)
    await database.cover(covered)
  }

  async coverage(instrument: Instrument, timeframe: Timeframe) {
    return (await this.#holding(instrument)?.coverage(instrument, timeframe)) ?? []
  }

  async close(): Promise<void> {
    await this.#opened?.close()
  }

  /** Undefined while nothing of the instrument can have been written. */
  #holding(instrument: Instrument): Database | undefined {
    return this.#registered.has(streamName(instrument)) ? this.#opened : undefined
  }

  async #registerAll(database: Database): Promise<void> {
    const waiting = [...this.#unregistered]
    if (waiting.length === 0) return
    await database.register(waiting.map(([, instrument]) => instrument))
    // Not one that was brought up to date meanwhile: the next write registers it again.
    for (const [stream, instrument] of waiting) {
      this.#registered.add(stream)
      if (this.#unregistered.get(stream) === instrument) this.#unregistered.delete(stream)
    }
  }
}
