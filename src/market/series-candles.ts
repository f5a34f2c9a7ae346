import type { Candle } from './candle.ts'
import type { Observation } from './observation.ts'
import type { StreamCandles } from './stream-candles.ts'
import type { Cursor, Tick } from './tick.ts'
import { bucketEnd, bucketStart, type ChartTimeframe, SERIES_TIMEFRAMES } from './timeframe.ts'

/** What of a tick or an observation matters here. */
export type SeriesValue = Pick<Observation, 'id' | 'period' | 'vintage' | 'value'>

/** One period: what its newest vintage says. */
interface Period extends SeriesValue {
  /** 00:00 UTC of its first day. */
  readonly time: number
  /** How many vintages of it are known, this one included. */
  readonly vintages: number
}

/** A run of periods that fall into one bucket: indexes [from, to). */
interface Bucket {
  readonly time: number
  readonly from: number
  readonly to: number
}

/**
 * The candles of a series, made from the newest vintage of each period when somebody reads them. A period without a
 * value makes none. They are final: nothing but a source's word ends or changes them, and each word of it (another
 * vintage, another period in the bucket) makes a higher revision. It is the same after a restart, for it is counted from
 * what is stored.
 */
export class SeriesCandles implements StreamCandles {
  readonly timeframes: readonly ChartTimeframe[] = SERIES_TIMEFRAMES
  /** Ascending by time. */
  #periods: Period[] = []
  /** Everything up to this id was there when they were restored. */
  #through: Cursor = -1
  #late = 0

  /** How often a vintage came late: what was read before may be old, although no newer tick has come. */
  get late(): number {
    return this.#late
  }

  /** The newest period in its newest vintage; undefined: there is none yet. */
  get latest(): SeriesValue | undefined {
    return this.#periods.at(-1)
  }

  /** Takes every vintage that is stored, in any order, in place of all it has. */
  restore(observations: readonly SeriesValue[]): void {
    const periods = new Map<string, Period>()
    for (const each of observations) periods.set(each.period, joined(periods.get(each.period), each))
    this.#periods = [...periods.values()].sort((a, b) => a.time - b.time)
    this.#through = observations.reduce((highest, { id }) => Math.max(highest, id), -1)
    this.#late += 1
  }

  /** Takes the next tick of the stream, if it was not among what was restored. */
  fold(tick: Tick): void {
    if (tick.id > this.#through) this.#take(tick)
  }

  /** Takes a vintage that is stored behind the stream. MUST be told once. */
  foldLate(tick: Tick): void {
    this.#late += 1
    this.#take(tick)
  }

  newest(timeframe: ChartTimeframe, count: number): readonly Candle[] {
    return this.newestBefore(timeframe, Number.POSITIVE_INFINITY, count)
  }

  /** The newest `count` whose buckets are named before `end`, ascending. */
  newestBefore(timeframe: ChartTimeframe, end: number, count: number): readonly Candle[] {
    const candles: Candle[] = []
    for (const bucket of this.#bucketsBefore(timeframe, end)) {
      if (candles.length >= count) break
      const candle = this.#candle(bucket)
      if (candle !== undefined) candles.push(candle)
    }
    return candles.reverse()
  }

  /** The oldest `count` whose buckets are named in [`from`, `to`), ascending. */
  oldestIn(timeframe: ChartTimeframe, from: number, to: number, count: number): readonly Candle[] {
    const candles: Candle[] = []
    let index = this.#indexFrom(from)
    const first = this.#periods[index]
    // A week may have begun before it.
    if (first !== undefined && startOf(timeframe, first.time) < from) index = this.#endOf(timeframe, index)
    while (index < this.#periods.length && candles.length < count) {
      const time = startOf(timeframe, this.#periods[index]!.time)
      if (time >= to) break
      const end = this.#endOf(timeframe, index)
      const candle = this.#candle({ time, from: index, to: end })
      if (candle !== undefined) candles.push(candle)
      index = end
    }
    return candles
  }

  at(timeframe: ChartTimeframe, time: number): Candle | undefined {
    return this.oldestIn(timeframe, time, time + 1, 1)[0]
  }

  before(timeframe: ChartTimeframe, time: number): Candle | undefined {
    return this.newestBefore(timeframe, time, 1)[0]
  }

  /** By its period; of a change that has none by its time, which is then that of the period. */
  bucketOf(timeframe: ChartTimeframe, { time, period }: Pick<Tick, 'time' | 'period'>): number {
    return startOf(timeframe, period === undefined ? time : periodTime(period))
  }

  /** What the source has said nothing of yet is not over. */
  overUntil(timeframe: ChartTimeframe): number {
    const last = this.#periods.at(-1)
    if (last === undefined || timeframe === 'native') return Number.NEGATIVE_INFINITY
    return bucketEnd(timeframe, bucketStart(timeframe, last.time))
  }

  #take({ id, period = '', vintage = '', price: value }: Tick): void {
    const time = periodTime(period)
    if (Number.isNaN(time)) return
    const index = this.#indexFrom(time)
    const held = this.#periods[index]
    const isHeld = held?.time === time
    this.#periods.splice(index, isHeld ? 1 : 0, joined(isHeld ? held : undefined, { id, period, vintage, value }))
  }

  /** Newest first. */
  *#bucketsBefore(timeframe: ChartTimeframe, end: number): Generator<Bucket> {
    let to = this.#indexFrom(end)
    // A week that began before it may have periods after it.
    while (to < this.#periods.length && startOf(timeframe, this.#periods[to]!.time) < end) to += 1
    while (to > 0) {
      const time = startOf(timeframe, this.#periods[to - 1]!.time)
      let from = to - 1
      while (from > 0 && this.#periods[from - 1]!.time >= time) from -= 1
      yield { time, from, to }
      to = from
    }
  }

  #candle({ time, from, to }: Bucket): Candle | undefined {
    const all = this.#periods.slice(from, to)
    const values = all.flatMap(({ value }) => value ?? [])
    const [open] = values
    const close = values.at(-1)
    if (open === undefined || close === undefined) return undefined
    const ids = all.flatMap(({ id, value }) => (value === undefined ? [] : id))
    const vintages = all.reduce((sum, each) => sum + each.vintages, 0)
    return {
      ...{ time, open, high: Math.max(...values), low: Math.min(...values), close },
      ...{ volume: 0, quoteVolume: 0, buyVolume: 0, trades: values.length },
      ...{ firstId: Math.min(...ids), lastId: Math.max(...ids), final: true, revision: vintages - 1 },
    }
  }

  /** The first index after the bucket of the period at `index`. */
  #endOf(timeframe: ChartTimeframe, index: number): number {
    const start = startOf(timeframe, this.#periods[index]?.time ?? Number.POSITIVE_INFINITY)
    let end = index + 1
    while (end < this.#periods.length && startOf(timeframe, this.#periods[end]!.time) === start) end += 1
    return end
  }

  /** The first index whose period is at or after `time`. */
  #indexFrom(time: number): number {
    let low = 0
    let high = this.#periods.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#periods[middle]!.time < time) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** 00:00 UTC of a day, `YYYY-MM-DD`; NaN for what is none. */
export function periodTime(period: string): number {
  return Date.parse(`${period}T00:00:00Z`)
}

/** The newer of two vintages of a period, and how many there are. */
function joined(held: Period | undefined, next: SeriesValue): Period {
  const vintages = (held?.vintages ?? 0) + 1
  if (held !== undefined && !isNewer(next, held)) return { ...held, vintages }
  const { id, period, vintage, value } = next
  return { id, period, vintage, value, time: periodTime(period), vintages }
}

/** Of two that were published on one day it is the one that was known later. */
function isNewer(a: SeriesValue, b: SeriesValue): boolean {
  return a.vintage === b.vintage ? a.id > b.id : a.vintage > b.vintage
}

function startOf(timeframe: ChartTimeframe, time: number): number {
  return timeframe === 'native' ? time : bucketStart(timeframe, time)
}
