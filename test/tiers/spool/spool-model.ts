import { expect } from 'vitest'
import { type Instrument, streamName } from '../../../src/market/instrument.ts'
import type { Update } from '../../../src/market/tick.ts'
import type { Batch, Gap } from '../../../src/tiers/database/database.ts'
import { SPOOL_FULL } from '../../../src/tiers/spool/drop.ts'
import type { Spool } from '../../../src/tiers/spool/spool.ts'
import { BTC, ETH } from '../fixtures.ts'

export const INSTRUMENTS = [BTC, ETH]

/** What was acknowledged, and a database that takes what is handed over. */
export class SpoolModel {
  /** Every acknowledged tick, by stream and id. */
  readonly #appended = keyed<Update>()
  readonly #stored = keyed<Update>()
  readonly #candles = new Map<string, number>()
  readonly #storedCandles = new Map<string, { readonly rank: number; readonly instrument: Instrument }>()
  /** The last state of each gap that was said, and that is stored. */
  readonly #gaps = new Map<string, Gap>()
  readonly #storedGaps = new Map<string, Gap>()

  acknowledge({ ticks, candles, gaps }: Batch): void {
    for (const { instrument, update } of ticks) {
      const known = this.#appended.get(instrument)
      if (!known.has(update.id)) known.set(update.id, update)
    }
    for (const { instrument, timeframe, candle } of candles) {
      const key = `${streamName(instrument)} ${timeframe} ${candle.time}`
      this.#candles.set(key, Math.max(this.#candles.get(key) ?? 0, candle.lastId ?? 0))
    }
    for (const gap of gaps) this.#gaps.set(`${streamName(gap.instrument)} ${gap.from}`, gap)
  }

  /** The database commits a batch that the spool handed over. */
  store({ ticks, candles, gaps }: Batch): void {
    for (const instrument of INSTRUMENTS) {
      const ids = ticks.filter((each) => each.instrument.symbol === instrument.symbol).map(({ update }) => update.id)
      expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b))
    }
    for (const { instrument, update } of ticks) {
      const known = this.#stored.get(instrument)
      if (!known.has(update.id)) known.set(update.id, update)
    }
    for (const { instrument, timeframe, candle } of candles) {
      const key = `${streamName(instrument)} ${timeframe} ${candle.time}`
      const rank = Math.max(this.#storedCandles.get(key)?.rank ?? 0, candle.lastId ?? 0)
      this.#storedCandles.set(key, { rank, instrument })
    }
    for (const gap of gaps) this.#storedGaps.set(`${streamName(gap.instrument)} ${gap.from}`, gap)
  }

  /** No candle in the database is of a tick that is neither there nor told as left. */
  checkStored(spool: Spool): void {
    for (const { rank, instrument } of this.#storedCandles.values()) {
      const isThere = this.#stored.get(instrument).has(rank) || this.#isTold(spool, instrument, rank)
      expect(isThere, `candle up to ${rank}`).toBe(true)
    }
  }

  /** Nothing that was acknowledged is missing, nothing is there that nobody appended, and every read agrees. */
  async checkReads(spool: Spool, points: readonly number[]): Promise<void> {
    for (const instrument of INSTRUMENTS) {
      const all = await spool.ticksAfter(instrument, -1, 1e6)
      const ids = all.map(({ id }) => id)
      expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b))
      all.forEach((tick, index) => {
        const before = all[index - 1]
        const { prev, ...said } = this.#appended.get(instrument).get(tick.id)!
        expect(tick).toEqual({ ...said, prev: before === undefined ? prev : before.id })
      })
      for (const id of this.#appended.get(instrument).keys()) {
        const isThere = ids.includes(id) || this.#stored.get(instrument).has(id) || this.#isTold(spool, instrument, id)
        expect(isThere, `tick ${id}`).toBe(true)
      }
      const sent = ids.map((id) => this.#appended.get(instrument).get(id)!)
      const start = sent.findLast(({ prev }, index) => index === 0 || prev! > ids[index - 1]!)
      expect(spool.startsAfter(instrument)).toBe(start && (start.prev ?? start.id))
      for (const point of points) {
        const limit = 1 + (point % 7)
        expect(await spool.ticksAfter(instrument, point, limit)).toEqual(
          all.filter(({ id }) => id > point).slice(0, limit),
        )
        expect(await spool.ticksBefore(instrument, point, limit)).toEqual(
          all.filter(({ id }) => id < point).slice(-limit),
        )
      }
      if (all.length > 0) expect(spool.instruments()).toContainEqual(instrument)
    }
  }

  /** The spool is empty: everything is stored, in its last state. */
  checkEmptied(spool: Spool): void {
    expect(spool.isEmpty).toBe(true)
    const ranks = [...this.#storedCandles].map(([key, { rank }]) => [key, rank] as const)
    expect(new Map(ranks)).toEqual(this.#candles)
    for (const [key, gap] of this.#gaps) expect(this.#storedGaps.get(key)).toEqual(gap)
    for (const instrument of INSTRUMENTS) {
      for (const id of this.#appended.get(instrument).keys()) {
        const isThere = this.#stored.get(instrument).has(id) || this.#isTold(spool, instrument, id)
        expect(isThere, `tick ${id}`).toBe(true)
      }
    }
  }

  #isTold(spool: Spool, instrument: Instrument, id: number): boolean {
    const stored = [...this.#storedGaps.values()].filter((gap) => gap.instrument.symbol === instrument.symbol)
    return [...stored, ...spool.gaps(instrument)].some(
      ({ from, to, reason }) => reason === SPOOL_FULL && from <= id && to >= id,
    )
  }
}

function keyed<Value>() {
  const maps = new Map<string, Map<number, Value>>()
  return {
    get(instrument: Instrument): Map<number, Value> {
      const known = maps.get(streamName(instrument)) ?? new Map<number, Value>()
      maps.set(streamName(instrument), known)
      return known
    },
  }
}
