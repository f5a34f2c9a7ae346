import { expect, test } from 'vitest'
import { createFeeds } from '../../feeds/index.ts'
import type { Feed, FeedConfig, FeedDefinition } from '../../src/feed.ts'
import { symbolsIn } from '../../src/market/symbol-list.ts'

const CONFIG: FeedConfig = {
  ...{ cryptoSymbols: [{ symbol: 'BTC', sourceSymbol: 'BTCUSDT' }], stockSymbols: [], macroSeries: [] },
  ...{ binanceStreamUrl: 'ws://127.0.0.1:1', binanceRestUrl: 'http://127.0.0.1:1' },
  ...{ yahooPollMs: 1_000, fredPollMs: 1_000, dataDir: '/nowhere' },
}

/** A feed with a variable of its own, of which only the symbols matter here. */
function definition(name: string, variable: string): FeedDefinition {
  return {
    name,
    create: (_, env) => ({ name, symbols: symbolsIn(variable, env) }) as unknown as Feed,
  }
}

test('a feed reads its own variable as the lists of the configuration are read', () => {
  expect(symbolsIn('OURS', { OURS: ' a, b=b-1 ,, EUR=EURUSD=X' })).toEqual([
    { symbol: 'A', sourceSymbol: 'A' },
    { symbol: 'B', sourceSymbol: 'B-1' },
    { symbol: 'EUR', sourceSymbol: 'EURUSD=X' },
  ])
  expect(symbolsIn('OURS', {})).toEqual([])
  expect(() => symbolsIn('OURS', { OURS: 'A,$' })).toThrow(
    expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining('OURS must be') }),
  )
})

test('one symbol in two feeds is refused, whichever variables they are from', () => {
  const definitions = [definition('first', 'FIRST'), definition('second', 'SECOND')]
  const { feeds } = createFeeds(CONFIG, { FIRST: 'A', SECOND: 'B' }, definitions)
  expect(feeds.map(({ name }) => name)).toEqual(['first', 'second'])
  expect(() => createFeeds(CONFIG, { FIRST: 'A', SECOND: 'B,A' }, definitions)).toThrow(
    expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining('A of first and of second') }),
  )
})
