/**
 * Exact sums of decimals: a whole part and a fraction counted in 10^-8, the finest step any source of ours prints.
 * Doubles alone would drift: 0.1 + 0.2 is not 0.3, and a candle sums thousands of sizes. Both parts are integers held
 * in doubles, so they fit typed arrays and stay exact up to 2^53 whole units.
 */
export const FRACTION_SCALE = 1e8
const FRACTION_DIGITS = 8

/** Looked up, as `10 ** digits` is computed anew each time: it was half the price of a split. */
const POWERS_OF_TEN: readonly number[] = Array.from({ length: 23 }, (_, digits) => 10 ** digits)

/** Where the two parts of an amount are left by `splitAmount` and `splitProduct`: read at once, before the next call. */
export interface Amount {
  whole: number
  fraction: number
}

/** Splits a decimal, as the source printed it, into its parts. `digits`: decimals of its step; finer values keep 8. */
export function splitAmount(value: number, digits: number, into: Amount): void {
  const whole = Math.floor(value)
  const step = powerOfTen(Math.min(digits, FRACTION_DIGITS))
  const fraction = Math.round((value - whole) * step) * (FRACTION_SCALE / step)
  into.whole = whole
  into.fraction = joinAmount(whole, fraction) === value ? fraction : Math.round((value - whole) * FRACTION_SCALE)
  carry(into)
}

/** Splits price * size without rounding, for prices and sizes on their steps; finer ones are cut at 10^-8. */
export function splitProduct(price: number, priceDigits: number, size: number, sizeDigits: number, into: Amount): void {
  const priceStep = powerOfTen(priceDigits)
  const sizeStep = powerOfTen(sizeDigits)
  const priceUnits = Math.round(price * priceStep)
  const sizeUnits = Math.round(size * sizeStep)
  const product = priceUnits * sizeUnits
  const onGrid = priceUnits / priceStep === price && sizeUnits / sizeStep === size
  if (!onGrid) {
    splitBig(eightDecimals(price) * eightDecimals(size), 2 * FRACTION_DIGITS, into)
  } else if (product > Number.MAX_SAFE_INTEGER || priceDigits + sizeDigits > FRACTION_DIGITS) {
    splitBig(BigInt(priceUnits) * BigInt(sizeUnits), priceDigits + sizeDigits, into)
  } else {
    const step = priceStep * sizeStep
    into.whole = Math.floor(product / step)
    into.fraction = (product - into.whole * step) * (FRACTION_SCALE / step)
  }
}

/** The double nearest to the decimal that the parts spell. */
export function joinAmount(whole: number, fraction: number): number {
  const units = whole * FRACTION_SCALE + fraction
  if (units <= Number.MAX_SAFE_INTEGER) return units / FRACTION_SCALE
  return Number(`${whole}.${String(fraction).padStart(FRACTION_DIGITS, '0')}`)
}

/** Adds an amount to `sum`. */
export function addAmount(sum: Amount, { whole, fraction }: Readonly<Amount>): void {
  sum.whole += whole
  sum.fraction += fraction
  carry(sum)
}

function powerOfTen(digits: number): number {
  return POWERS_OF_TEN[digits] ?? 10 ** digits
}

function eightDecimals(value: number): bigint {
  return BigInt(Math.round(value * FRACTION_SCALE))
}

/** Splits `units` of 10^-digits. */
function splitBig(units: bigint, digits: number, into: Amount): void {
  const scale = BigInt(FRACTION_SCALE)
  const fractions = (units * scale) / 10n ** BigInt(digits)
  into.whole = Number(fractions / scale)
  into.fraction = Number(fractions % scale)
}

function carry(amount: Amount): void {
  if (amount.fraction < FRACTION_SCALE) return
  amount.fraction -= FRACTION_SCALE
  amount.whole += 1
}
