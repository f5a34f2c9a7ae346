import { CandleRows, NUMBERS_IN_A_ROW } from './candle-rows.ts'
import { VALUE_VERSION } from './values.ts'

/** As `encodeValue` writes it: no spaces, the fields in this order. */
const HEAD = new RegExp(`^\\{"v":${VALUE_VERSION},"cursor":(0|[1-9]\\d{0,14}),"candles":\\[`)
const TAIL = ']]}'
/** Of 500 rows, which most histories have. */
const USUAL_NUMBERS = 500 * NUMBERS_IN_A_ROW

// Characters as they are in ASCII.
const COMMA = 0x2c
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const OPEN = 0x5b
const CLOSE = 0x5d
/** So many digits and powers of ten are exact as doubles, and so is what comes of dividing the ones by the others. */
const MOST_DIGITS = 15
const POWERS = Float64Array.from({ length: MOST_DIGITS + 1 }, (_, power) => 10 ** power)

/**
 * The candles of a text as it is nearly always; undefined for any other, which is for `JSON.parse`. That makes a hundred
 * kilobytes of rows and numbers to throw away of every history: twice as many pauses for the garbage collector. This
 * takes half as long, and makes none.
 */
export function readCandles(text: string): { readonly cursor: number; readonly candles: CandleRows } | undefined {
  const head = HEAD.exec(text)
  if (head === null || !text.endsWith(TAIL)) return undefined
  const numbers = readRows(new Reader(Buffer.from(text), head[0].length))
  return numbers && { cursor: Number(head[1]), candles: new CandleRows(numbers) }
}

function readRows(reader: Reader): Float64Array | undefined {
  let numbers = new Float64Array(USUAL_NUMBERS)
  let count = 0
  let last = Number.NEGATIVE_INFINITY
  do {
    if (count === numbers.length) numbers = enlarged(numbers)
    if (!reader.take(OPEN)) return undefined
    for (let field = 0; field < NUMBERS_IN_A_ROW; field += 1) {
      if (field > 0 && !reader.take(COMMA)) return undefined
      const number = reader.number()
      if (Number.isNaN(number)) return undefined
      numbers[count + field] = number
    }
    if (!reader.take(CLOSE)) return undefined
    const time = numbers[count]!
    if (time <= last) return undefined
    last = time
    count += NUMBERS_IN_A_ROW
  } while (reader.take(COMMA))
  if (!reader.isAt(TAIL.length - 1)) return undefined
  return count === numbers.length ? numbers : numbers.slice(0, count)
}

function enlarged(numbers: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * numbers.length)
  larger.set(numbers)
  return larger
}

/** Bytes instead of a text: since a class extends String (in ioredis), V8 takes five times as long for each character. */
class Reader {
  readonly #bytes: Uint8Array
  #at: number

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  /** Whether so many bytes are left. */
  isAt(left: number): boolean {
    return this.#bytes.length - this.#at === left
  }

  take(byte: number): boolean {
    if (this.#bytes[this.#at] !== byte) return false
    this.#at += 1
    return true
  }

  /** NaN: what comes is no number, or one that is not exact this way. */
  number(): number {
    const isNegative = this.take(MINUS)
    const start = this.#at
    let number = this.#digits(0)
    let digits = this.#at - start
    if (digits === 0 || (digits > 1 && this.#bytes[start] === ZERO)) return Number.NaN
    if (this.take(POINT)) {
      const behind = this.#at
      number = this.#digits(number)
      const decimals = this.#at - behind
      if (decimals === 0) return Number.NaN
      digits += decimals
      number /= POWERS[decimals] ?? Number.NaN
    }
    if (digits > MOST_DIGITS) return Number.NaN
    return isNegative ? -number : number
  }

  /** Adds the digits that come to a number. */
  #digits(number: number): number {
    const bytes = this.#bytes
    let at = this.#at
    let sum = number
    for (let byte = bytes[at]!; byte >= ZERO && byte <= NINE; byte = bytes[at]!) {
      sum = sum * 10 + (byte - ZERO)
      at += 1
    }
    this.#at = at
    return sum
  }
}
