import type { Feed } from '../src/feed.ts'
import type { SymbolMapping } from '../src/market/instrument.ts'
import { createBinanceFeed } from './binance.ts'

/** What the feeds read of the loaded configuration; each takes its own fields. */
export interface FeedConfig {
  readonly cryptoSymbols: readonly SymbolMapping[]
  readonly binanceStreamUrl: string
  readonly binanceRestUrl: string
  readonly stockSymbols: readonly SymbolMapping[]
  /** Undefined: the public hosts. */
  readonly yahooUrl?: string | undefined
  readonly yahooPollMs: number
  readonly macroSeries: readonly SymbolMapping[]
  readonly fredApiKey?: string | undefined
  /** Undefined: the public host. */
  readonly fredUrl?: string | undefined
  readonly fredPollMs: number
  /** What a feed must know after a restart is kept there, in files that begin with its name. */
  readonly dataDir: string
}

/** A feed that is not run, and how to switch it on: `set CRYPTO_SYMBOLS`. */
export interface Off {
  readonly off: string
}

/** One source: how its feed is made. */
export interface FeedDefinition {
  readonly name: string
  create(config: FeedConfig): Feed | Off
}

/** Every source the gateway knows. A new one is a file beside this one, its test and a line here. */
export const FEEDS: readonly FeedDefinition[] = [
  {
    name: 'binance',
    create: ({ cryptoSymbols: symbols, binanceStreamUrl: streamUrl, binanceRestUrl: restUrl, dataDir }) =>
      symbols.length === 0
        ? { off: 'CRYPTO_SYMBOLS must name a symbol, is empty' }
        : createBinanceFeed({ symbols, streamUrl, restUrl, dataDir }),
  },
]

/** The feeds that are run, and why the others are not. */
export function createFeeds(config: FeedConfig): {
  readonly feeds: readonly Feed[]
  readonly off: readonly { readonly feed: string; readonly reason: string }[]
} {
  const made = FEEDS.map(({ name, create }) => ({ name, feed: create(config) }))
  return {
    feeds: made.flatMap(({ feed }) => ('off' in feed ? [] : feed)),
    off: made.flatMap(({ name, feed }) => ('off' in feed ? { feed: name, reason: feed.off } : [])),
  }
}
