import { bell, hash, unit } from './noise.ts'
import type { SymbolSpec } from './symbols.ts'

/** Of the logarithm of a size: one trade in forty is eleven times the median. */
const SIZE_DEVIATION = 1.25

/** The mean of a log-normal is this many medians. */
export const MEAN_PER_MEDIAN_SIZE = Math.exp(SIZE_DEVIATION ** 2 / 2)

/** Sides by a biased coin whose bias changes every 16 trades. */
export function createTakerSides(seed: number, moodSeed: number): (n: number) => boolean {
  return (n) => unit(seed, n) < 0.2 + 0.6 * unit(moodSeed, Math.floor(n / 16))
}

/** Log-normal sizes in whole steps, at least one. */
export function createTradeSizes(seed: number, spec: SymbolSpec): (n: number) => number {
  const medianSteps = spec.medianSize * 10 ** spec.sizeDigits
  return (n) => Math.max(1, Math.round(medianSteps * Math.exp(SIZE_DEVIATION * bell(seed, n))))
}

/** Raw trades per aggregate, 64 places long: mostly one, now and then eight. */
const RAW_COUNTS = [
  1, 1, 2, 1, 1, 3, 1, 1, 1, 2, 1, 5, 1, 1, 2, 1, 1, 1, 4, 1, 1, 2, 1, 1, 8, 1, 1, 1, 3, 1, 1, 2, 1, 1, 1, 1, 2, 6, 1,
  1, 1, 3, 1, 1, 2, 1, 1, 1, 1, 4, 1, 2, 1, 1, 1, 7, 1, 1, 2, 1, 3, 1, 1, 1,
] as const
const RAW_BLOCK = RAW_COUNTS.length
const RAW_PER_BLOCK = RAW_COUNTS.reduce<number>((sum, count) => sum + count, 0)
export const RAW_PER_TRADE = RAW_PER_BLOCK / RAW_BLOCK

/**
 * How many raw trades lie before trade n. Every block of 64 holds the same counts, turned by a hash of the block: so
 * the totals of all blocks are equal and the sum up to any n costs two look-ups.
 */
export function createRawOffsets(seed: number): (n: number) => number {
  const sums = [0]
  for (const count of [...RAW_COUNTS, ...RAW_COUNTS]) sums.push(sums.at(-1)! + count)
  return (n) => {
    const block = Math.floor(n / RAW_BLOCK)
    const turn = hash(seed, block) % RAW_BLOCK
    return block * RAW_PER_BLOCK + sums[turn + (n - block * RAW_BLOCK)]! - sums[turn]!
  }
}
