import { afterEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/base/errors.ts'
import type { PriceAnswer, PriceSource } from '../../src/http/price.ts'
import { createHttpServer, type HttpServer } from '../../src/http/server.ts'
import { bareHttp } from '../fakes/bare-http.ts'

const ANSWERS: Readonly<Record<string, PriceAnswer>> = {
  BTC: { value: { symbol: 'BTC', id: 9, price: 97_123.5, time: 5, stale: false }, tier: 'memory', ageMs: 0 },
  ETH: { value: { symbol: 'ETH', id: 4, price: 1e-8, time: 6, stale: true }, tier: 'redis', ageMs: 12_900 },
  NEW: { value: undefined, tier: 'memory', ageMs: 0 },
}

/** What only the database could tell is OLD, and it is away. */
function tell(symbol: string): PriceAnswer | undefined {
  if (symbol === 'OLD') throw new GatewayError('tier_unavailable', 'the database is away')
  return ANSWERS[symbol]
}

describe('prices over HTTP', () => {
  let http: HttpServer | undefined
  afterEach(() => http?.close())

  async function ask(path: string, running = true) {
    const source: PriceSource = { symbols: () => Object.keys(ANSWERS), price: async (symbol) => tell(symbol) }
    http = await createHttpServer({ ...bareHttp(), prices: () => (running ? source : undefined) })
    const response = await fetch(`${http.url}${path}`)
    const { status, headers } = response
    return { status, from: [headers.get('x-cache'), headers.get('age')], body: await response.json() }
  }

  it('are one by one as the cache keeps them, with where they are from and how old they are', async () => {
    const value = { symbol: 'ETH', id: 4, price: 1e-8, time: 6, stale: true }
    expect(await ask('/api/v1/price/eth')).toEqual({ status: 200, from: ['redis', '12'], body: value })
  })

  it('are those that are asked for, or all that there are', async () => {
    const both = await ask('/api/v1/prices?symbols=BTC,eth')
    expect(both.from).toEqual(['redis', '12'])
    expect(both.body.prices.map(({ symbol }: { symbol: string }) => symbol)).toEqual(['BTC', 'ETH'])
    await http?.close()
    const all = await ask('/api/v1/prices')
    expect(all.body.prices.map(({ symbol }: { symbol: string }) => symbol)).toEqual(['BTC', 'ETH'])
  })

  it('are told without those that only the database could tell while it is away', async () => {
    const { status, body } = await ask('/api/v1/prices?symbols=BTC,OLD')
    expect([status, body.prices]).toEqual([200, [ANSWERS.BTC?.value]])
  })

  it.each([
    ['/api/v1/price/NOPE', 404, 'unknown_symbol'],
    ['/api/v1/prices?symbols=BTC,NOPE', 404, 'unknown_symbol'],
    ['/api/v1/prices?symbols=,', 400, 'bad_parameter'],
    ['/api/v1/prices?symbol=BTC', 400, 'bad_parameter'],
    ['/api/v1/price/NEW', 503, 'unavailable'],
    ['/api/v1/price/OLD', 503, 'tier_unavailable'],
    ['/api/v1/prices?symbols=OLD', 503, 'tier_unavailable'],
  ])('%s is answered with %i %s', async (path, status, code) => {
    expect(await ask(path)).toMatchObject({ status, body: { status, code } })
  })

  it('are not there while the gateway starts', async () => {
    expect(await ask('/api/v1/prices', false)).toMatchObject({ status: 503, body: { code: 'unavailable' } })
  })
})
