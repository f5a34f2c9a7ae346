import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createBinanceFeed } from '../../feeds/binance.ts'
import type { Feed } from '../../src/feed.ts'
import type { Instrument, SymbolMapping } from '../../src/market/instrument.ts'
import type { Tick } from '../../src/market/tick.ts'
import { TIMEFRAME_MS, TIMEFRAMES } from '../../src/market/timeframe.ts'
import { createFakeBinance, type FakeBinance } from '../fakes/binance-rest.ts'
import { type HttpAnswer, type HttpSource, startHttpSource } from '../fakes/http-source.ts'

const NOW = 1_732_250_000_000
const UNKNOWN_SYMBOL = { status: 400, body: { code: -1121, msg: 'Invalid symbol.' } }
const BTC: Instrument = {
  symbol: 'BTC',
  sourceSymbol: 'BTCUSDT',
  assetClass: 'crypto',
  source: 'binance',
  priceDigits: 2,
  sizeDigits: 5,
}

let source: HttpSource
let binance: FakeBinance
/** What the source says; a test may put another in its place. */
let answer: (request: URL) => HttpAnswer | undefined
let controller: AbortController

beforeEach(async () => {
  binance = createFakeBinance(NOW)
  answer = binance.answer
  source = await startHttpSource((request) => answer(request))
  controller = new AbortController()
})
afterEach(() => source.close())

describe('resolve', () => {
  test('knows the steps of prices and sizes', async () => {
    binance.list('BTCUSDT', { tickSize: '0.01000000', stepSize: '0.00001000' })
    binance.list('SHIBUSDT', { tickSize: '0.00000001', stepSize: '1.00000000' })
    binance.list('ODDUSDT', { tickSize: '0.00000000' })
    expect(await resolve('BTC=BTCUSDT', 'SHIB=SHIBUSDT', 'ODD=ODDUSDT')).toEqual({
      instruments: [
        BTC,
        { ...BTC, symbol: 'SHIB', sourceSymbol: 'SHIBUSDT', priceDigits: 8, sizeDigits: 0 },
        { ...BTC, symbol: 'ODD', sourceSymbol: 'ODDUSDT', priceDigits: 8, sizeDigits: 8 },
      ],
      refused: [],
    })
    expect(source.requests).toHaveLength(1)
  })

  test('refuses unknown, halted and doubly named symbols by name, and no other', async () => {
    for (const symbol of ['BTCUSDT', 'ETHUSDT', 'SOLUSDT']) binance.list(symbol)
    binance.list('LUNAUSDT', { status: 'BREAK' })
    const { instruments, refused } = await resolve(
      ...['BTC=BTCUSDT', 'NO=NOUSDT', 'LUNA=LUNAUSDT', 'BAD=A B', 'ETH=ETHUSDT', 'XBT=BTCUSDT', 'SOL=SOLUSDT'],
    )
    expect(instruments.map(({ symbol }) => symbol)).toEqual(['BTC', 'ETH', 'SOL'])
    expect(refused).toEqual([
      { symbol: 'NO', reason: 'Binance has no symbol NOUSDT' },
      { symbol: 'LUNA', reason: 'LUNAUSDT is not trading (BREAK)' },
      { symbol: 'BAD', reason: 'Binance has no symbol A B' },
      { symbol: 'XBT', reason: 'BTCUSDT is already BTC' },
    ])
  })

  test('asks for many symbols in several questions', async () => {
    const names = Array.from({ length: 250 }, (_, n) => `S${n}`)
    for (const name of names) binance.list(`${name}USDT`)
    expect((await resolve(...names.map((name) => `${name}=${name}USDT`))).instruments).toHaveLength(250)
    expect(source.requests).toHaveLength(3)
  })

  test('asks nothing when nothing is configured', async () => {
    expect(await resolve()).toEqual({ instruments: [], refused: [] })
    expect(source.requests).toEqual([])
  })
})

describe('trades', () => {
  test('joins pages by id, without a hole or a double, up to a short page', async () => {
    binance.trade(2_500)
    const pages = await collect(trades({ after: 99 }))
    expect(pages.map((page) => page.length)).toEqual([1_000, 1_000, 400])
    expect(pages.flat().map(({ id }) => id)).toEqual(Array.from({ length: 2_400 }, (_, n) => 100 + n))
  })

  test('asks once more after a page that was full by chance', async () => {
    binance.trade(1_000)
    expect((await collect(trades({ after: -1 }))).map((page) => page.length)).toEqual([1_000])
    expect(source.requests).toHaveLength(2)
  })

  test('gives every field its meaning', async () => {
    binance.trade(2)
    expect((await collect(trades({ after: 0 }))).flat()).toEqual([
      { symbol: 'BTC', id: 1, price: 100.01, size: 0.5, side: 'buy', trades: 2, time: NOW + 100, received: NOW },
    ])
  })

  test('is empty after the newest', async () => {
    binance.trade(3)
    expect(await collect(trades({ after: 2 }))).toEqual([])
  })

  test('begins at the first trade at or after a time, and goes on by id past the hour that a time reaches', async () => {
    binance.trade(2_000, { everyMs: 10_000 })
    const ticks = (await collect(trades({ from: NOW + 95_001 }))).flat()
    expect([ticks[0]?.id, ticks.length]).toEqual([10, 1_990])
  })

  test('finds the first trade after a time when the hour from there was quiet', async () => {
    binance.trade(50, { everyMs: 7 * 3_600_000 })
    const ticks = (await collect(trades({ from: NOW + 1 }))).flat()
    expect([ticks[0]?.id, ticks.length]).toEqual([1, 49])
  })

  test('is empty from a time after the newest, and of a symbol that never traded', async () => {
    expect(await collect(trades({ from: NOW }))).toEqual([])
    binance.trade(3)
    expect(await collect(trades({ from: NOW + 10_000 }))).toEqual([])
  })

  test('leaves out rows of nothing, which then show as a hole', async () => {
    binance.trade(6)
    Object.assign(binance.trades[1]!, { p: '0.00000000', q: '0.00000000' })
    Object.assign(binance.trades[2]!, { q: '0.00000000' })
    Object.assign(binance.trades[4]!, { f: -1, l: -1 })
    expect((await collect(trades({ after: -1 }))).flat().map(({ id }) => id)).toEqual([0, 3, 5])
  })

  test('breaks on ids that do not rise, instead of going in circles', async () => {
    binance.trade(1_000)
    answer = () => ({ body: binance.trades })
    await expect(collect(trades({ after: 10 }))).rejects.toMatchObject({ code: 'feed_broken' })
  })

  test('ends without an error when it is aborted between two pages', async () => {
    binance.trade(2_500)
    const pages: number[] = []
    for await (const page of trades({ after: -1 })) {
      pages.push(page.length)
      controller.abort()
    }
    expect(pages).toEqual([1_000])
  })

  test('ends without an error when it is aborted while the source is silent', async () => {
    answer = () => {
      queueMicrotask(() => controller.abort())
      return undefined
    }
    expect(await collect(trades({ after: 0 }))).toEqual([])
    await expect.poll(source.connections).toBe(0)
  })

  test('newest is the last one, or none', async () => {
    expect(await newest()).toBeUndefined()
    binance.trade(7)
    expect((await newest())?.id).toBe(6)
  })
})

describe('candles', () => {
  test.each(TIMEFRAMES)('of %s are asked for as Binance spells it', async (timeframe) => {
    binance.kline(timeframe, 3)
    const candles = await candlesOf(timeframe, { limit: 2 })
    expect(candles.map(({ time }) => NOW - time)).toEqual([2 * TIMEFRAME_MS[timeframe], TIMEFRAME_MS[timeframe]])
    const interval = timeframe.replace('D', 'd').replace('W', 'w')
    expect(source.requests.at(-1)).toBe(`/api/v3/klines?interval=${interval}&symbol=BTCUSDT&limit=2`)
  })

  test('have every field in numbers', async () => {
    binance.kline('1m', 2)
    expect((await candlesOf('1m', { limit: 1 }))[0]).toEqual({
      time: NOW - 60_000,
      open: 61_828,
      high: 61_860.8,
      low: 61_583.22,
      close: 61_685.99,
      volume: 199.42863,
      quoteVolume: 12_304_668.0254055,
      buyVolume: 90.18301,
      trades: 8_863,
      firstId: null,
      lastId: null,
      final: false,
      revision: 0,
    })
  })

  test('are final two seconds after their end by the clock of the exchange', async () => {
    binance.kline('1m', 3)
    const finals = async (time: number) => {
      binance.time = time
      return (await candlesOf('1m', { limit: 3 }, newFeed())).map(({ final }) => final)
    }
    expect(await finals(NOW)).toEqual([true, true, false])
    expect(await finals(NOW + 1_999)).toEqual([true, true, false])
    expect(await finals(NOW + 2_000)).toEqual([true, true, true])
  })

  test('are final by a clock that was read before them', async () => {
    binance.kline('1m', 1)
    await candlesOf('1m', { limit: 1 })
    expect(source.requests[0]).toBe('/api/v3/time')
  })

  test('of buckets without a trade are left out', async () => {
    binance.kline('1s', 4)
    binance.klines[2]![8] = 0
    expect((await candlesOf('1s', { limit: 4 })).map(({ time }) => NOW - time)).toEqual([4_000, 3_000, 1_000])
  })

  test('before a time begin before it', async () => {
    binance.kline('1m', 5)
    const candles = await candlesOf('1m', { before: NOW - 120_000, limit: 2 })
    expect(candles.map(({ time }) => NOW - time)).toEqual([240_000, 180_000])
  })

  test('of more than a page come in order, each once', async () => {
    binance.kline('1m', 2_600)
    const candles = await candlesOf('1m', { limit: 2_500 })
    expect(candles.map(({ time }) => (NOW - time) / 60_000)).toEqual(Array.from({ length: 2_500 }, (_, n) => 2_500 - n))
  })

  test('end where the source has no older ones', async () => {
    binance.kline('1m', 30)
    expect(await candlesOf('1m', { limit: 2_500 })).toHaveLength(30)
  })
})

describe('errors', () => {
  test.each([
    ['an unknown symbol', UNKNOWN_SYMBOL, 'feed_refused', '-1121 Invalid symbol.'],
    [
      'too many requests',
      { status: 429, body: { code: -1003, msg: 'Too much request weight used.' } },
      'feed_broken',
      '-1003',
    ],
    [
      'a ban',
      { status: 418, body: { code: -1003, msg: 'IP banned until 1732250000000.' } },
      'feed_broken',
      'banned until',
    ],
    ['a failing server', { status: 500, body: 'oops' }, 'feed_broken', '500 Internal Server Error oops'],
    ['a proxy', { status: 403, body: `<html>${'x'.repeat(10_000)}` }, 'feed_broken', '403 Forbidden <html>'],
    ['what is no JSON', { body: 'hello' }, 'feed_broken', 'Unexpected'],
    ['what is no list', { body: { hello: 1 } }, 'feed_broken', 'not a function'],
    ['a trade without an id', { body: [{ p: '1', q: '1', f: 1, l: 1, T: 1, m: true }] }, 'feed_broken', '0.aggId'],
    ['an id of 20 digits', { body: '[{"a":12345678901234567890}]' }, 'feed_broken', '0.aggId'],
  ])('%s: %o is %s', async (_, given, code, words) => {
    answer = () => given
    const error = await newest().catch((error: unknown) => error)
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) })
    expect((error as Error).message.length).toBeLessThan(300)
  })

  test('a source that is not there breaks the feed, without a word of its URL', async () => {
    const restUrl = 'http://name:secret@127.0.0.1:1'
    const feed = createBinanceFeed({ symbols: [BTC], streamUrl: 'ws://127.0.0.1:1', restUrl })
    await expect(newest(feed)).rejects.toMatchObject({
      code: 'feed_broken',
      message: 'Binance must answer aggTrades, was: ECONNREFUSED connect ECONNREFUSED 127.0.0.1:1',
    })
  })

  test('a silent source breaks the feed in time, and its socket is let go', async () => {
    answer = () => undefined
    await expect(newest(newFeed(60))).rejects.toMatchObject({
      code: 'feed_broken',
      message: 'Binance must answer aggTrades, was: silent for 0.06 s',
    })
    await expect.poll(source.connections).toBe(0)
  })

  test('an abort ends the wait, and its socket is let go', async () => {
    answer = () => {
      controller.abort()
      return undefined
    }
    await expect(newest()).rejects.toMatchObject({ code: 'feed_broken', message: expect.stringContaining('aborted') })
    await expect.poll(source.connections).toBe(0)
  })

  test('what was aborted before is not asked', async () => {
    controller.abort()
    await expect(newest()).rejects.toMatchObject({ code: 'feed_broken' })
    expect(source.requests).toEqual([])
  })
})

function newFeed(requestMs = 10_000, symbols: readonly SymbolMapping[] = [BTC]): Required<Feed<string>> {
  const timeouts = { requestMs }
  return createBinanceFeed({ symbols, streamUrl: 'ws://127.0.0.1:1', restUrl: source.url, now: () => NOW, timeouts })
}

function resolve(...mappings: readonly string[]) {
  const symbols = mappings.map((mapping) => {
    const [symbol = '', sourceSymbol = ''] = mapping.split('=')
    return { symbol, sourceSymbol }
  })
  return newFeed(10_000, symbols).resolve(controller.signal)
}

function trades(start: { after: number } | { from: number }) {
  return newFeed().trades(BTC, start, controller.signal)
}

function newest(feed = newFeed()) {
  return feed.newest(BTC, controller.signal)
}

function candlesOf(
  timeframe: (typeof TIMEFRAMES)[number],
  range: { before?: number; limit: number },
  feed = newFeed(),
) {
  return feed.candles(BTC, timeframe, range, controller.signal)
}

async function collect(pages: AsyncIterable<readonly Tick[]>): Promise<readonly (readonly Tick[])[]> {
  const collected: (readonly Tick[])[] = []
  for await (const page of pages) collected.push(page)
  return collected
}
