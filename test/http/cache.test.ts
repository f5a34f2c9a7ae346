import { once } from 'node:events'
import { request } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { createHttpServer, type HttpServer } from '../../src/http/server.ts'
import { bareHttp } from '../fakes/bare-http.ts'
import { heldCache, priceKey, priceOf } from '../fakes/held-cache.ts'

let http: HttpServer | undefined
afterEach(() => http?.close())

async function serve() {
  const held = heldCache()
  http = await createHttpServer({ ...bareHttp(), cache: () => held.view })
  const { url } = http
  const ask = async (path: string) => {
    const response = await fetch(`${url}${path}`)
    return { status: response.status, headers: response.headers, body: await response.json() }
  }
  return { ...held, url, ask }
}

describe('/api/v1/cache', () => {
  it('shows how each tier is: an absent Redis is a normal mode, with its reason', async () => {
    const { ask, cache, parts } = await serve()
    cache.set(priceKey('BTC'), priceOf('BTC'))
    const { status, headers, body } = await ask('/api/v1/cache')
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect(body.readOrder).toBe('memory-first')
    expect(body.tiers).toEqual({
      memory: { entries: 1, bytes: expect.any(Number), maxBytes: 2 ** 20 },
      redis: { state: 'off', reason: expect.stringContaining('REDIS_URL') },
      database: { kind: 'pglite', state: 'open', since: 1_732_250_000_000 },
    })
    expect(body.tiers.memory.bytes).toBeGreaterThan(50)
    const away = { state: 'down', since: 1_732_250_000_123, reason: 'connect ECONNREFUSED 127.0.0.1:6379' } as const
    parts.redis = { status: away }
    const cut = { ...parts.database.status, state: 'away', reason: 'the connection was cut' } as const
    const spooled = { bytes: 4_096, ticks: 70, candles: 9, dropped: 2, droppedCandles: 4 }
    parts.database = { status: cut, spool: { stats: spooled } }
    const later = (await ask('/api/v1/cache')).body
    expect(later.tiers.redis).toEqual(away)
    expect(later.tiers.spool).toEqual(spooled)
    expect(later.tiers.database).toMatchObject({ state: 'away', reason: 'the connection was cut' })
  })

  it('counts per kind of key what memory had and what was loaded', async () => {
    const { ask, cache } = await serve()
    const before = (await ask('/api/v1/cache')).body.kinds
    expect(Object.keys(before)).toEqual(['price', 'prediction', 'market', 'chart', 'ws_history'])
    expect(before.price).toMatchObject({ memory: { hits: 0, hitRate: null }, database: { loads: 0 } })
    for (let turn = 0; turn < 4; turn += 1) await cache.getOrLoad(priceKey('BTC'), async () => priceOf('BTC'))
    await cache.getOrLoad(priceKey('ETH'), () => Promise.reject(new Error('away'))).catch(() => undefined)
    const { price, chart } = (await ask('/api/v1/cache')).body.kinds
    expect(price).toMatchObject({
      memory: { entries: 1, hits: 3, misses: 2, hitRate: 0.6 },
      database: { loads: 2, failures: 1 },
    })
    expect(chart).toEqual(before.chart)
  })

  it('counts what memory served as stale among what it had', async () => {
    const { ask, cache, time } = await serve()
    cache.set(priceKey('BTC'), priceOf('BTC'))
    time.ms += 31_000
    await cache.getOrLoad(priceKey('BTC'), async () => priceOf('BTC'))
    await cache.getOrLoad(priceKey('ETH'), async () => undefined)
    const { price } = (await ask('/api/v1/cache')).body.kinds
    expect(price.memory).toMatchObject({ hits: 0, staleHits: 1, misses: 1, hitRate: 0.5 })
  })

  it('is unavailable while the gateway starts', async () => {
    http = await createHttpServer(bareHttp())
    for (const path of ['', '/keys', '/keys/price:crypto:BTC']) {
      expect((await fetch(`${http.url}/api/v1/cache${path}`)).status).toBe(503)
    }
  })
})

describe("memory's keys", () => {
  it('are listed in the order of their names, with what is left of their lives', async () => {
    const { ask, cache, time } = await serve()
    for (const symbol of ['ETH', 'BTC', 'SOL']) cache.set(priceKey(symbol), priceOf(symbol))
    time.ms += 12_500
    const { body } = await ask('/api/v1/cache/keys')
    expect(body).toEqual({
      keys: ['BTC', 'ETH', 'SOL'].map((symbol) => ({ key: `price:crypto:${symbol}`, ttl: 17.5 })),
      more: false,
    })
    expect((await ask('/api/v1/cache/keys?limit=2')).body).toMatchObject({ keys: body.keys.slice(0, 2), more: true })
    const some = await ask(`/api/v1/cache/keys?pattern=${encodeURIComponent('*:[BS]*')}`)
    expect(some.body.keys.map(({ key }: { key: string }) => key)).toEqual(['price:crypto:BTC', 'price:crypto:SOL'])
  })

  it('have their values as Redis would hold them, 404 where there is none, and are not used by being looked at', async () => {
    const { ask, cache } = await serve()
    cache.set(priceKey('BTC'), priceOf('BTC', 97_123.45))
    const { body } = await ask('/api/v1/cache/keys/price:crypto:BTC')
    expect(body).toEqual({ key: 'price:crypto:BTC', ttl: 30, value: { v: 1, ...priceOf('BTC', 97_123.45) } })
    const missing = await ask('/api/v1/cache/keys/price:crypto:NOPE')
    expect([missing.status, missing.body.detail]).toEqual([404, 'memory has nothing under price:crypto:NOPE'])
    expect(cache.stats.memory.price).toMatchObject({ hits: 0, misses: 0 })
  })

  it('stay listed with nothing left while they are served as stale, and no longer', async () => {
    const { ask, cache, time } = await serve()
    const key = priceKey('BTC')
    cache.set(key, priceOf('BTC'))
    time.ms += key.seconds * 1_000
    expect((await ask('/api/v1/cache/keys')).body.keys).toEqual([{ key: key.name, ttl: 0 }])
    time.ms += key.graceSeconds * 1_000
    expect((await ask('/api/v1/cache/keys')).body.keys).toEqual([])
    expect((await ask(`/api/v1/cache/keys/${key.name}`)).status).toBe(404)
  })

  it.each([
    '/keys?limit=0',
    '/keys?limit=10001',
    '/keys?limit=x',
    `/keys?pattern=${'a'.repeat(257)}`,
    '/keys?kind=price',
  ])('asked for by %.20s are refused', async (path) => {
    const { ask } = await serve()
    expect(await ask(`/api/v1/cache${path}`)).toMatchObject({ status: 400, body: { code: 'bad_parameter' } })
  })

  it.each(['/keys', '/keys/price:crypto:BTC'])('are for programs of this machine only: %s', async (path) => {
    const { url } = await serve()
    const sent = request(`${url}/api/v1/cache${path}`, { headers: { origin: 'http://evil.example' } })
    sent.end()
    const [response] = await once(sent, 'response')
    expect(response.statusCode).toBe(403)
    response.resume()
  })
})
