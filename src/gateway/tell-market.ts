import type { MarketState } from '../market/market-state.ts'
import type { FeedSideParts } from './feed-side.ts'

/** What a source says of a market beside its ticks: remembered, and told where it is shown. */
export function tellMarket(
  symbol: string,
  state: MarketState,
  { memory, hub, onTick, now }: Pick<FeedSideParts, 'memory' | 'hub' | 'onTick' | 'now'>,
): void {
  const stream = memory.stream(symbol)
  if (stream === undefined || !stream.sayMarket(state, now())) return
  onTick(stream)
  hub.requote(symbol)
}
