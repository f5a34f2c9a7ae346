import type { AggTrade, MarketFacts, TradeSteps } from './market.ts'

/** Every price and size of the exchange is printed with this many decimals. */
const PRINTED_DIGITS = 8

const ZEROS = '00000000'

/** Prints `steps` units of 10^-digits as the exchange does: `6183763` at two digits is `61837.63000000`. */
export function printSteps(steps: number, digits: number): string {
  const text = String(steps)
  const point = text.length - digits
  const padding = ZEROS.slice(digits)
  if (point > 0) return `${text.slice(0, point)}.${text.slice(point)}${padding}`
  return `0.${ZEROS.slice(0, -point)}${text}${padding}`
}

/** Prints a sum of `digits` decimals with eight; further ones are cut off, as the exchange stores none. */
export function printSum(sum: bigint, digits: number): string {
  const shift = PRINTED_DIGITS - digits
  const scaled = shift >= 0 ? sum * 10n ** BigInt(shift) : sum / 10n ** BigInt(-shift)
  const text = scaled.toString().padStart(PRINTED_DIGITS + 1, '0')
  return `${text.slice(0, -PRINTED_DIGITS)}.${text.slice(-PRINTED_DIGITS)}`
}

/** Reads a plain decimal with at most eight places as units of 10^-8; undefined when it is not one, or not exact. */
export function parseEighths(text: string): number | undefined {
  const match = /^(\d+)(?:\.(\d{1,8})0*)?$/.exec(text)
  if (!match?.[1]) return undefined
  const units = Number(match[1] + (match[2] ?? '').padEnd(PRINTED_DIGITS, '0'))
  return Number.isSafeInteger(units) ? units : undefined
}

/** The decimals that `units` of 10^-8 really needs. */
export function digitsOf(units: number): number {
  let digits = PRINTED_DIGITS
  for (let rest = units; digits > 0 && rest % 10 === 0; rest /= 10) digits -= 1
  return digits
}

/** The product of two step counts, exact also beyond 2^53. */
export function exactProduct(a: number, b: number): bigint {
  const product = a * b
  return Number.isSafeInteger(product) ? BigInt(product) : BigInt(a) * BigInt(b)
}

/** The trade with the decimal strings that the exchange prints. */
export function printTrade(facts: Pick<MarketFacts, 'priceDigits' | 'sizeDigits'>, trade: TradeSteps): AggTrade {
  const price = printSteps(trade.priceSteps, facts.priceDigits)
  return { ...trade, price, size: printSteps(trade.sizeSteps, facts.sizeDigits) }
}
