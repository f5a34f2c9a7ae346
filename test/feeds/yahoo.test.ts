import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createFeeds } from '../../feeds/index.ts'
import { createYahooFeed, type YahooOptions } from '../../feeds/yahoo.ts'
import type { FeedEvents, FeedPast } from '../../src/feed.ts'
import type { Instrument, SymbolMapping } from '../../src/market/instrument.ts'
import type { MarketState } from '../../src/market/market-state.ts'
import type { Tick } from '../../src/market/tick.ts'
import { type FakeYahoo, quoteRow, startFakeYahoo } from '../fakes/yahoo-source.ts'

const NOW = 1_709_565_001_234
const OPEN = 1_709_565_000
const AAPL: Instrument = {
  symbol: 'AAPL',
  sourceSymbol: 'AAPL',
  assetClass: 'stock',
  source: 'yahoo',
  priceDigits: 2,
  sizeDigits: 0,
  about: { title: 'AAPL Inc.', currency: 'USD', timeZone: 'America/New_York' },
}
const MSFT: Instrument = { ...AAPL, symbol: 'MSFT', sourceSymbol: 'MSFT' }

let yahoo: FakeYahoo
let controller: AbortController
beforeEach(async () => {
  yahoo = await startFakeYahoo()
  controller = new AbortController()
  for (const symbol of ['AAPL', 'MSFT']) yahoo.rows.set(symbol, quoteRow(symbol))
})
afterEach(async () => {
  controller.abort()
  await yahoo.close()
})

describe('resolve', () => {
  test('knows the title, currency, zone and steps of what Yahoo has', async () => {
    yahoo.rows.set('EURUSD=X', quoteRow('EURUSD=X', { priceHint: 4, longName: undefined, shortName: 'EUR/USD' }))
    yahoo.rows.set('FINE', quoteRow('FINE', { priceHint: 8, currency: null }))
    yahoo.rows.set('ODD', { symbol: 'ODD', regularMarketPrice: null })
    const { instruments, refused } = await resolve('AAPL', 'EURUSD=EURUSD=X', 'FINE', 'ODD')
    expect(instruments).toEqual([
      AAPL,
      {
        ...AAPL,
        ...{ symbol: 'EURUSD', sourceSymbol: 'EURUSD=X', priceDigits: 4 },
        about: { ...AAPL.about, title: 'EUR/USD' },
      },
      {
        ...AAPL,
        ...{ symbol: 'FINE', sourceSymbol: 'FINE', priceDigits: 4 },
        about: { title: 'FINE Inc.', timeZone: 'America/New_York' },
      },
      { ...AAPL, symbol: 'ODD', sourceSymbol: 'ODD', about: {} },
    ])
    expect(refused).toEqual([])
    expect(yahoo.asked('quote')).toBe(1)
  })

  test('refuses unknown and doubly named symbols by name, and no other', async () => {
    const { instruments, refused } = await resolve('NO', 'AAPL', 'APPLE=AAPL', 'MSFT')
    expect(instruments.map(({ symbol }) => symbol)).toEqual(['AAPL', 'MSFT'])
    expect(refused).toEqual([
      { symbol: 'NO', reason: 'Yahoo has no symbol NO' },
      { symbol: 'APPLE', reason: 'AAPL is already AAPL' },
    ])
  })

  test('asks for many symbols 50 at a time', async () => {
    const names = Array.from({ length: 120 }, (_, n) => `S${n}`)
    for (const name of names) yahoo.rows.set(name, quoteRow(name))
    const sizes: number[] = []
    yahoo.trouble = (route, { searchParams }) => {
      if (route === 'quote') sizes.push(searchParams.get('symbols')!.split(',').length)
      return undefined
    }
    expect((await resolve(...names)).instruments).toHaveLength(120)
    expect(sizes).toEqual([50, 50, 20])
  })
})

describe('receive', () => {
  test('is live when the first poll is taken, and heard and told every market with each', async () => {
    const told: string[] = []
    const states: MarketState[] = []
    const events: FeedEvents = {
      connected: () => told.push('connected'),
      heard: () => told.push('heard'),
      state: (symbol, state) => {
        told.push(symbol)
        states.push(state)
        if (states.length === 4) controller.abort()
      },
    }
    expect(await collect(feedOf(), [AAPL, MSFT], events)).toHaveLength(2)
    expect(told.slice(0, 7)).toEqual(['heard', 'AAPL', 'MSFT', 'connected', 'heard', 'AAPL', 'MSFT'])
    const day = { previousClose: 99, high: 101, low: 98, volume: 1_000 }
    expect(states[0]).toEqual({ market: 'REGULAR', delayMs: 0, day })
  })

  test('tells the time while every market is closed, less the delay of prices, and never with news', async () => {
    const date = 'Sat, 09 Mar 2024 15:00:00 GMT'
    const closed = (symbol: string, row = {}) => quoteRow(symbol, { marketState: 'CLOSED', ...row })
    const result = [closed('AAPL'), closed('MSFT', { exchangeDataDelayedBy: 15 })]
    const told: unknown[] = []
    const answers = [result, result, [closed('AAPL'), quoteRow('MSFT')], result]
    yahoo.trouble = (route) => {
      if (route !== 'quote') return undefined
      const rows = answers[Math.min(yahoo.asked('quote'), answers.length) - 1]
      return { body: { quoteResponse: { result: rows, error: null } }, headers: { Date: date } }
    }
    const heard = (time?: number) => {
      told.push(time)
      if (told.length === answers.length) controller.abort()
    }
    await collect(feedOf(), [AAPL, MSFT], { connected: () => {}, heard })
    const time = Date.parse(date) - 15 * 60_000
    expect(told).toEqual([undefined, time, undefined, time])
  })

  test('yields a tick only when time, price or volume moved', async () => {
    const feed = feedOf()
    const stages = [
      {},
      {},
      { regularMarketTime: OPEN + 5, regularMarketVolume: 1_300 },
      { regularMarketTime: OPEN + 5, regularMarketVolume: 1_300, marketState: 'ODD' },
      { regularMarketTime: OPEN + 5, regularMarketVolume: 1_300, regularMarketPrice: 100.5 },
      { regularMarketTime: OPEN + 5, regularMarketVolume: 1_350, regularMarketPrice: 100.5 },
    ]
    const ticks = await pollThrough(
      feed,
      stages.map((stage) => quoteRow('AAPL', stage)),
    )
    const tick = { symbol: 'AAPL', side: undefined, trades: 1, received: NOW }
    expect(ticks).toEqual([
      { ...tick, id: OPEN * 1e6, price: 100, size: undefined, time: OPEN * 1_000 },
      { ...tick, id: (OPEN + 5) * 1e6, price: 100, size: 300, time: (OPEN + 5) * 1_000 },
      { ...tick, id: (OPEN + 5) * 1e6, price: 100.5, size: 0, time: (OPEN + 5) * 1_000 },
      { ...tick, id: (OPEN + 5) * 1e6, price: 100.5, size: 50, time: (OPEN + 5) * 1_000 },
    ])
  })

  test('an odd row costs only itself, is refused once, and is a tick again when it is right', async () => {
    const feed = feedOf()
    const odd = quoteRow('AAPL', { regularMarketPrice: null })
    const stages = [odd, odd, quoteRow('AAPL', { regularMarketTime: OPEN + 60 })]
    const skipped: unknown[] = []
    const ticks = await pollThrough(feed, stages, [AAPL, MSFT], skipped)
    expect(ticks.map(({ symbol, time }) => [symbol, time])).toEqual([
      ['MSFT', OPEN * 1_000],
      ['AAPL', (OPEN + 60) * 1_000],
    ])
    expect(skipped).toEqual([expect.objectContaining({ code: 'feed_payload' })])
  })

  test('what the reader did not take is news again; what it took is not, over a restart of the feed', async () => {
    const feed = feedOf()
    const taken = await collect(feed, [AAPL], abortAfter(1))
    expect(taken).toHaveLength(1)
    controller = new AbortController()
    const left = feed.receive([AAPL], silent, controller.signal)[Symbol.asyncIterator]()
    yahoo.rows.set('AAPL', quoteRow('AAPL', { regularMarketTime: OPEN + 9 }))
    expect((await left.next()).value).toHaveLength(1)
    // Its reader failed: the batch was never stored.
    await left.return?.()
    const again = await collect(feed, [AAPL], abortAfter(1))
    expect(again.map(({ time }) => time)).toEqual([(OPEN + 9) * 1_000])
  })

  test('after a start, what the stream has is no news', async () => {
    const stored: Tick = {
      ...{ symbol: 'AAPL', id: OPEN * 1e6 + 2, price: 100, size: undefined, side: undefined, trades: 1 },
      ...{ time: OPEN * 1_000, received: 0 },
    }
    const past: FeedPast = {
      newest: (symbol) => (symbol === 'AAPL' ? stored : undefined),
      observations: async () => [],
    }
    const more = { regularMarketVolume: 1_100 }
    const stages = [{}, more, { ...more, regularMarketPrice: 101 }].map((row) => quoteRow('AAPL', row))
    const ticks = await pollThrough(feedOf(), stages, [AAPL, MSFT], [], past)
    expect(ticks.map(({ symbol, price, size }) => [symbol, price, size])).toEqual([
      ['MSFT', 100, undefined],
      ['AAPL', 100, 100],
      ['AAPL', 101, 0],
    ])
  })

  test('refuses to run without an instrument', async () => {
    await expect(collect(feedOf(), [], silent)).rejects.toMatchObject({ code: 'feed_refused' })
  })

  test('times that run backwards for long take it down, those of a server that is behind do not', async () => {
    const behind = [0, -600, -590, 5, -600, -545, -539].map((s) => quoteRow('AAPL', { regularMarketTime: OPEN + s }))
    const feed = feedOf()
    const reset = { code: 'feed_broken', message: expect.stringContaining('ids_reset') }
    await expect(pollThrough(feed, behind)).rejects.toMatchObject(reset)
    const connected = vi.fn()
    await expect(collect(feed, [AAPL], { connected })).rejects.toMatchObject(reset)
    expect(connected).not.toHaveBeenCalled()
    expect(await pollThrough(feed, [quoteRow('AAPL', { regularMarketTime: OPEN + 6 })])).toHaveLength(1)
  })

  test('an abort ends it quietly, be the request hung', async () => {
    yahoo.trouble = (route) => (route === 'quote' ? 'silence' : undefined)
    const run = collect(feedOf({ timeouts: { requestMs: 600_000 } }), [AAPL], silent)
    await vi.waitFor(() => expect(yahoo.asked('quote')).toBe(1))
    controller.abort()
    expect(await run).toEqual([])
  })

  test('two feeds of one process have each its own crumb', async () => {
    const other = await startFakeYahoo()
    try {
      other.crumb = 'another'
      other.rows.set('MSFT', quoteRow('MSFT', { regularMarketPrice: 7 }))
      const feeds = [feedOf(), feedOf({ yahooUrl: other.url })]
      const ask = () => Promise.all(feeds.map((feed) => feed.resolve(controller.signal)))
      for (let n = 0; n < 3; n++) await ask()
      for (const source of [yahoo, other]) expect([source.asked('crumb'), source.asked('quote')]).toEqual([1, 3])
    } finally {
      await other.close()
    }
  })
})

test('an empty list is off, and says how to switch it on', () => {
  const urls = { binanceStreamUrl: 'ws://127.0.0.1:1', binanceRestUrl: 'http://127.0.0.1:1', dataDir: '/nowhere' }
  const config = { ...urls, cryptoSymbols: [], macroSeries: [], yahooPollMs: 1_000, fredPollMs: 1_000 }
  const off = { feed: 'yahoo', reason: 'STOCK_SYMBOLS must name a symbol, is empty' }
  expect(createFeeds({ ...config, stockSymbols: [] }).off).toContainEqual(off)
  const symbols = [{ symbol: 'AAPL', sourceSymbol: 'AAPL' }]
  expect(createFeeds({ ...config, stockSymbols: symbols }).feeds).toMatchObject([
    { name: 'yahoo', ids: 'rising', symbols },
  ])
})

const silent: FeedEvents = { connected() {} }

function feedOf(options: Partial<YahooOptions> = {}) {
  const symbols = [AAPL, MSFT].map(({ symbol, sourceSymbol }) => ({ symbol, sourceSymbol }))
  return createYahooFeed({ symbols, yahooUrl: yahoo.url, pollMs: 1, now: () => NOW, ...options })
}

function resolve(...texts: readonly string[]) {
  const symbols = texts.map((text): SymbolMapping => {
    const [symbol = '', ...rest] = text.split('=')
    return { symbol, sourceSymbol: rest.length > 0 ? rest.join('=') : symbol }
  })
  return feedOf({ symbols }).resolve(controller.signal)
}

function abortAfter(polls: number): FeedEvents {
  let heard = 0
  return { connected() {}, heard: () => void (++heard > polls && controller.abort()) }
}

/** The ticks until the feed ends. */
async function collect(feed: ReturnType<typeof feedOf>, instruments: readonly Instrument[], events: FeedEvents) {
  const ticks: Tick[] = []
  for await (const batch of feed.receive(instruments, events, controller.signal)) {
    for (const { raw, received } of batch) ticks.push(...feed.normalize(raw, received))
  }
  return ticks
}

/** The ticks of polls of which each finds the next of `rows` in the place of AAPL's. */
async function pollThrough(
  feed: ReturnType<typeof feedOf>,
  rows: readonly Readonly<Record<string, unknown>>[],
  instruments: readonly Instrument[] = [AAPL],
  skipped: unknown[] = [],
  past?: FeedPast,
): Promise<readonly Tick[]> {
  const show = (n: number) => {
    const row = rows[n]
    if (row === undefined) controller.abort()
    else yahoo.rows.set('AAPL', row)
  }
  let polls = 0
  show(0)
  const events: FeedEvents = { ...silent, heard: () => show(++polls), ...(past && { past }) }
  const ticks: Tick[] = []
  for await (const batch of feed.receive(instruments, events, controller.signal)) {
    for (const { raw, received } of batch) {
      try {
        ticks.push(...feed.normalize(raw, received))
      } catch (error) {
        skipped.push(error)
      }
    }
  }
  return ticks
}
