import type { Instrument } from '../market/instrument.ts'
import type { Cursor } from '../market/tick.ts'
import type { Timeframe } from '../market/timeframe.ts'
import type { Batch, Database } from './database.ts'

/**
 * A new database while it is still being made, which takes seconds. It is known to be empty, so that reads need not wait
 * for it and a gateway can begin to serve from memory; what is written waits in the writer's queue until it is there.
 */
export class OpeningDatabase implements Database {
  readonly kind: Database['kind']
  readonly #ready: Promise<Database>
  readonly #unregistered: Instrument[] = []
  #opened: Database | undefined

  constructor(kind: Database['kind'], opening: Promise<Database>) {
    this.kind = kind
    this.#ready = this.#take(opening)
    // Whoever opens it is told as well; here it is told to the next write.
    this.#ready.catch(() => {})
  }

  async register(instruments: readonly Instrument[]): Promise<void> {
    if (this.#opened) await this.#opened.register(instruments)
    else this.#unregistered.push(...instruments)
  }

  async instruments() {
    return this.#opened ? this.#opened.instruments() : []
  }

  async write(batch: Batch): Promise<void> {
    await (await this.#ready).write(batch)
  }

  async lastId(instrument: Instrument) {
    return this.#opened?.lastId(instrument)
  }

  async ticksAfter(instrument: Instrument, after: Cursor, limit: number) {
    return this.#opened ? this.#opened.ticksAfter(instrument, after, limit) : []
  }

  async ticksBefore(instrument: Instrument, before: Cursor | undefined, limit: number) {
    return this.#opened ? this.#opened.ticksBefore(instrument, before, limit) : []
  }

  async candles(instrument: Instrument, timeframe: Timeframe, limit: number) {
    return this.#opened ? this.#opened.candles(instrument, timeframe, limit) : []
  }

  async gaps(instrument: Instrument) {
    return this.#opened ? this.#opened.gaps(instrument) : []
  }

  async close(): Promise<void> {
    await this.#opened?.close()
  }

  async #take(opening: Promise<Database>): Promise<Database> {
    const database = await opening
    // No await between the last look and the assignment: nobody is registered here in vain.
    while (this.#unregistered.length > 0) await database.register(this.#unregistered.splice(0))
    this.#opened = database
    return database
  }
}
