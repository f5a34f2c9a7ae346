import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OhlcvRow } from '../../../src/market/candle.ts'
import { CandleRows } from '../../../src/tiers/cache/candle-rows.ts'

const ONE: OhlcvRow = [1, 1, 1, 1, 1, 1]
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value))
const rows = fc
  .uniqueArray(fc.tuple(number, number, number, number, number, number), { selector: ([time]) => time })
  .map((all) => all.toSorted(([a], [b]) => a - b))

describe('packed rows of candles', () => {
  it('are the rows they were made of, also by way of JSON', () => {
    fc.assert(
      fc.property(rows, (expected) => {
        const packed = CandleRows.of(expected)
        expect(packed.rows()).toEqual(expected)
        expect([packed.length, packed.lastTime]).toEqual([expected.length, expected.at(-1)?.[0]])
        expect(JSON.stringify(packed)).toBe(JSON.stringify(expected))
        expect(CandleRows.read(JSON.parse(JSON.stringify(packed)))).toEqual(packed)
      }),
    )
  })

  it.each<[string, unknown]>([
    ['no list', { 0: [1, 1, 1, 1, 1, 1], length: 1 }],
    ['a row that is no list', [[1, 1, 1, 1, 1, 1], '222222']],
    ['a row of five', [[1, 1, 1, 1, 1]]],
    ['a row of seven', [[1, 1, 1, 1, 1, 1, 1]]],
    ['a text for a number', [[1, 1, 1, 1, 1, '1']]],
    ['nothing for a number', [[1, null, 1, 1, 1, 1]]],
    ['the same time twice', [ONE, ONE]],
    ['times that go back', [[2, 1, 1, 1, 1, 1], ONE]],
  ])('are not read from %s', (_, json) => {
    expect(CandleRows.read(json)).toBeUndefined()
  })
})
