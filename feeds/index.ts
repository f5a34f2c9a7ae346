import type { Feed } from '../src/feed.ts'
import type { SymbolMapping } from '../src/market/instrument.ts'
import { createBinanceFeed } from './binance.ts'

/** What the feeds read of the loaded configuration; each takes its own fields. */
export interface FeedConfig {
  readonly cryptoSymbols: readonly SymbolMapping[]
  readonly binanceStreamUrl: string
  readonly binanceRestUrl: string
  /** What a feed must know after a restart is kept there, in files that begin with its name. */
  readonly dataDir: string
}

/** One source: how its feed is made. A feed without symbols is switched off. */
export interface FeedDefinition {
  readonly name: string
  create(config: FeedConfig): Feed
}

/** Every source the gateway knows. A new one is a file beside this one, its test and a line here. */
export const FEEDS: readonly FeedDefinition[] = [
  {
    name: 'binance',
    create: ({ cryptoSymbols: symbols, binanceStreamUrl: streamUrl, binanceRestUrl: restUrl, dataDir }) =>
      createBinanceFeed({ symbols, streamUrl, restUrl, dataDir }),
  },
]
