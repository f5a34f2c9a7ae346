import type { Instrument } from '../../market/instrument.ts'
import type { Cursor } from '../../market/tick.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import type { CoveredCandles } from './coverage.ts'
import type { Batch, CandleRow, Database, TimeRange } from './database.ts'

/** Told of candles that were written, for `sure` or perhaps: what was read of them before may be old. */
export type OnCandlesWritten = (rows: readonly CandleRow[], sure: boolean) => void

/** A database that tells of every candle that is written, whoever writes it. */
export class ToldDatabase implements Database {
  readonly kind: Database['kind']
  readonly #database: Database
  readonly #onWritten: OnCandlesWritten

  constructor(database: Database, onWritten: OnCandlesWritten) {
    this.kind = database.kind
    this.#database = database
    this.#onWritten = onWritten
  }

  write(batch: Batch) {
    return this.#telling(batch.candles, () => this.#database.write(batch))
  }

  cover(covered: CoveredCandles) {
    const { instrument, timeframe, candles } = covered
    const rows = candles.map((candle) => ({ instrument, timeframe, candle }))
    return this.#telling(rows, () => this.#database.cover(covered))
  }

  register(instruments: readonly Instrument[]) {
    return this.#database.register(instruments)
  }

  instruments() {
    return this.#database.instruments()
  }

  ticksAfter(instrument: Instrument, after: Cursor, limit: number) {
    return this.#database.ticksAfter(instrument, after, limit)
  }

  ticksBefore(instrument: Instrument, before: Cursor | undefined, limit: number) {
    return this.#database.ticksBefore(instrument, before, limit)
  }

  idFrom(instrument: Instrument, time: number) {
    return this.#database.idFrom(instrument, time)
  }

  candles(instrument: Instrument, timeframe: Timeframe, limit: number) {
    return this.#database.candles(instrument, timeframe, limit)
  }

  candlesBefore(instrument: Instrument, timeframe: Timeframe, before: number, limit: number) {
    return this.#database.candlesBefore(instrument, timeframe, before, limit)
  }

  candlesIn(instrument: Instrument, timeframe: Timeframe, range: TimeRange, limit: number) {
    return this.#database.candlesIn(instrument, timeframe, range, limit)
  }

  gaps(instrument: Instrument) {
    return this.#database.gaps(instrument)
  }

  observations(instrument: Instrument, asOf?: string) {
    return this.#database.observations(instrument, asOf)
  }

  coverage(instrument: Instrument, timeframe: Timeframe) {
    return this.#database.coverage(instrument, timeframe)
  }

  close() {
    return this.#database.close()
  }

  async #telling(rows: readonly CandleRow[], write: () => Promise<void>): Promise<void> {
    let sure = false
    try {
      await write()
      sure = true
    } finally {
      this.#onWritten(rows, sure)
    }
  }
}
