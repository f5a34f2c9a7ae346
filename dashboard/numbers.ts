/** No price step is finer; what goes beyond is the noise of a sum. */
const MAX_DECIMALS = 8

/** Decimals that a number is written with: 0.25 has two. */
export function decimals(value: number): number {
  const [, mantissa = '', exponent = '0'] = /^-?\d+(?:\.(\d+))?(?:e(-?\d+))?$/.exec(String(value)) ?? []
  return Math.min(MAX_DECIMALS, Math.max(0, mantissa.length - Number(exponent)))
}

/** A price in the reader's own digits and separators. */
export function formatPrice(price: number, digits: number): string {
  return price.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

const percent = new Intl.NumberFormat(undefined, {
  style: 'percent',
  minimumFractionDigits: 2,
  signDisplay: 'exceptZero',
})

/** A share as a signed percentage: 0.0123 is +1.23 %. */
export function formatChange(share: number): string {
  return percent.format(share)
}
