import { createRequire } from 'node:module'
import type BinanceNamespace from 'binance-api-node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type BinanceSimulator, startBinanceSimulator } from '../../../src/simulate/binance.ts'
import { REST_FAULTS } from '../../../src/simulate/faults/rest-fault.ts'

const BIRTH = Date.UTC(2026, 10, 22, 8, 0, 30)

let simulator: BinanceSimulator
let wall: number
beforeEach(async () => {
  wall = BIRTH
  simulator = await startBinanceSimulator({ now: () => wall, weightLimit: 20 })
})
afterEach(() => simulator.close())

async function get(path: string, signal?: AbortSignal) {
  const response = await fetch(`${simulator.restUrl}/api/v3/${path}`, signal ? { signal } : {})
  const text = await response.text()
  return { status: response.status, retryAfter: response.headers.get('retry-after'), text, headers: response.headers }
}

test('are all of those that are promised', () => {
  expect(REST_FAULTS).toEqual([429, 418, 500, 503, 'slow', 'cut', 'hang', 'html'])
})

describe('requests', () => {
  test('can be refused for their weight', async () => {
    simulator.faults.rest(429, { count: 2, retryAfterS: 7 })
    for (let n = 0; n < 2; n += 1) {
      const { status, retryAfter, text, headers } = await get('ping')
      expect([status, retryAfter, JSON.parse(text).code]).toEqual([429, '7', -1003])
      expect(headers.get('x-mbx-used-weight-1m')).toBe(String(n + 1))
    }
    expect((await get('ping')).status).toBe(200)
    expect(simulator.seen).toMatchObject({ refusedRequests: 2, unheededRequests: 2 })
  })

  test('can be banned, all until the same moment, which the message names', async () => {
    simulator.faults.rest(418, { retryAfterS: 60 })
    const first = await get('ping')
    expect([first.status, first.retryAfter]).toEqual([418, '60'])
    expect(JSON.parse(first.text)).toMatchObject({
      code: -1003,
      msg: expect.stringContaining(`IP banned until ${BIRTH + 60_000}.`),
    })
    wall += 20_000
    const second = await get('time')
    expect([second.text, second.retryAfter]).toEqual([first.text, '40'])
    simulator.faults.clear()
    expect((await get('time')).status).toBe(200)
  })

  test.each([500, 503] as const)('can fail with %i and a code of the exchange', async (status) => {
    simulator.faults.rest(status, { count: 1 })
    const failed = await get('ping')
    expect([failed.status, failed.retryAfter]).toEqual([status, null])
    expect(JSON.parse(failed.text)).toEqual({ code: expect.any(Number), msg: expect.any(String) })
    expect((await get('ping')).status).toBe(200)
  })

  test('can be answered late', async () => {
    simulator.faults.rest('slow', { count: 1, delayMs: 60 })
    const asked = performance.now()
    expect((await get('time')).text).toBe(`{"serverTime":${BIRTH}}`)
    expect(performance.now() - asked).toBeGreaterThanOrEqual(59)
  })

  test('can be cut in the middle of their answer', async () => {
    simulator.faults.rest('cut', { count: 1 })
    await expect(get('aggTrades?symbol=BTCUSDT')).rejects.toThrow()
    expect((await get('aggTrades?symbol=BTCUSDT')).status).toBe(200)
  })

  test('can hang for as long as the client waits, or until everything is cleared', async () => {
    simulator.faults.rest('hang', { count: 2 })
    await expect(get('ping', AbortSignal.timeout(30))).rejects.toThrow(/timeout/)
    const hanging = get('ping')
    await expect.poll(() => simulator.seen.requests.get('/api/v3/ping')).toBe(2)
    simulator.faults.clear()
    await expect(hanging).rejects.toThrow()
  })

  test('can get the page of somebody else', async () => {
    simulator.faults.rest('html', { count: 1 })
    const { status, text, headers } = await get('ping')
    expect([status, headers.get('content-type')]).toEqual([403, 'text/html'])
    expect(text).toContain('<HTML>')
  })

  test('can be chosen by path', async () => {
    simulator.faults.rest(500, { path: '/api/v3/time' })
    expect((await get('ping')).status).toBe(200)
    expect((await get('time')).status).toBe(500)
  })

  test('fail one fault after the other', async () => {
    simulator.faults.rest(503, { count: 1 })
    simulator.faults.rest(500, { count: 1 })
    const statuses = [await get('ping'), await get('ping'), await get('ping')].map(({ status }) => status)
    expect(statuses).toEqual([503, 500, 200])
  })

  test('are answered at once when everything is cleared, if they were to be slow', async () => {
    simulator.faults.rest('slow', { count: 1, delayMs: 60_000 })
    const slow = get('ping')
    await expect.poll(() => simulator.seen.requests.get('/api/v3/ping')).toBe(1)
    simulator.faults.clear()
    expect((await slow).status).toBe(200)
  })

  test('end in errors that binance-api-node can name', async () => {
    const require = createRequire(import.meta.url)
    const { default: createClient } = require('binance-api-node') as { default: (typeof BinanceNamespace)['default'] }
    const client = createClient({ httpBase: simulator.restUrl })
    simulator.faults.rest(418, { count: 1 })
    await expect(client.time()).rejects.toMatchObject({ code: -1003, message: expect.stringContaining('banned until') })
  })
})

describe('who goes on in spite of 429s', () => {
  const useUp = async () => {
    await get('exchangeInfo')
    return get('ping')
  }

  test('is banned for two minutes, the next time for four', async () => {
    for (const [minutes, retryAfter] of [
      [2, '120'],
      [4, '240'],
    ] as const) {
      expect(await useUp()).toMatchObject({ status: 429, retryAfter: '30' })
      for (let n = 0; n < 10; n += 1) expect((await get('ping')).status).toBe(429)
      expect(await get('ping')).toMatchObject({ status: 418, retryAfter })
      wall += minutes * 60_000 - 1
      // The weight of this minute is unused: it is the ban that refuses.
      expect(await get('ping')).toMatchObject({ status: 418, retryAfter: '1' })
      wall += 1
      expect((await get('ping')).status).toBe(200)
      wall += 60_000
    }
  })

  test('is not the one who waits as long as he is told', async () => {
    for (let minute = 0; minute < 30; minute += 1) {
      const { status, retryAfter } = await useUp()
      expect(status).toBe(429)
      wall += Number(retryAfter) * 1_000
    }
    expect(simulator.seen).toMatchObject({ refusedRequests: 30, unheededRequests: 0 })
  })
})

test('without a limit the exchange still names one, and nothing is refused', async () => {
  const unlimited = await startBinanceSimulator({ weightLimit: Number.POSITIVE_INFINITY })
  const response = await fetch(`${unlimited.restUrl}/api/v3/exchangeInfo?symbol=BTCUSDT`)
  const { rateLimits } = (await response.json()) as { rateLimits: readonly unknown[] }
  const limit = 2_147_483_647
  expect(rateLimits).toContainEqual({ rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit })
  await unlimited.close()
})

test('requests are counted by path', async () => {
  for (const path of ['ping', 'ping', 'nonsense']) await get(path)
  expect(Object.fromEntries(simulator.seen.requests)).toEqual({ '/api/v3/ping': 2, '/api/v3/nonsense': 1 })
})
