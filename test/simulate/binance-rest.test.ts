import { request } from 'node:http'
import { createRequire } from 'node:module'
import type BinanceNamespace from 'binance-api-node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type BinanceSimulator, startBinanceSimulator } from '../../src/simulate/binance.ts'

const BIRTH = Date.UTC(2026, 10, 22, 8, 0, 30)

let simulator: BinanceSimulator
let wall: number
beforeEach(async () => {
  wall = BIRTH
  simulator = await startBinanceSimulator({ now: () => wall, symbols: 2, weightLimit: 200 })
})
afterEach(() => simulator.close())

async function get(path: string) {
  const response = await fetch(`${simulator.restUrl}/api/v3/${path}`)
  return { status: response.status, headers: response.headers, body: (await response.json()) as unknown }
}

describe('exchangeInfo', () => {
  test('lists what trades, what is made up and what is halted, with their steps', async () => {
    const { body } = await get('exchangeInfo')
    const { symbols, rateLimits } = body as { symbols: readonly Record<string, unknown>[]; rateLimits: unknown }
    const names = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'BNBUSDT', 'XRPUSDT', 'SIM001USDT', 'SIM002USDT', 'LUNAUSDT']
    expect(symbols.map(({ symbol }) => symbol)).toEqual(names)
    expect(symbols.map(({ status }) => status)).toEqual([...Array(7).fill('TRADING'), 'BREAK'])
    expect(symbols[0]).toMatchObject({
      baseAsset: 'BTC',
      quoteAsset: 'USDT',
      isSpotTradingAllowed: true,
      filters: expect.arrayContaining([
        expect.objectContaining({ filterType: 'PRICE_FILTER', tickSize: '0.01000000' }),
        expect.objectContaining({ filterType: 'LOT_SIZE', stepSize: '0.00001000' }),
      ]),
    })
    expect(rateLimits).toContainEqual({
      rateLimitType: 'REQUEST_WEIGHT',
      interval: 'MINUTE',
      intervalNum: 1,
      limit: 200,
    })
  })

  test('can be asked for one symbol or some', async () => {
    const names = async (query: string) =>
      ((await get(`exchangeInfo?${query}`)).body as { symbols: { symbol: string }[] }).symbols.map(
        ({ symbol }) => symbol,
      )
    expect(await names('symbol=ETHUSDT')).toEqual(['ETHUSDT'])
    expect(await names('symbols=["XRPUSDT","SIM002USDT"]')).toEqual(['XRPUSDT', 'SIM002USDT'])
  })
})

describe('aggTrades', () => {
  const ids = async (query: string) =>
    ((await get(`aggTrades?symbol=BTCUSDT&${query}`)).body as { a: number }[]).map(({ a }) => a)

  test('are the newest without a wish, and go on from an id', async () => {
    const market = simulator.markets.get('BTCUSDT')!
    const next = market.nextId(wall)
    expect(await ids('limit=3')).toEqual([next - 3, next - 2, next - 1])
    expect(await ids(`fromId=${next - 2}`)).toEqual([next - 2, next - 1])
    expect(await ids(`fromId=${next}`)).toEqual([])
    expect(await ids('fromId=0&limit=2')).toEqual([market.firstId, market.firstId + 1])
    expect((await ids(`fromId=${market.firstId}`)).length).toBe(500)
    expect((await ids(`fromId=${market.firstId}&limit=5000`)).length).toBe(1000)
  })

  test('are chosen by time, both ends included', async () => {
    const market = simulator.markets.get('BTCUSDT')!
    const [first, last] = [market.trade(market.firstId + 100), market.trade(market.firstId + 140)]
    const chosen = await ids(`startTime=${first.time}&endTime=${last.time}`)
    const expected = Array.from({ length: 400 }, (_, n) => market.trade(market.firstId + n))
      .filter(({ time }) => time >= first.time && time <= last.time)
      .map(({ id }) => id)
    expect(chosen).toEqual(expected)
    expect(await ids(`endTime=${first.time - 1}&limit=1`)).toEqual([expected[0]! - 1])
    expect(await ids(`startTime=${wall + 1}`)).toEqual([])
  })

  test('grow as time passes, and only then', async () => {
    const before = await ids('limit=1')
    expect(await ids('limit=1')).toEqual(before)
    wall += 1_000
    const added = (await ids('limit=1'))[0]! - before[0]!
    expect(added).toBeGreaterThan(2)
    expect(added).toBeLessThan(100)
  })
})

test('a wrong request gets the error code of the exchange and status 400', async () => {
  const cases: readonly [string, number][] = [
    ['klines?symbol=NOPEUSDT&interval=1m', -1121],
    ['aggTrades?symbol=NOPEUSDT', -1121],
    ['exchangeInfo?symbols=["BTCUSDT","NOPEUSDT"]', -1121],
    ['klines?symbol=BTCUSDT&interval=7m', -1120],
    ['klines?symbol=BTCUSDT', -1102],
    ['klines?interval=1m', -1102],
    ['aggTrades', -1102],
    ['aggTrades?symbol=', -1102],
    ['aggTrades?symbol=btcusdt', -1100],
    ['aggTrades?symbol=BTCUSDT&limit=ten', -1100],
    ['aggTrades?symbol=BTCUSDT&fromId=-1', -1100],
    ['aggTrades?symbol=BTCUSDT&fromId=1&startTime=1', -1128],
    ['klines?symbol=BTCUSDT&interval=1m&colour=red', -1104],
    ['exchangeInfo?symbols=BTCUSDT', -1100],
  ]
  for (const [path, code] of cases) {
    const { status, body } = await get(path)
    expect({ path, status, code: (body as { code: number }).code }).toEqual({ path, status: 400, code })
  }
  expect((await get('klines?symbol=NOPE&interval=1m')).body).toEqual({ code: -1121, msg: 'Invalid symbol.' })
})

test('a path that is none of the API is not found, however it is spelt', async () => {
  const status = (path: string) =>
    new Promise((resolve, reject) => {
      const asked = { port: simulator.port, host: '127.0.0.1', path }
      request(asked, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end()
    })
  for (const path of ['/', '//', '/api/v3', '/api/v3/order', '/%', '/api/v3/klines/'])
    expect(await status(path)).toBe(404)
})

test('a halted symbol is known and has no trades', async () => {
  expect((await get('aggTrades?symbol=LUNAUSDT')).body).toEqual([])
  expect((await get('klines?symbol=LUNAUSDT&interval=1d')).body).toEqual([])
})

test('weights are counted by the minute and refused above the limit', async () => {
  expect((await get('ping')).headers.get('x-mbx-used-weight-1m')).toBe('1')
  expect((await get('klines?symbol=BTCUSDT&interval=1m')).headers.get('x-mbx-used-weight-1m')).toBe('3')
  for (let request = 0; request < 9; request += 1) await get('exchangeInfo?symbol=BTCUSDT')
  const refused = await get('exchangeInfo')
  expect(refused).toMatchObject({ status: 429, body: { code: -1003 } })
  expect(refused.headers.get('retry-after')).toBe('30')
  wall += 30_000
  expect((await get('exchangeInfo')).status).toBe(200)
})

test('tickers say what the trades say', async () => {
  const market = simulator.markets.get('ETHUSDT')!
  const last = market.trade(market.nextId(wall) - 1)
  expect((await get('ticker/price?symbol=ETHUSDT')).body).toEqual({ symbol: 'ETHUSDT', price: last.price })
  expect((await get('ticker/24hr?symbol=ETHUSDT')).body).toMatchObject({ lastPrice: last.price, lastQty: last.size })
  expect(((await get('ticker/price')).body as unknown[]).length).toBe(7)
})

test('binance-api-node cannot tell', async () => {
  const require = createRequire(import.meta.url)
  const { default: createClient } = require('binance-api-node') as { default: (typeof BinanceNamespace)['default'] }
  const client = createClient({ httpBase: simulator.restUrl })
  expect(await client.ping()).toBe(true)
  expect(await client.time()).toBe(BIRTH)
  const { symbols } = (await client.exchangeInfo()) as { symbols: readonly { symbol: string; status: string }[] }
  expect(symbols.find(({ symbol }) => symbol === 'LUNAUSDT')?.status).toBe('BREAK')

  const candles = await client.candles({ symbol: 'BTCUSDT', interval: '1h', limit: 3 })
  expect(candles.map(({ openTime }) => openTime)).toEqual([6, 7, 8].map((hour) => Date.UTC(2026, 10, 22, hour)))
  expect(candles[2]!.closeTime - candles[2]!.openTime).toBe(3_599_999)

  const market = simulator.markets.get('BTCUSDT')!
  const fromId = market.firstId + 5
  const [trade] = await client.aggTrades({ symbol: 'BTCUSDT', fromId, limit: 1 })
  const expected = market.trade(market.firstId + 5)
  expect(trade).toMatchObject({ aggId: expected.id, price: expected.price, quantity: expected.size })
  await expect(client.candles({ symbol: 'NOPE', interval: '1h' })).rejects.toMatchObject({ code: -1121 })
})

test('a taken port is named', async () => {
  const starting = startBinanceSimulator({ port: simulator.port })
  await expect(starting).rejects.toMatchObject({
    code: 'port_taken',
    message: expect.stringContaining(String(simulator.port)),
  })
})
