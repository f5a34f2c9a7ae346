import type { Instrument } from '../../market/instrument.ts'
import { streamName } from '../../market/instrument.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import type { CandleRow, Gap } from '../database/database.ts'
import { CandleSeries } from './candle-table.ts'
import { type CandleRecord, nameOf, type RowNote } from './row-records.ts'
import type { Names } from './segment-names.ts'
import type { Position } from './tick-index.ts'

export interface WaitingGap {
  readonly gap: Gap
  readonly sequence: number
}

interface StreamRows {
  instrument: Instrument
  readonly series: Map<Timeframe, CandleSeries>
  /** By first id, as the database keeps them. */
  readonly gaps: Map<number, WaitingGap>
}

/** The candles and gaps that wait, the newest of each bucket and of each first id. */
export class RowTable {
  readonly #byStream = new Map<string, StreamRows>()
  /** Of the newest row there ever was. */
  sequence = 0
  /** Ticks before it have left. */
  ticksFrom: Position = { segment: 0, offset: 0 }

  get candleCount(): number {
    let count = 0
    for (const { series } of this.#byStream.values()) for (const { size } of series.values()) count += size
    return count
  }

  get gapCount(): number {
    let count = 0
    for (const { gaps } of this.#byStream.values()) count += gaps.size
    return count
  }

  get isEmpty(): boolean {
    return this.#byStream.size === 0
  }

  has(stream: string): boolean {
    return this.#byStream.has(stream)
  }

  instruments(): readonly Instrument[] {
    return [...this.#byStream.values()].map(({ instrument }) => instrument)
  }

  /** Takes what a frame says; false: it names an instrument that nothing defined. */
  apply(note: RowNote, candles: readonly CandleRecord[], names: Names): boolean {
    let isWhole = true
    this.sequence = Math.max(this.sequence, note.sequence)
    if (note.ticksFrom !== undefined) this.ticksFrom = note.ticksFrom
    for (const { number, timeframe, columns } of candles) {
      const rows = this.#rowsOf(number, names)
      if (rows === undefined) isWhole = false
      else seriesOf(rows, timeframe).set(columns, 0)
    }
    for (const [number, from, to, status, reason, sequence] of note.gaps ?? []) {
      const rows = this.#rowsOf(number, names)
      if (rows === undefined) isWhole = false
      else {
        const gap = { instrument: rows.instrument, from, to, status, reason: reason ?? undefined }
        rows.gaps.set(from, { gap, sequence })
      }
    }
    if (note.shedThrough !== undefined) this.#shed(note.shedThrough, note.sequence)
    for (const [number, sequence] of note.released ?? []) this.#release(nameOf(number, names)?.stream, sequence)
    return isWhole
  }

  candles(stream: string): readonly CandleRow[] {
    const rows = this.#byStream.get(stream)
    if (rows === undefined) return []
    const { instrument, series } = rows
    return [...series.values()].flatMap((each) =>
      each.candles().map((candle) => ({ instrument, timeframe: each.timeframe, candle })),
    )
  }

  gaps(stream: string): readonly Gap[] {
    return [...(this.#byStream.get(stream)?.gaps.values() ?? [])].map(({ gap }) => gap).sort((a, b) => a.from - b.from)
  }

  /** The time up to which finished seconds must leave, so that `count` of them do; undefined: there is none. */
  oldestSeconds(count: number): number | undefined {
    const times = [...this.#byStream.values()].flatMap(({ series }) => series.get('1s')?.finishedTimes() ?? [])
    return Float64Array.from(times).sort()[Math.min(count, times.length) - 1]
  }

  /** All rows of one instrument after another, whole ones. */
  *streams(): Generator<readonly [Instrument, Iterable<CandleSeries>, Iterable<WaitingGap>]> {
    for (const { instrument, series, gaps } of this.#byStream.values())
      yield [instrument, series.values(), gaps.values()]
  }

  #rowsOf(number: number, names: Names): StreamRows | undefined {
    const name = nameOf(number, names)
    if (name === undefined) return undefined
    const known = this.#byStream.get(name.stream)
    if (known !== undefined) {
      known.instrument = name.instrument
      return known
    }
    const rows: StreamRows = { instrument: name.instrument, series: new Map(), gaps: new Map() }
    this.#byStream.set(name.stream, rows)
    return rows
  }

  #release(stream: string | undefined, sequence: number): void {
    const rows = stream === undefined ? undefined : this.#byStream.get(stream)
    if (rows === undefined) return
    for (const series of rows.series.values()) series.release(sequence)
    for (const [from, waiting] of rows.gaps) if (waiting.sequence <= sequence) rows.gaps.delete(from)
    this.#forgetEmpty(rows)
  }

  #shed(time: number, sequence: number): void {
    for (const rows of this.#byStream.values()) {
      rows.series.get('1s')?.shed(time, sequence)
      this.#forgetEmpty(rows)
    }
  }

  #forgetEmpty({ instrument, series, gaps }: StreamRows): void {
    for (const [timeframe, { size }] of series) if (size === 0) series.delete(timeframe)
    if (series.size === 0 && gaps.size === 0) this.#byStream.delete(streamName(instrument))
  }
}

function seriesOf({ series }: StreamRows, timeframe: Timeframe): CandleSeries {
  const known = series.get(timeframe)
  if (known !== undefined) return known
  const made = new CandleSeries(timeframe)
  series.set(timeframe, made)
  return made
}
