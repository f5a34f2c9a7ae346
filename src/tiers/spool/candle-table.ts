import type { Candle } from '../../market/candle.ts'
import type { Timeframe } from '../../market/timeframe.ts'

/** A candle's numbers in a row of doubles, and when it was spooled. Null is NaN, final 1. */
const COLUMNS = [
  ...['time', 'open', 'high', 'low', 'close', 'volume', 'quoteVolume', 'buyVolume', 'trades'],
  ...['firstId', 'lastId', 'final', 'revision', 'sequence'],
] as const
export const CANDLE_WIDTH = COLUMNS.length
const TIME = 0
const TRADES = 8
const LAST_ID = 10
const FINAL = 11
const REVISION = 12
const SEQUENCE = 13
const FIRST_ROWS = 16

/** The columns of a candle, from `at` on. */
export function putCandle(values: Float64Array, at: number, candle: Candle, sequence: number): void {
  values[at] = candle.time
  values[at + 1] = candle.open
  values[at + 2] = candle.high
  values[at + 3] = candle.low
  values[at + 4] = candle.close
  values[at + 5] = candle.volume
  values[at + 6] = candle.quoteVolume
  values[at + 7] = candle.buyVolume
  values[at + TRADES] = candle.trades
  values[at + 9] = candle.firstId ?? Number.NaN
  values[at + LAST_ID] = candle.lastId ?? Number.NaN
  values[at + FINAL] = candle.final ? 1 : 0
  values[at + REVISION] = candle.revision
  values[at + SEQUENCE] = sequence
}

function candleAt(values: Float64Array, at: number): Candle {
  const idAt = (column: number) => (Number.isNaN(values[at + column]) ? null : values[at + column]!)
  return {
    time: values[at]!,
    open: values[at + 1]!,
    high: values[at + 2]!,
    low: values[at + 3]!,
    close: values[at + 4]!,
    volume: values[at + 5]!,
    quoteVolume: values[at + 6]!,
    buyVolume: values[at + 7]!,
    trades: values[at + TRADES]!,
    firstId: idAt(9),
    lastId: idAt(LAST_ID),
    final: values[at + FINAL] === 1,
    revision: values[at + REVISION]!,
  }
}

/** As the database compares: see its upsert. */
function isNewer(a: Float64Array, at: number, b: Float64Array, bt: number): boolean {
  for (const column of [REVISION, FINAL, LAST_ID, TRADES]) {
    const now = orNone(a[at + column]!)
    const before = orNone(b[bt + column]!)
    if (now !== before) return now > before
  }
  return false
}

function orNone(value: number): number {
  return Number.isNaN(value) ? -1 : value
}

/** The newest candle of each bucket of one instrument and timeframe: 112 bytes a row, and 90 for its place. */
export class CandleSeries {
  readonly timeframe: Timeframe
  readonly #slots = new Map<number, number>()
  readonly #free: number[] = []
  #values = new Float64Array(FIRST_ROWS * CANDLE_WIDTH)
  #used = 0

  constructor(timeframe: Timeframe) {
    this.timeframe = timeframe
  }

  get size(): number {
    return this.#slots.size
  }

  /** Takes the columns at `at` unless what is there is as new. */
  set(columns: Float64Array, at: number): void {
    const time = columns[at + TIME]!
    const known = this.#slots.get(time)
    if (known !== undefined && !isNewer(columns, at, this.#values, known * CANDLE_WIDTH)) return
    const slot = known ?? this.#free.pop() ?? this.#used++
    if (slot * CANDLE_WIDTH >= this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values.set(columns.subarray(at, at + CANDLE_WIDTH), slot * CANDLE_WIDTH)
    this.#slots.set(time, slot)
  }

  /** Forgets rows that were spooled up to `sequence`. */
  release(sequence: number): void {
    for (const [time, slot] of this.#slots) {
      if (this.#values[slot * CANDLE_WIDTH + SEQUENCE]! > sequence) continue
      this.#slots.delete(time)
      this.#free.push(slot)
    }
  }

  /** When its finished candles begin. */
  finishedTimes(): readonly number[] {
    return [...this.#slots].filter(([, slot]) => this.#values[slot * CANDLE_WIDTH + FINAL] === 1).map(([time]) => time)
  }

  /** Forgets finished candles that begin up to `time` and were spooled up to `sequence`. */
  shed(time: number, sequence: number): void {
    for (const [each, slot] of this.#slots) {
      const at = slot * CANDLE_WIDTH
      if (each > time || this.#values[at + FINAL] !== 1 || this.#values[at + SEQUENCE]! > sequence) continue
      this.#slots.delete(each)
      this.#free.push(slot)
    }
  }

  candles(): readonly Candle[] {
    return [...this.#slots.values()].map((slot) => candleAt(this.#values, slot * CANDLE_WIDTH))
  }

  /** Each row's columns, sequence and all. */
  *rows(): Generator<Float64Array> {
    for (const slot of this.#slots.values()) {
      yield this.#values.subarray(slot * CANDLE_WIDTH, (slot + 1) * CANDLE_WIDTH)
    }
  }
}
