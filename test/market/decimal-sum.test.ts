import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { joinAmount, splitAmount, splitProduct } from '../../src/market/decimal-sum.ts'

/** A decimal with `digits` decimals, as text and as the double that a source's text parses to. */
const decimal = (digits: number, most: number) =>
  fc
    .integer({ min: 0, max: most })
    .map((units) => ({ units: BigInt(units), value: Number(spell(BigInt(units), digits)) }))

function spell(units: bigint, digits: number): string {
  const text = units.toString().padStart(digits + 1, '0')
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`
}

describe('exact sums of decimals', () => {
  it('a sum of sizes is the decimal that a ledger would hold, to the last digit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8 }), fc.array(fc.nat(2 ** 31 - 1), { maxLength: 200 }), (digits, all) => {
        const amount = { whole: 0, fraction: 0 }
        let whole = 0
        let fraction = 0
        let ledger = 0n
        for (const units of all) {
          splitAmount(Number(spell(BigInt(units), digits)), digits, amount)
          fraction += amount.fraction
          whole += amount.whole + Math.floor(fraction / 1e8)
          fraction %= 1e8
          ledger += BigInt(units)
        }
        expect(joinAmount(whole, fraction)).toBe(Number(spell(ledger, digits)))
      }),
      { numRuns: 300 },
    )
  })

  it('price times size is exact on their steps', () => {
    const pair = fc
      .tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 8 }))
      .filter(([priceDigits, sizeDigits]) => priceDigits + sizeDigits <= 8)
      .chain(([priceDigits, sizeDigits]) =>
        fc.tuple(
          fc.constant(priceDigits),
          decimal(priceDigits, 1e9),
          fc.constant(sizeDigits),
          decimal(sizeDigits, 1e9),
        ),
      )
    fc.assert(
      fc.property(pair, ([priceDigits, price, sizeDigits, size]) => {
        fc.pre(price.value * size.value < 2 ** 53)
        const amount = { whole: 0, fraction: 0 }
        splitProduct(price.value, priceDigits, size.value, sizeDigits, amount)
        const exact = price.units * size.units * 10n ** BigInt(8 - priceDigits - sizeDigits)
        expect(BigInt(amount.whole) * 100_000_000n + BigInt(amount.fraction)).toBe(exact)
      }),
      { numRuns: 500 },
    )
  })

  it('a size finer than its step keeps its eight decimals', () => {
    const amount = { whole: 0, fraction: 0 }
    splitAmount(1.00000001, 2, amount)
    expect(amount).toEqual({ whole: 1, fraction: 1 })
  })

  it('a price between two steps is not rounded to one of them', () => {
    const amount = { whole: 0, fraction: 0 }
    splitProduct(10.005, 2, 2, 5, amount)
    expect(joinAmount(amount.whole, amount.fraction)).toBe(20.01)
  })
})
