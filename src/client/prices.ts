import type { Follower } from './follow.ts'
import type { PriceMessage } from './messages.ts'

export interface PriceOptions {
  /** Least ms between two prices of one symbol; the gateway's default unless told. */
  readonly interval?: number
}

/** Follows latest prices: each symbol's at once, then as they change; what was missed in a cut no longer matters. */
export function createPriceFollower(symbols: readonly string[], options: PriceOptions): Follower<PriceMessage> {
  const wanted = new Set(symbols)
  return {
    symbols: wanted,
    start: (ask) => ask({ channel: 'prices', symbols: [...wanted], ...options }),
    take: (message) => (message.type === 'price' ? [message] : []),
  }
}
