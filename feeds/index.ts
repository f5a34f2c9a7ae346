import { GatewayError } from '../src/base/errors.ts'
import type { Feed, FeedConfig, FeedDefinition, FeedEnv } from '../src/feed.ts'
import { createBinanceFeed } from './binance.ts'
import { createFredFeed } from './fred.ts'
import { createYahooFeed } from './yahoo.ts'

const FRED_KEYS = 'https://fredaccount.stlouisfed.org/apikeys'

/** Every source the gateway knows. A new one is a file beside this one, its test and a line here. */
export const FEEDS: readonly FeedDefinition[] = [
  {
    name: 'binance',
    create: ({ cryptoSymbols: symbols, binanceStreamUrl: streamUrl, binanceRestUrl: restUrl, dataDir }) =>
      symbols.length === 0
        ? { off: 'CRYPTO_SYMBOLS must name a symbol, is empty' }
        : createBinanceFeed({ symbols, streamUrl, restUrl, dataDir }),
  },
  {
    name: 'yahoo',
    create: ({ stockSymbols: symbols, yahooUrl, yahooPollMs: pollMs }) =>
      symbols.length === 0
        ? { off: 'STOCK_SYMBOLS must name a symbol, is empty' }
        : createYahooFeed({ symbols, yahooUrl, pollMs }),
  },
  {
    name: 'fred',
    create: ({ macroSeries: symbols, fredApiKey: apiKey, fredUrl: url, fredPollMs: pollMs }) => {
      if (symbols.length === 0) return { off: 'MACRO_SERIES must name a series, is empty' }
      if (apiKey === undefined) return { off: `FRED_API_KEY must be set, is not: ${FRED_KEYS} gives one for free` }
      return createFredFeed({ symbols, apiKey, url, pollMs })
    },
  },
]

export interface CreatedFeeds {
  readonly feeds: readonly Feed[]
  readonly off: readonly { readonly feed: string; readonly reason: string }[]
}

/**
 * The feeds that are run, and why the others are not.
 * @throws GatewayError config_invalid when two of them use one symbol, or one cannot read its own variables
 */
export function createFeeds(config: FeedConfig, env: FeedEnv = {}, definitions = FEEDS): CreatedFeeds {
  const made = definitions.map(({ name, create }) => ({ name, feed: create(config, env) }))
  const feeds = made.flatMap(({ feed }) => ('off' in feed ? [] : feed))
  refuseClashes(feeds)
  return {
    feeds,
    off: made.flatMap(({ name, feed }) => ('off' in feed ? { feed: name, reason: feed.off } : [])),
  }
}

/** The lists of the configuration are compared where they are read; a feed's own variables are known here. */
function refuseClashes(feeds: readonly Feed[]): void {
  const users = new Map<string, string>()
  for (const { name, symbols } of feeds) {
    for (const { symbol } of symbols) {
      const user = users.get(symbol)
      if (user !== undefined) {
        const rule = `a symbol must belong to one feed, was ${symbol} of ${user} and of ${name}`
        throw new GatewayError('config_invalid', `${rule}: give one of them an alias, such as ${symbol}_2=${symbol}`)
      }
      users.set(symbol, name)
    }
  }
}
