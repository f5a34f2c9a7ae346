import { afterEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/base/errors.ts'
import type { MarketAnswer, MarketScope } from '../../src/http/market.ts'
import { createHttpServer, type HttpServer } from '../../src/http/server.ts'
import { bareHttp } from '../fakes/bare-http.ts'

const ANSWER: MarketAnswer = {
  rows: [
    {
      ...{ symbol: 'BTC', assetClass: 'crypto', price: 90.5, change: -10, changePercent: -9.95 },
      ...{ high24h: 100, low24h: 80, volume24h: 6.00001, time: 1_732_250_000_456, stale: false },
    },
    { symbol: 'GDP', assetClass: 'macro', price: null, time: 5, stale: true, period: '2024-01-01' },
  ],
  tier: 'redis',
  ageMs: 12_900,
}

describe('/api/v1/market', () => {
  let http: HttpServer | undefined
  afterEach(() => http?.close())
  const asked: MarketScope[] = []

  async function ask(query: string, market: (scope: MarketScope) => Promise<MarketAnswer> = async () => ANSWER) {
    const told = (scope: MarketScope) => {
      asked.push(scope)
      return market(scope)
    }
    http = await createHttpServer({ ...bareHttp(), markets: () => ({ market: told }) })
    return fetch(`${http.url}/api/v1/market${query}`)
  }

  it('answers with rows, and says where they were found and how old they are', async () => {
    const response = await ask('?class=crypto')
    const headers = ['x-cache', 'age', 'cache-control'].map((name) => response.headers.get(name))
    expect([response.status, ...headers]).toEqual([200, 'redis', '12', 'no-store'])
    expect(await response.json()).toEqual({ rows: ANSWER.rows })
    expect(asked).toEqual(['crypto'])
  })

  it('is of all classes unless told', async () => {
    await ask('')
    expect(asked.at(-1)).toBe('all')
  })

  it.each([
    ['?class=bonds', 'class must be one of all, crypto, stock, macro, was bonds'],
    ['?class=', 'class must be one of all, crypto, stock, macro, was '],
    ['?clas=crypto', 'clas'],
  ])('refuses %s', async (query, detail) => {
    const response = await ask(query)
    expect(response.status).toBe(400)
    const problem = await response.json()
    expect(problem).toMatchObject({ code: 'bad_parameter', detail: expect.stringContaining(detail) })
  })

  it('is a problem that passes by itself when only the database could tell, and that is away', async () => {
    const response = await ask('', async () => {
      throw new GatewayError('tier_unavailable', 'the database is away')
    })
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
  })
})
