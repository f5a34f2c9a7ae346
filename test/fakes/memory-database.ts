import type { Candle } from '../../src/market/candle.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import type { Cursor, Update } from '../../src/market/tick.ts'
import type { Timeframe } from '../../src/market/timeframe.ts'
import type { Batch, Database, Gap } from '../../src/tiers/database.ts'

/** A database of one instrument in plain arrays. */
export class MemoryDatabase implements Database {
  readonly kind = 'pglite'
  readonly ticks: Update[] = []
  readonly rows = new Map<Timeframe, Map<number, Candle>>()
  readonly gapRows: Gap[] = []
  #instruments: readonly Instrument[] = []

  async register(instruments: readonly Instrument[]) {
    this.#instruments = instruments
  }

  async instruments() {
    return this.#instruments
  }

  async write({ ticks, candles, gaps }: Batch) {
    for (const { update } of ticks) if (!this.ticks.some(({ id }) => id === update.id)) this.ticks.push(update)
    this.ticks.sort((a, b) => a.id - b.id)
    for (const { timeframe, candle } of candles) {
      if (!this.rows.has(timeframe)) this.rows.set(timeframe, new Map())
      const stored = this.rows.get(timeframe)!
      if (isNewer(candle, stored.get(candle.time))) stored.set(candle.time, candle)
    }
    this.gapRows.push(...gaps)
  }

  async ticksAfter(_: Instrument, after: Cursor, limit: number) {
    return this.ticks.filter(({ id }) => id > after).slice(0, limit)
  }

  async ticksBefore(_: Instrument, before: Cursor | undefined, limit: number) {
    return this.ticks.filter(({ id }) => before === undefined || id < before).slice(-limit)
  }

  async candles(_: Instrument, timeframe: Timeframe, limit: number) {
    return [...(this.rows.get(timeframe)?.values() ?? [])].sort((a, b) => a.time - b.time).slice(-limit)
  }

  async gaps() {
    return this.gapRows
  }

  async close() {}
}

/** By (revision, final, lastId), as the real ones compare. */
function isNewer(candle: Candle, stored: Candle | undefined): boolean {
  if (stored === undefined) return true
  const rank = ({ revision, final, lastId }: Candle) => [revision, Number(final), lastId ?? -1]
  const [now, before] = [rank(candle), rank(stored)]
  const at = now.findIndex((value, index) => value !== before[index])
  return at >= 0 && now[at]! > before[at]!
}
