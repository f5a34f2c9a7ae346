import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OhlcvRow } from '../../../src/market/candle.ts'
import { CandleRows } from '../../../src/tiers/cache/candle-rows.ts'
import { readCandles } from '../../../src/tiers/cache/candles-text.ts'
import { encodeValue } from '../../../src/tiers/cache/value-codec.ts'

/** Numbers as exchanges print them, of up to 15 digits. */
const amount = fc
  .tuple(fc.integer({ min: 0, max: 10 ** 9 }), fc.integer({ min: 0, max: 6 }), fc.boolean())
  .map(([digits, decimals, isNegative]) => Number(`${isNegative && digits > 0 ? '-' : ''}${digits / 10 ** decimals}`))
const time = fc.integer({ min: 0, max: 4_000_000_000_000 })
const cursor = fc.integer({ min: 0, max: 10 ** 15 - 1 })

function rowsOf(number: fc.Arbitrary<number>, count: fc.ArrayConstraints): fc.Arbitrary<readonly OhlcvRow[]> {
  return fc
    .uniqueArray(fc.tuple(time, number, number, number, number, number), { ...count, selector: ([at]) => at })
    .map((rows) => rows.toSorted(([a], [b]) => a - b))
}

/** What anybody would read from the text, if it is a value of candles. */
function parsed(text: string): unknown {
  try {
    const { v, cursor, candles } = JSON.parse(text)
    const rows = CandleRows.read(candles)
    return v === 1 && rows !== undefined ? { cursor, candles: rows } : undefined
  } catch {
    return undefined
  }
}

describe('the text of candles', () => {
  it('is read without making objects when it is as we write it, to the last bit', () => {
    fc.assert(
      fc.property(cursor, rowsOf(amount, { minLength: 1, maxLength: 20 }), (at, rows) => {
        const value = { cursor: at, candles: CandleRows.of(rows) }
        expect(readCandles(encodeValue(value))).toEqual(value)
      }),
    )
  })

  it.each([499, 500, 501, 1_300])('is read with %s rows', (count) => {
    const candles = CandleRows.of(
      Array.from({ length: count }, (_, n) => [n * 60_000, 97_000.12 + n, 2, 3, 4, n / 1_000]),
    )
    expect(readCandles(encodeValue({ cursor: 9, candles }))).toEqual({ cursor: 9, candles })
  })

  it('is never read as anything else than what it says', () => {
    const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), amount)
    const change = fc.tuple(fc.nat(), fc.constantFrom(...'0123456789.,-[]{}" eE+x', ''), fc.nat(2))
    const some = fc.tuple(cursor, rowsOf(number, { maxLength: 3 }), fc.array(change, { maxLength: 3 }))
    const property = fc.property(some, ([at, rows, changes]) => {
      let text = encodeValue({ cursor: at, candles: CandleRows.of(rows) })
      for (const [place, by, length] of changes) {
        const start = place % text.length
        text = text.slice(0, start) + by + text.slice(start + length)
      }
      const read = readCandles(text)
      if (read !== undefined) expect(read).toEqual(parsed(text))
    })
    fc.assert(property, { numRuns: 3_000 })
  })

  it.each([
    ['no row', '{"v":1,"cursor":1,"candles":[]}'],
    ['no cursor', '{"v":1,"cursor":null,"candles":[[1,1,1,1,1,1]]}'],
    ['another version', '{"v":2,"cursor":1,"candles":[[1,1,1,1,1,1]]}'],
    ['an exponent', '{"v":1,"cursor":1,"candles":[[1,1,1,1,1,1e-7]]}'],
    ['sixteen digits', '{"v":1,"cursor":1,"candles":[[1,1,1,1,1,0.3000000000000001]]}'],
    ['sixteen digits, some before the point', '{"v":1,"cursor":1,"candles":[[1,1,1,1,1,97000.00000000001]]}'],
    ['a cursor with a leading zero', '{"v":1,"cursor":01,"candles":[[1,1,1,1,1,1]]}'],
    ['a leading zero', '{"v":1,"cursor":1,"candles":[[1,1,1,1,1,01]]}'],
    ['a point and nothing behind it', '{"v":1,"cursor":1,"candles":[[1,1,1,1,1,1.]]}'],
    ['nothing for a number', '{"v":1,"cursor":1,"candles":[[1,1,1,1,1,]]}'],
    ['a row of seven', '{"v":1,"cursor":1,"candles":[[1,1,1,1,1,1,1]]}'],
    ['the same time twice', '{"v":1,"cursor":1,"candles":[[1,1,1,1,1,1],[1,1,1,1,1,1]]}'],
    ['another field', '{"v":1,"cursor":1,"candles":[[1,1,1,1,1,1]],"more":[[1]]}'],
  ])('is left to others with %s', (_, text) => {
    expect(readCandles(text)).toBeUndefined()
  })
})
