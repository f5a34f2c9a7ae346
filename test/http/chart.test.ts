import { afterEach, describe, expect, it } from 'vitest'
import type { Chart, ChartRange, ChartSource } from '../../src/http/chart.ts'
import { createHttpServer, type HttpServer } from '../../src/http/server.ts'
import { MemoryStream } from '../../src/tiers/memory/memory.ts'
import { bareHttp } from '../fakes/bare-http.ts'
import { BTC } from '../fakes/exchange-feed.ts'

const CHART: Chart = {
  candles: [[60_000, 1, 4, 0.5, 2.25, 1e-8]],
  ...{ cursor: 605, isWhole: true, tier: 'redis', ageMs: 12_900, next: 60_000 },
}

describe('a chart over HTTP', () => {
  let http: HttpServer | undefined
  let asked: (ChartRange & { readonly timeframe: string; readonly symbol: string })[]
  afterEach(() => http?.close())

  async function ask(path: string, chart: Partial<Chart> = {}) {
    asked = []
    const source: ChartSource = {
      stream: (symbol) => (symbol === 'BTC' ? new MemoryStream(BTC) : undefined),
      awaited: () => ['ETH'],
      async chart(symbol, timeframe, range) {
        asked.push({ symbol, timeframe, ...range })
        return { ...CHART, ...chart }
      },
    }
    http = await createHttpServer({ ...bareHttp(), charts: () => source })
    const response = await fetch(`${http.url}${path}`)
    return { status: response.status, headers: response.headers, body: await response.json() }
  }

  it('has rows in the order of ccxt, says where they came from and where older ones end', async () => {
    const { status, headers, body } = await ask('/api/v1/chart/btc')
    expect(status).toBe(200)
    expect(asked).toEqual([{ symbol: 'BTC', timeframe: '1m', limit: 500, from: undefined, to: undefined }])
    expect([headers.get('x-cache'), headers.get('age')]).toEqual(['redis', '12'])
    expect(body).toEqual({
      ...{ symbol: 'BTC', stream: 'exchange:BTCUSDT', timeframe: '1m', cursor: 605, complete: true, before: 60_000 },
      candles: [[60_000, 1, 4, 0.5, 2.25, 1e-8]],
    })
  })

  it('from a moment on says where later ones begin, and null where there is no more', async () => {
    const nothing = { cursor: null, isWhole: false, next: null, candles: [] }
    const { body } = await ask('/api/v1/chart/BTC?timeframe=1d&from=5&to=90&limit=5000', nothing)
    expect(asked).toEqual([{ symbol: 'BTC', timeframe: '1D', limit: 5_000, from: 5, to: 90 }])
    expect(body).toEqual({
      ...{ symbol: 'BTC', stream: 'exchange:BTCUSDT', timeframe: '1D', cursor: null, complete: false, next: null },
      candles: [],
    })
  })

  it.each([
    ['/api/v1/chart/NOPE', 404, 'unknown_symbol'],
    ['/api/v1/chart/ETH', 503, 'unavailable'],
    ['/api/v1/chart/BTC?timeframe=1M', 400, 'bad_timeframe'],
    ['/api/v1/chart/BTC?timeframe=2h', 400, 'bad_timeframe'],
    ['/api/v1/chart/BTC?limit=0', 400, 'bad_parameter'],
    ['/api/v1/chart/BTC?limit=5001', 400, 'bad_parameter'],
    ['/api/v1/chart/BTC?limit=1e3', 400, 'bad_parameter'],
    ['/api/v1/chart/BTC?from=-1', 400, 'bad_parameter'],
    ['/api/v1/chart/BTC?to=yesterday', 400, 'bad_parameter'],
    ['/api/v1/chart/BTC?before=5', 400, 'bad_parameter'],
    ['/api/v1/chart/BTC?limit=5&limit=6', 400, 'bad_parameter'],
  ])('%s is answered with %i %s', async (path, status, code) => {
    const answer = await ask(path)
    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    expect(answer.body).toMatchObject({ status, code })
    expect(asked).toEqual([])
  })
})
