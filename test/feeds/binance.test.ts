import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createBinanceFeed } from '../../feeds/binance.ts'
import { createFeeds } from '../../feeds/index.ts'
import { isGatewayError } from '../../src/base/errors.ts'
import { aggTradeFrame } from '../fixtures/binance/frames.ts'

const SYMBOLS = [
  { symbol: 'BTC', sourceSymbol: 'BTCUSDT' },
  { symbol: 'PEPE', sourceSymbol: 'PEPEUSDT' },
]

describe('normalize', () => {
  const feed = createBinanceFeed({ symbols: SYMBOLS, streamUrl: 'ws://127.0.0.1:1', restUrl: 'http://127.0.0.1:1' })

  test('gives every field of an aggregate trade its meaning', () => {
    expect(feed.normalize(aggTradeFrame(), 5)).toEqual([
      {
        symbol: 'BTC',
        id: 3_123_456_788,
        price: 98_123.45,
        size: 0.0125,
        side: 'sell',
        trades: 3,
        time: 1_732_250_000_100,
        received: 5,
      },
    ])
  })

  test('reads a frame as Binance prints it like the same frame printed in another way', () => {
    const count = fc.nat({ max: Number.MAX_SAFE_INTEGER })
    const decimal = fc
      .tuple(fc.nat(), fc.nat({ max: 99_999_999 }))
      .map(([whole, part]) => `${whole}.${String(part).padStart(8, '0')}`)
    const fields = fc.record({
      a: count,
      T: count,
      E: count,
      f: count,
      l: count,
      p: decimal,
      q: decimal,
      m: fc.boolean(),
    })
    const read = (text: string) => {
      try {
        return feed.normalize(text, 0)
      } catch (error) {
        return isGatewayError(error, 'feed_payload') ? error.message.split(', was')[0] : error
      }
    }
    const isSame = (changes: object) => {
      const printed = aggTradeFrame({ ...changes })
      expect(read(printed)).toEqual(read(JSON.stringify(JSON.parse(printed), undefined, 1)))
    }
    fc.assert(fc.property(fields, isSame), { numRuns: 300 })
  })

  test('calls a trade whose seller was resting a buy', () => {
    expect(feed.normalize(aggTradeFrame({ m: false }), 0)[0]?.side).toBe('buy')
  })

  test('reads an event that no stream name wraps', () => {
    const { data } = JSON.parse(aggTradeFrame())
    expect(feed.normalize(JSON.stringify(data), 0)).toHaveLength(1)
  })

  test.each([
    ['refusals', '{"error":{"code":2,"msg":"Invalid request"},"id":1}'],
    ['streams that name no event', '{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT"}}'],
    ['shutdowns', '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}'],
  ])('finds no tick in %s', (_, text) => {
    expect(feed.normalize(text, 0)).toEqual([])
  })

  test.each([
    ['text that is no JSON', '<html>'],
    ['a number', '17'],
    ['null', 'null'],
    ['an object that is nothing we know', '{}'],
    ['data that is no object', '{"stream":"btcusdt@aggTrade","data":7}'],
    ['another event on the stream of trades', aggTradeFrame({ e: 'trade' })],
    ['a symbol that was not asked for', aggTradeFrame({ s: 'ETHUSDT' })],
    ['a price that is a number', aggTradeFrame({ p: 98_123.45 })],
    ['a price that is no number', aggTradeFrame({ p: 'n/a' })],
    ['a price beyond all numbers', aggTradeFrame({ p: '1e999' })],
    ['a price of nothing', aggTradeFrame({ p: '' })],
    ['a price of zero', aggTradeFrame({ p: '0.00000000' })],
    ['a price below zero', aggTradeFrame({ p: '-1' })],
    ['a quantity of zero', aggTradeFrame({ q: '0.00000000' })],
    ['an id that is a string', aggTradeFrame({ a: '3123456788' })],
    ['an id with a fraction', aggTradeFrame({ a: 1.5 })],
    ['an id beyond 2^53', aggTradeFrame({ a: 2 ** 53 })],
    ['an id below zero', aggTradeFrame({ a: -1 })],
    ['a last trade before the first', aggTradeFrame({ f: 10, l: 9 })],
    ['a time that is a string', aggTradeFrame({ T: '2024-11-22' })],
    ['a time long after its event', aggTradeFrame({ E: 1_732_250_000_000, T: 1_732_336_400_000 })],
    ['an event without its time', aggTradeFrame({ E: undefined })],
    ['a maker flag that is missing', aggTradeFrame({ m: undefined })],
  ])('refuses %s', (_, text) => {
    expect(() => feed.normalize(text, 0)).toThrow(expect.objectContaining({ code: 'feed_payload' }))
  })

  test('quotes no more than 120 characters of what it refuses', () => {
    const error = thrownBy(() => feed.normalize('x'.repeat(100_000), 0))
    expect(isGatewayError(error) && error.message.match(/x+/)?.[0]).toHaveLength(120)
  })
})

test('the list of feeds makes each from the configuration', () => {
  const urls = { binanceStreamUrl: 'ws://127.0.0.1:1', binanceRestUrl: 'http://127.0.0.1:1' }
  const others = { stockSymbols: [], macroSeries: [], yahooPollMs: 1_000, fredPollMs: 1_000 }
  const config = { ...urls, ...others, cryptoSymbols: SYMBOLS, dataDir: '/nowhere' }
  expect(createFeeds(config).feeds).toMatchObject([{ name: 'binance', symbols: SYMBOLS }])
  const off = { feed: 'binance', reason: 'CRYPTO_SYMBOLS must name a symbol, is empty' }
  const { feeds, off: all } = createFeeds({ ...config, cryptoSymbols: [] })
  expect(feeds).toEqual([])
  expect(all).toContainEqual(off)
})

function thrownBy(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    return error
  }
}
