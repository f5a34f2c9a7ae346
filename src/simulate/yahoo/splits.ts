/** New shares for old ones, from the opening of the exchange on that day. */
export interface Split {
  readonly symbol: string
  /** The exchange's day, `YYYY-MM-DD`; one on which it trades. */
  readonly date: string
  readonly numerator: number
  readonly denominator: number
}

/** Paid for each share held before that day. It leaves the simulated price alone. */
export interface Dividend {
  readonly symbol: string
  readonly date: string
  readonly amount: number
}

/** A split with the moment (Unix ms) from which it holds. */
export interface DatedSplit extends Split {
  readonly time: number
}

/** By how much a price of `time` has to be divided to be compared with one of `now`; 1 without a split in between. */
export function splitRatio(splits: readonly DatedSplit[], time: number, now = Number.POSITIVE_INFINITY): number {
  return splits
    .filter((split) => split.time > time && split.time <= now)
    .reduce((product, { numerator, denominator }) => (product * numerator) / denominator, 1)
}
