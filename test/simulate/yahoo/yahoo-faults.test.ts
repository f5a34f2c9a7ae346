import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { YAHOO_FAULTS } from '../../../src/simulate/yahoo/yahoo-faults.ts'
import { startYahooSimulator, type YahooSimulator } from '../../../src/simulate/yahoo.ts'
import { pointsOf, yahooCaller } from './yahoo-caller.ts'

const NOON = Date.parse('2026-11-19T12:00:00-05:00')

let simulator: YahooSimulator
let caller: ReturnType<typeof yahooCaller>
beforeEach(async () => {
  simulator = await startYahooSimulator({ now: () => NOON })
  caller = yahooCaller(simulator)
  await caller.enter()
})
afterEach(() => simulator.close())

describe('each fault befalls as many requests as were ordered, and the next is answered well', () => {
  const text = async (answer: Promise<Response>) => (await answer).text()
  const troubles: Readonly<Record<string, () => Promise<unknown>>> = {
    '429': async () => expect((await caller.quoteAnswer('SPY')).status).toBe(429),
    '500': async () => expect((await caller.quoteAnswer('SPY')).status).toBe(500),
    '503': async () => expect((await caller.quoteAnswer('SPY')).status).toBe(503),
    slow: async () => expect(await caller.quotes('SPY')).toHaveLength(1),
    cut: () => expect(text(caller.quoteAnswer('SPY'))).rejects.toThrow(),
    hang: async () => {
      const hung = caller.quoteAnswer('SPY')
      await expect.poll(() => simulator.seen.requests.get('quote')).toBe(1)
      simulator.faults.clear()
      await expect(hung).rejects.toThrow()
    },
    html: async () => expect(await text(caller.quoteAnswer('SPY'))).toContain('<!DOCTYPE html>'),
    consent: async () => {
      const answer = await caller.get('finance.yahoo.com/quote/AAPL')
      expect([answer.status, answer.headers.get('location')?.split('/')[2]]).toEqual([302, 'guce.yahoo.com'])
    },
    'consent-page': async () => expect(await text(caller.quoteAnswer('SPY'))).toContain('consent'),
    'bad-crumb': async () => {
      expect((await caller.quoteAnswer('SPY')).status).toBe(401)
      expect((await caller.quoteAnswer('SPY')).status).toBe(401)
      await caller.enter()
    },
    'crumb-refused': async () => {
      expect(await text(caller.get('query1.finance.yahoo.com/v1/test/getcrumb'))).toBe('Too Many Requests')
    },
    'null-rows': async () => expect(await caller.quotes('SPY')).toMatchObject([{ regularMarketPrice: null }]),
    'odd-state': async () => expect(await caller.quotes('SPY')).toMatchObject([{ marketState: 'OVERNIGHT' }]),
  }

  test('all of them are tried here', () => {
    expect(Object.keys(troubles)).toEqual(YAHOO_FAULTS.map(String))
  })

  test.each(YAHOO_FAULTS)('%s', async (kind) => {
    simulator.faults.order(kind, { count: 1, delayMs: 20 })
    await troubles[kind]!()
    await caller.enter()
    expect(await caller.quotes('SPY')).toMatchObject([{ symbol: 'SPY', marketState: 'REGULAR' }])
  })
})

test('a Retry-After comes when it is ordered, and only then', async () => {
  simulator.faults.order(429, { count: 1 })
  simulator.faults.order(429, { count: 1, retryAfterS: 90 })
  const answers = [await caller.quoteAnswer('SPY'), await caller.quoteAnswer('SPY')]
  expect(answers.map(({ headers }) => headers.get('retry-after'))).toEqual([null, '90'])
})

test('a fault of one symbol leaves the rows of the others, and one of charts leaves quotes', async () => {
  simulator.faults.order('null-rows', { count: 1, symbol: 'SPY' })
  simulator.faults.order('null-rows', { count: 1, on: 'chart' })
  const [spy, nvda] = await caller.quotes('SPY,NVDA')
  expect([spy!.regularMarketPrice, typeof nvda!.regularMarketPrice]).toEqual([null, 'number'])
  const range = { interval: '1m', period1: NOON / 1000 - 600, period2: NOON / 1000 }
  expect(new Set(pointsOf(await caller.chart('SPY', range)).map(({ close }) => close))).toEqual(new Set([null]))
  expect(pointsOf(await caller.chart('SPY', range)).filter(({ close }) => close !== null).length).toBeGreaterThan(5)
})

test('what is ordered without a count lasts until it is cleared', async () => {
  simulator.faults.order(500)
  for (const _ of [1, 2, 3]) expect((await caller.quoteAnswer('SPY')).status).toBe(500)
  simulator.faults.clear()
  expect((await caller.quoteAnswer('SPY')).status).toBe(200)
})
