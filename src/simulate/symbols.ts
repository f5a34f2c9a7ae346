import type { MarketFacts } from './market.ts'
import { seedFor, unit } from './noise.ts'

/** How a made-up market looks and behaves. */
export interface SymbolSpec extends MarketFacts {
  /** Its price at the first trade. */
  readonly price: number
  /** Deviation of the price over an hour, as a fraction. */
  readonly hourlyDeviation: number
  /** The median size of a trade, in units of the base asset. */
  readonly medianSize: number
  /** Its part of the whole rate, relative to the others'. */
  readonly share: number
  /** Where its aggregate and its raw ids begin. */
  readonly firstId: number
  readonly firstTradeId: number
}

type Row = readonly [
  base: string,
  price: number,
  priceDigits: number,
  sizeDigits: number,
  hourlyDeviation: number,
  medianSize: number,
  share: number,
  firstId: number,
  firstTradeId: number,
]

const ROWS: readonly Row[] = [
  ['BTC', 96_420.5, 2, 5, 0.008, 0.0021, 40, 3_735_683_259, 5_412_906_114],
  ['ETH', 3_348.2, 2, 4, 0.01, 0.06, 25, 2_114_870_402, 3_020_114_655],
  ['SOL', 189.4, 2, 3, 0.013, 0.9, 15, 811_402_377, 1_290_447_013],
  ['BNB', 642.1, 2, 3, 0.009, 0.12, 8, 702_118_940, 1_004_206_831],
  ['XRP', 1.4382, 4, 1, 0.013, 140, 12, 690_034_118, 980_551_790],
]

/** A symbol that is listed and does not trade, so that a refusal can be seen. */
export const HALTED: MarketFacts = {
  symbol: 'LUNAUSDT',
  baseAsset: 'LUNA',
  quoteAsset: 'USDT',
  priceDigits: 4,
  sizeDigits: 2,
  status: 'BREAK',
}

/** The five well-known symbols, and `extra` made-up ones: SIM001USDT and so on. */
export function symbolSpecs(seed: number, extra: number): readonly SymbolSpec[] {
  return [...ROWS.map(knownSpec), ...Array.from({ length: extra }, (_, index) => inventedSpec(seed, index + 1))]
}

/** What is known of a symbol's steps; undefined for one that is not in the list. */
export function knownFacts(symbol: string): MarketFacts | undefined {
  return ROWS.map(knownSpec).find((spec) => spec.symbol === symbol)
}

function knownSpec(row: Row): SymbolSpec {
  const [base, price, priceDigits, sizeDigits, hourlyDeviation, medianSize, share, firstId, firstTradeId] = row
  const facts = tradingFacts(base, priceDigits, sizeDigits)
  return { ...facts, price, hourlyDeviation, medianSize, share, firstId, firstTradeId }
}

function inventedSpec(seed: number, number: number): SymbolSpec {
  const base = `SIM${String(number).padStart(3, '0')}`
  const price = 10 ** (4 * unit(seedFor(seed, base), 0) - 1)
  return {
    ...tradingFacts(base, 4, 2),
    price,
    hourlyDeviation: 0.012,
    medianSize: 120 / price,
    share: 2,
    firstId: 1_000_000 * number + 1,
    firstTradeId: 1_500_000 * number + 1,
  }
}

function tradingFacts(baseAsset: string, priceDigits: number, sizeDigits: number): MarketFacts {
  return { symbol: `${baseAsset}USDT`, baseAsset, quoteAsset: 'USDT', priceDigits, sizeDigits, status: 'TRADING' }
}
