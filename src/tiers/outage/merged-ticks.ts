import { isGatewayError } from '../../base/errors.ts'
import type { Instrument } from '../../market/instrument.ts'
import type { Cursor, Update } from '../../market/tick.ts'
import type { Database } from '../database/database.ts'
import type { Spool } from '../spool/spool.ts'

/** The database as it is read here: fails at once while it is away. */
export type TickDatabase = Pick<Database, 'ticksAfter' | 'ticksBefore' | 'idFrom'>

/**
 * The stored ticks of one instrument, be they in the spool or in the database. The spool is read first: what moves
 * between the two is in the database before it leaves the spool, so that it is found in one of them. Of an id that is in
 * both the database's row is told, which was there first.
 */
export class MergedTicks {
  readonly #spool: Spool
  readonly #database: TickDatabase

  constructor(spool: Spool, database: TickDatabase) {
    this.#spool = spool
    this.#database = database
  }

  /** @throws GatewayError tier_unavailable when the database is away and has a part of the answer */
  async after(instrument: Instrument, after: Cursor, limit: number): Promise<readonly Update[]> {
    const waiting = await this.#spool.ticksAfter(instrument, after, limit)
    const read = () => this.#database.ticksAfter(instrument, after, limit)
    const { stored, start } = await this.#unlessAll(instrument, read, (from) => after >= from)
    if (waiting.length === 0) return stored ?? []
    const rows = merge(waiting, stored ?? []).slice(0, limit)
    return this.#linked(instrument, rows, stored === undefined ? start : stored[0]?.prev)
  }

  /** @throws GatewayError tier_unavailable when the database is away and has a part of the answer */
  async before(instrument: Instrument, before: Cursor | undefined, limit: number): Promise<readonly Update[]> {
    const waiting = await this.#spool.ticksBefore(instrument, before, limit)
    const [oldest] = waiting
    const isAll = (from: Cursor) => waiting.length === limit && oldest !== undefined && oldest.id > from
    const read = () => this.#database.ticksBefore(instrument, before, limit)
    const { stored, start } = await this.#unlessAll(instrument, read, isAll)
    if (waiting.length === 0) return stored ?? []
    const all = merge(waiting, stored ?? [])
    const left = all.at(-limit - 1)?.id
    return this.#linked(
      instrument,
      all.slice(-limit),
      left ?? (stored === undefined ? start : (stored[0]?.prev ?? null)),
    )
  }

  /** @throws GatewayError tier_unavailable when the database is away and may have an older one */
  async idFrom(instrument: Instrument, time: number): Promise<Cursor | undefined> {
    const waiting = await this.#firstWaiting(instrument, time)
    const earlier = waiting === undefined ? [] : await this.#spool.ticksBefore(instrument, waiting, 1)
    // The one before it is of the same unbroken row, and happened earlier: then no older one is that late.
    const isAll = (from: Cursor) => earlier.some(({ id }) => id >= from)
    const { stored } = await this.#unlessAll(instrument, () => this.#database.idFrom(instrument, time), isAll)
    return waiting === undefined || stored === undefined ? (waiting ?? stored) : Math.min(waiting, stored)
  }

  /**
   * What the database says. While it is away: nothing, where the spool has it all, as it says after it was read (what
   * had left it by then may be missing in what was read); `start` is where its unbroken row begins.
   */
  async #unlessAll<Answer>(
    instrument: Instrument,
    read: () => Promise<Answer>,
    isAll: (start: Cursor) => boolean,
  ): Promise<{ readonly stored?: Answer; readonly start?: Cursor }> {
    try {
      return { stored: await read() }
    } catch (error) {
      const start = this.#spool.startsAfter(instrument)
      if (isGatewayError(error, 'tier_unavailable') && start !== undefined && isAll(start)) return { start }
      throw error
    }
  }

  /** By halving, as the ids are in order and the times nearly so. */
  async #firstWaiting(instrument: Instrument, time: number): Promise<Cursor | undefined> {
    const [oldest] = await this.#spool.ticksAfter(instrument, -1, 1)
    const [newest] = await this.#spool.ticksBefore(instrument, undefined, 1)
    if (oldest === undefined || newest === undefined || newest.time < time) return undefined
    let low = oldest.id
    let high = newest.id
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const [probe] = await this.#spool.ticksAfter(instrument, middle - 1, 1)
      if (probe === undefined || probe.time >= time) high = middle
      else low = probe.id + 1
    }
    return (await this.#spool.ticksAfter(instrument, low - 1, 1))[0]?.id
  }

  /** Each row with the stored one before it as its `prev`; `known`: of the database, before the first. */
  async #linked(
    instrument: Instrument,
    rows: readonly Update[],
    known: Cursor | null | undefined,
  ): Promise<readonly Update[]> {
    const [first] = rows
    if (first === undefined) return []
    let prev = await this.#newestBefore(instrument, first, known)
    return rows.map((update) => {
      const row = update.prev === prev ? update : { ...update, prev }
      prev = update.id
      return row
    })
  }

  async #newestBefore(instrument: Instrument, first: Update, known: Cursor | null | undefined): Promise<Cursor | null> {
    // As it was sent, and no other can be between the two.
    if (!first.backfilled && first.prev === first.id - 1) return first.prev
    const [waiting] = await this.#spool.ticksBefore(instrument, first.id, 1)
    const stored = known === undefined ? (await this.#database.ticksBefore(instrument, first.id, 1))[0]?.id : known
    return waiting !== undefined && waiting.id > (stored ?? -1) ? waiting.id : (stored ?? null)
  }
}

/** Both ascending; of one id the second's. */
function merge(waiting: readonly Update[], stored: readonly Update[]): readonly Update[] {
  const byId = new Map([...waiting, ...stored].map((update) => [update.id, update]))
  return [...byId.values()].sort((a, b) => a.id - b.id)
}
