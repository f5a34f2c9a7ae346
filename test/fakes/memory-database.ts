import type { Candle } from '../../src/market/candle.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import type { Observation } from '../../src/market/observation.ts'
import type { Cursor, Update } from '../../src/market/tick.ts'
import type { Timeframe } from '../../src/market/timeframe.ts'
import type { CoveredCandles } from '../../src/tiers/database/coverage.ts'
import type { Batch, Database, Gap, TimeRange } from '../../src/tiers/database/database.ts'

/** A database of one instrument in plain arrays. */
export class MemoryDatabase implements Database {
  readonly kind = 'pglite'
  readonly ticks: Update[] = []
  readonly rows = new Map<Timeframe, Map<number, Candle>>()
  readonly gapRows: Gap[] = []
  /** As they were covered: those that meet stay apart. */
  readonly covered = new Map<Timeframe, readonly TimeRange[]>()
  /** Ticks that it will not have, whatever happens. */
  refuses: (update: Update) => boolean = () => false
  #instruments: readonly Instrument[] = []

  async register(instruments: readonly Instrument[]) {
    this.#instruments = instruments
  }

  async instruments() {
    return this.#instruments
  }

  async write({ ticks, candles, gaps, onRefused }: Batch) {
    for (const { update } of ticks) {
      const isNewest = update.id > (this.ticks.at(-1)?.id ?? -1)
      const there = isNewest ? undefined : this.ticks.find(({ id }) => id === update.id)
      if (this.refuses(update) || (there !== undefined && !isSame(there, update))) onRefused?.(update)
      if (this.refuses(update) || there !== undefined) continue
      this.ticks.push(update)
      if (!isNewest) this.ticks.sort((a, b) => a.id - b.id)
    }
    for (const { timeframe, candle } of candles) {
      if (!this.rows.has(timeframe)) this.rows.set(timeframe, new Map())
      const stored = this.rows.get(timeframe)!
      if (isNewer(candle, stored.get(candle.time))) stored.set(candle.time, candle)
    }
    for (const gap of gaps) {
      const known = this.gapRows.findIndex(({ from }) => from === gap.from)
      if (known < 0) this.gapRows.push(gap)
      else this.gapRows[known] = gap
    }
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

  async candlesBefore(instrument: Instrument, timeframe: Timeframe, before: number, limit: number) {
    return (await this.candles(instrument, timeframe, Number.MAX_SAFE_INTEGER))
      .filter(({ time }) => time < before)
      .slice(-limit)
  }

  async idFrom(_: Instrument, time: number) {
    return this.ticks.find((tick) => tick.time >= time)?.id
  }

  async candlesIn(_: Instrument, timeframe: Timeframe, { from, to }: TimeRange, limit: number) {
    const all = [...(this.rows.get(timeframe)?.values() ?? [])].sort((a, b) => a.time - b.time)
    return all.filter(({ time }) => time >= from && time < to).slice(0, limit)
  }

  async cover({ instrument, timeframe, range, candles }: CoveredCandles) {
    await this.write({ ticks: [], candles: candles.map((candle) => ({ instrument, timeframe, candle })), gaps: [] })
    this.covered.set(timeframe, [...(this.covered.get(timeframe) ?? []), range])
  }

  async observations(_: Instrument, _asOf?: string): Promise<readonly Observation[]> {
    return []
  }

  async coverage(_: Instrument, timeframe: Timeframe) {
    return (this.covered.get(timeframe) ?? []).toSorted((a, b) => a.from - b.from)
  }

  async gaps() {
    return this.gapRows
  }

  async close() {}
}

function isSame(a: Update, b: Update): boolean {
  return a.time === b.time && a.price === b.price && a.size === b.size && a.side === b.side && a.trades === b.trades
}

/** By (revision, final, lastId, trades), as the real ones compare. */
function isNewer(candle: Candle, stored: Candle | undefined): boolean {
  if (stored === undefined) return true
  const rank = ({ revision, final, lastId, trades }: Candle) => [revision, Number(final), lastId ?? -1, trades]
  const [now, before] = [rank(candle), rank(stored)]
  const at = now.findIndex((value, index) => value !== before[index])
  return at >= 0 && now[at]! > before[at]!
}
