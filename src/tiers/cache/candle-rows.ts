import type { OhlcvRow } from '../../market/candle.ts'

/** Of `OhlcvRow`. */
export const NUMBERS_IN_A_ROW = 6
/** What the objects around the block take, about. */
const OBJECT_BYTES = 300

/**
 * Rows of candles in one block of memory, outside of the heap. As arrays, 500 rows are a thousand objects, which the
 * garbage collector moves one by one, twice, before it leaves them alone: pauses of milliseconds, again and again, in a
 * process that keeps many histories.
 */
export class CandleRows {
  /** One row behind the other. MUST NOT be changed. */
  readonly numbers: Float64Array

  constructor(numbers: Float64Array) {
    this.numbers = numbers
  }

  static of(rows: readonly OhlcvRow[]): CandleRows {
    const numbers = new Float64Array(rows.length * NUMBERS_IN_A_ROW)
    for (const [index, row] of rows.entries()) numbers.set(row, index * NUMBERS_IN_A_ROW)
    return new CandleRows(numbers)
  }

  /** From JSON; undefined unless they are rows of numbers, ascending. By hand: zod takes as long as the parser of JSON. */
  static read(rows: unknown): CandleRows | undefined {
    if (!Array.isArray(rows)) return undefined
    const numbers = new Float64Array(rows.length * NUMBERS_IN_A_ROW)
    let last = Number.NEGATIVE_INFINITY
    for (let index = 0; index < rows.length; index += 1) {
      const row: unknown = rows[index]
      if (!Array.isArray(row) || row.length !== NUMBERS_IN_A_ROW) return undefined
      for (let field = 0; field < NUMBERS_IN_A_ROW; field += 1) {
        const number: unknown = row[field]
        if (typeof number !== 'number') return undefined
        numbers[index * NUMBERS_IN_A_ROW + field] = number
      }
      const time: number = row[0]
      if (time <= last) return undefined
      last = time
    }
    return new CandleRows(numbers)
  }

  get length(): number {
    return this.numbers.length / NUMBERS_IN_A_ROW
  }

  /** What it takes of memory, about. */
  get bytes(): number {
    return OBJECT_BYTES + this.numbers.byteLength
  }

  /** Of the last row, Unix ms; undefined: there is none. */
  get lastTime(): number | undefined {
    return this.numbers[this.numbers.length - NUMBERS_IN_A_ROW]
  }

  /** Ascending, made anew each time. */
  rows(): readonly OhlcvRow[] {
    return Array.from({ length: this.length }, (_, index) => rowAt(this.numbers, index * NUMBERS_IN_A_ROW))
  }

  /** In JSON they are rows. */
  toJSON(): readonly OhlcvRow[] {
    return this.rows()
  }
}

function rowAt(numbers: Float64Array, at: number): OhlcvRow {
  return [numbers[at]!, numbers[at + 1]!, numbers[at + 2]!, numbers[at + 3]!, numbers[at + 4]!, numbers[at + 5]!]
}
