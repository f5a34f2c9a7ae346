import type { Finding } from '../../base/task-event.ts'
import { type Calendar, calendarOf } from '../../market/calendar.ts'
import { CANDLE_NUMBERS, type Candle } from '../../market/candle.ts'
import type { Instrument } from '../../market/instrument.ts'
import { InstrumentCandles } from '../../market/instrument-candles.ts'
import type { Update } from '../../market/tick.ts'
import { TIMEFRAME_MS, TIMEFRAMES, type Timeframe } from '../../market/timeframe.ts'
import { candlesKeptSince } from '../../tiers/database/candle-retention.ts'
import type { Database, TimeRange } from '../../tiers/database/database.ts'
import { PAGE_TICKS } from '../stored-ticks.ts'
import { isoTime } from './check-ids.ts'

export interface CandleCheckPorts {
  readonly database: Pick<Database, 'candlesIn'>
  /** Resolves when everything that is known of candles is stored; beside a running gateway some is on its way. */
  readonly settled: () => Promise<void>
  readonly now: () => number
}

const PAGE_CANDLES = 1_000

/** Folds stored trades again and holds the stored candles against that, timeframe by timeframe, as time goes on. */
export class CandleCheck {
  readonly #instrument: Instrument
  readonly #ports: CandleCheckPorts
  readonly #folded: InstrumentCandles
  readonly #timeframes: readonly TimeframeCheck[]
  #agreed = 0
  #unchecked = 0

  constructor(instrument: Instrument, ports: CandleCheckPorts) {
    this.#instrument = instrument
    this.#ports = ports
    this.#folded = new InstrumentCandles(instrument, 2 * PAGE_TICKS)
    this.#timeframes = TIMEFRAMES.map((timeframe) => new TimeframeCheck(timeframe, calendarOf(instrument)))
  }

  /** Candles that say what their trades say. */
  get agreed(): number {
    return this.#agreed
  }

  /** Candles of which not every trade is stored, or which are still to be closed. */
  get unchecked(): number {
    return this.#unchecked
  }

  fold(tick: Update): void {
    this.#folded.fold(tick)
  }

  /** Trades that happened between these times (Unix ms) may be missing: the candles there cannot be checked. */
  breakBetween(from: number, to: number): void {
    for (const each of this.#timeframes) each.breakBetween(from, to)
  }

  /** Compares what ended at or before `until`; every trade up to then MUST have been folded. After a page, at the latest. */
  async *compare(until: number): AsyncGenerator<Finding> {
    for (const { timeframe, candles } of this.#folded.takeDirty()) {
      this.#timeframes.find((each) => each.timeframe === timeframe)?.take(candles)
    }
    for (const each of this.#timeframes) yield* this.#compare(each, each.startOf(until))
  }

  /** No more trades will come: what began before `until` and was not compared cannot be. */
  end(until: number): void {
    for (const each of this.#timeframes)
      this.#unchecked += each.timesIn(Number.NEGATIVE_INFINITY, each.startOf(until - 1) + 1).length
  }

  async *#compare(check: TimeframeCheck, until: number): AsyncGenerator<Finding> {
    const { timeframe } = check
    const range = check.advance(until)
    if (range === undefined) return
    const keptSince = candlesKeptSince(timeframe, this.#ports.now())
    for await (const { time, folded, stored } of this.#pairs(check, range)) {
      if (check.isBroken(time)) this.#unchecked++
      else if (stored === undefined && time < keptSince) this.#unchecked++
      else if (await this.#agrees(timeframe, folded, stored)) this.#agreed++
      else yield describeDifference(timeframe, folded, stored)
    }
    check.forget(until)
  }

  /** Every bucket of the range that has a stored candle or a trade, ascending, a page of stored ones at a time. */
  async *#pairs(check: TimeframeCheck, range: TimeRange) {
    let { from } = range
    while (from < range.to) {
      const page = await this.#ports.database.candlesIn(
        this.#instrument,
        check.timeframe,
        { from, to: range.to },
        PAGE_CANDLES,
      )
      const to = page.length < PAGE_CANDLES ? range.to : page.at(-1)!.time + TIMEFRAME_MS[check.timeframe]
      const rows = new Map(page.map((stored) => [stored.time, stored]))
      for (const time of [...new Set([...rows.keys(), ...check.timesIn(from, to)])].sort((a, b) => a - b)) {
        yield { time, folded: check.folded(time), stored: rows.get(time) }
      }
      from = to
    }
  }

  /** One that differs is read once more when all that was on its way there is stored. */
  async #agrees(timeframe: Timeframe, folded: Candle | undefined, stored: Candle | undefined): Promise<boolean> {
    if (isSame(folded, stored)) return true
    await this.#ports.settled()
    const from = (folded ?? stored)!.time
    const again = await this.#ports.database.candlesIn(this.#instrument, timeframe, { from, to: from + 1 }, 1)
    return isSame(folded, again[0])
  }
}

/** The buckets of one timeframe that are still to be compared. */
class TimeframeCheck {
  readonly timeframe: Timeframe
  readonly #waiting = new Map<number, Candle>()
  #broken: TimeRange[] = []
  #until: number | undefined
  readonly #calendar: Calendar

  constructor(timeframe: Timeframe, calendar: Calendar) {
    this.timeframe = timeframe
    this.#calendar = calendar
  }

  /** The `time` of the bucket that a moment falls into. */
  startOf(moment: number): number {
    return this.#calendar.startOf(this.timeframe, moment)
  }

  take(candles: readonly Candle[]): void {
    for (const candle of candles) this.#waiting.set(candle.time, candle)
    this.#until ??= candles[0]?.time
  }

  folded(time: number): Candle | undefined {
    return this.#waiting.get(time)
  }

  timesIn(from: number, to: number): readonly number[] {
    return [...this.#waiting.keys()].filter((time) => time >= from && time < to)
  }

  /** The buckets that are to be compared next, up to `until`; undefined: none. */
  advance(until: number): TimeRange | undefined {
    const from = this.#until
    if (from === undefined || until <= from) return undefined
    this.#until = until
    return { from, to: until }
  }

  /** Buckets before `until` are over and done with. */
  forget(until: number): void {
    for (const time of this.#waiting.keys()) if (time < until) this.#waiting.delete(time)
    this.#broken = this.#broken.filter(({ to }) => to > until)
  }

  breakBetween(from: number, to: number): void {
    const range = {
      from: Number.isFinite(from) ? this.startOf(from) : from,
      to: this.startOf(to) + TIMEFRAME_MS[this.timeframe],
    }
    const last = this.#broken.at(-1)
    // Many small holes in one long bucket are one.
    if (last !== undefined && range.from >= last.from && range.from <= last.to) {
      this.#broken[this.#broken.length - 1] = { from: last.from, to: Math.max(last.to, range.to) }
    } else this.#broken.push(range)
  }

  isBroken(time: number): boolean {
    return this.#broken.some(({ from, to }) => time >= from && time < to)
  }
}

/** In every number, and in the ids where the stored one was folded and not taken from the source. */
function isSame(folded: Candle | undefined, stored: Candle | undefined): boolean {
  return folded !== undefined && stored !== undefined && differences(folded, stored).length === 0
}

function differences(folded: Candle, stored: Candle): readonly (keyof Candle)[] {
  const ids = (['firstId', 'lastId'] as const).filter((name) => stored[name] !== null)
  return [...CANDLE_NUMBERS, ...ids].filter((name) => folded[name] !== stored[name])
}

function describeDifference(timeframe: Timeframe, folded: Candle | undefined, stored: Candle | undefined): Finding {
  const { time } = (folded ?? stored)!
  let what = 'stored, but there is no trade in it'
  if (folded !== undefined && stored === undefined) what = `not stored, but there are ${folded.trades} trades in it`
  if (folded !== undefined && stored !== undefined) {
    const fields = differences(folded, stored).map((name) => `${name} ${folded[name]}, is ${stored[name]}`)
    what = `its trades say ${fields.join('; ')}`
  }
  const message = `${timeframe} of ${isoTime(time)}: ${what}`
  return { type: 'difference', kind: 'candle', message, timeframe, time }
}
