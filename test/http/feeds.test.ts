import { afterEach, describe, expect, it } from 'vitest'
import { createHttpServer, type HttpServer } from '../../src/http/server.ts'
import type { FeedsAnswer } from '../../src/wire/feeds.ts'
import { readFeedsAnswer } from '../../src/wire/feeds.ts'
import { bareHttp } from '../fakes/bare-http.ts'

const ANSWER: FeedsAnswer = {
  feeds: [
    {
      ...{ feed: 'binance', state: 'live', since: 1_732_250_000_000, symbols: ['BTC', 'ETH'] },
      lastTick: { symbol: 'BTC', id: 605, time: 1_732_250_000_456, received: 1_732_250_000_498 },
      ...{ ticksPerSecond: 12.34, lag: 42, restarts: 1, ticks: 48_211, gaps: 2, skipped: 3, doubles: 4 },
    },
    {
      ...{ feed: 'fred', state: 'off', since: 1, reason: 'FRED_API_KEY must be set, is not', symbols: [] },
      ...{ ticksPerSecond: 0, restarts: 0, ticks: 0, gaps: 0, skipped: 0, doubles: 0 },
    },
  ],
  tiers: [{ tier: 'redis', state: 'down', since: 2, reason: 'the connection was closed' }],
}

describe('/api/v1/feeds', () => {
  let http: HttpServer | undefined
  afterEach(() => http?.close())
  const serve = async (feeds: () => FeedsAnswer | undefined) => {
    http = await createHttpServer({ ...bareHttp(), feeds })
    return http.url
  }

  it('tells how each feed and tier is, as it is at this moment, and a program reads it back', async () => {
    const response = await fetch(`${await serve(() => ANSWER)}/api/v1/feeds`)
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store'])
    const answer: unknown = await response.json()
    expect(answer).toEqual(ANSWER)
    expect(readFeedsAnswer(answer)).toEqual(ANSWER)
  })

  it('is a problem that passes by itself while the gateway starts', async () => {
    const response = await fetch(`${await serve(() => undefined)}/api/v1/feeds`)
    expect([response.status, response.headers.get('content-type')]).toEqual([
      503,
      expect.stringMatching(/^application.problem\+json/),
    ])
    expect(await response.json()).toMatchObject({ status: 503, code: 'unavailable' })
  })

  it('is read only', async () => {
    const response = await fetch(`${await serve(() => ANSWER)}/api/v1/feeds`, { method: 'POST' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })
})
