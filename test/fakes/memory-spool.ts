import { GatewayError } from '../../src/base/errors.ts'
import { type Instrument, streamName } from '../../src/market/instrument.ts'
import type { Cursor, Update } from '../../src/market/tick.ts'
import type { Batch } from '../../src/tiers/database/database.ts'
import type { Spool } from '../../src/tiers/spool/spool.ts'

/** A spool in memory: whole batches, first in, first out. */
export class MemorySpool implements Spool {
  readonly batches: Batch[] = []
  isClosed = false
  /** Appends fail, as they do on a full disk. */
  isFull = false
  /** Runs in the middle of every call that waits. */
  pace: () => Promise<void> = async () => {}
  #appending: Promise<void> = Promise.resolve()

  get isEmpty() {
    return this.batches.length === 0
  }

  get stats() {
    const ticks = this.batches.reduce((sum, { ticks: rows }) => sum + rows.length, 0)
    const candles = this.batches.reduce((sum, { candles: rows }) => sum + rows.length, 0)
    return { bytes: ticks * 64, ticks, candles, dropped: 0, droppedCandles: 0 }
  }

  append(batch: Batch): Promise<void> {
    this.#appending = this.#appending.then(async () => {
      await this.pace()
      if (!this.isFull) this.batches.push(batch)
    })
    return this.#appending.then(() => {
      if (this.isFull) throw new GatewayError('tier_unavailable', 'the disk must have room, was full')
    })
  }

  async next() {
    await this.pace()
    const [batch] = this.batches
    if (batch === undefined) return undefined
    const release = async () => {
      await this.pace()
      this.batches.splice(this.batches.indexOf(batch), 1)
    }
    return { batch, release }
  }

  instruments() {
    const all = this.batches.flatMap(({ ticks, candles, gaps }) => [...ticks, ...candles, ...gaps])
    return [...new Map(all.map(({ instrument }) => [streamName(instrument), instrument])).values()]
  }

  startsAfter(instrument: Instrument): Cursor | undefined {
    const rows = this.#ticks(instrument)
    const isBreak = ({ prev }: Update, index: number) =>
      index === 0 || prev === null || prev > (rows[index - 1]?.id ?? -1)
    const first = rows.findLast(isBreak)
    return first === undefined ? undefined : (first.prev ?? first.id)
  }

  async ticksAfter(instrument: Instrument, after: Cursor, limit: number) {
    await this.pace()
    const rows = this.#ticks(instrument)
      .filter(({ id }) => id > after)
      .slice(0, limit)
    await this.pace()
    return rows
  }

  async ticksBefore(instrument: Instrument, before: Cursor | undefined, limit: number) {
    await this.pace()
    const rows = this.#ticks(instrument)
      .filter(({ id }) => before === undefined || id < before)
      .slice(-limit)
    await this.pace()
    return rows
  }

  candles(instrument: Instrument) {
    const rows = this.batches.flatMap(({ candles }) => candles.filter((row) => isOf(row, instrument)))
    return [...new Map(rows.map((row) => [`${row.timeframe} ${row.candle.time}`, row])).values()]
  }

  gaps(instrument: Instrument) {
    const rows = this.batches.flatMap(({ gaps }) => gaps.filter((row) => isOf(row, instrument)))
    return [...new Map(rows.map((row) => [row.from, row])).values()]
  }

  async close() {
    this.isClosed = true
  }

  #ticks(instrument: Instrument): readonly Update[] {
    const rows = this.batches.flatMap(({ ticks }) => ticks.filter((row) => isOf(row, instrument)))
    const byId = new Map(rows.map(({ update }) => [update.id, update]).reverse() as [number, Update][])
    return [...byId.values()].sort((a, b) => a.id - b.id)
  }
}

function isOf(row: { readonly instrument: Instrument }, instrument: Instrument): boolean {
  return streamName(row.instrument) === streamName(instrument)
}
