import { afterEach, expect, it } from 'vitest'
import { createReadSide } from '../../src/gateway/read-side.ts'
import { createHttpServer, type HttpServer } from '../../src/http/server.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import type { Observation } from '../../src/market/observation.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import { bareHttp } from '../fakes/bare-http.ts'
import { BTC } from '../fakes/exchange-feed.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'
import { series } from '../tiers/observations.ts'

const ABOUT = { title: 'Gross Domestic Product', frequency: 'Quarterly', units: 'Billions of Dollars' }
const GDP: Instrument = { ...series('GDP'), about: { ...ABOUT, seasonalAdjustment: 'Seasonally Adjusted' } }

/** One of the stored observations of the days asked for. */
class Shelf extends MemoryDatabase {
  readonly asked: (string | undefined)[] = []

  override async observations(_: Instrument, asOf?: string): Promise<readonly Observation[]> {
    this.asked.push(asOf)
    return [
      { id: 1, period: '2023-10-01', vintage: '2024-01-25', value: 27938.8, knownAt: 1 },
      { id: 2, period: '2024-01-01', vintage: '2024-01-25', value: undefined, knownAt: 1 },
    ]
  }
}

let http: HttpServer | undefined
afterEach(() => http?.close())

async function ask(path: string, isStarting = false) {
  const memory = new MemoryTier()
  for (const instrument of [GDP, BTC]) memory.adopt(memory.prepare(instrument))
  memory.await('CPIAUCSL')
  const shelf = new Shelf()
  const source = createReadSide(memory, shelf, { storeChanged: () => {}, stored: async () => {} })
  http = await createHttpServer({ ...bareHttp(), source: () => (isStarting ? undefined : source) })
  const response = await fetch(`${http.url}${path}`)
  return { status: response.status, headers: response.headers, body: await response.json(), asked: shelf.asked }
}

it('a series as it was known on a day comes with what its source says of it', async () => {
  const { status, headers, body, asked } = await ask('/api/v1/observations/gdp?as_of=2024-02-01')
  expect([status, headers.get('x-cache'), headers.get('age')]).toEqual([200, 'database', '0'])
  expect(asked).toEqual(['2024-02-01'])
  expect(body).toEqual({
    symbol: 'GDP',
    ...ABOUT,
    seasonalAdjustment: 'Seasonally Adjusted',
    asOf: '2024-02-01',
    observations: [
      { period: '2023-10-01', vintage: '2024-01-25', value: 27938.8 },
      { period: '2024-01-01', vintage: '2024-01-25', value: null },
    ],
  })
})

it('without a day it is everything that is known by now', async () => {
  const { body, asked } = await ask('/api/v1/observations/GDP')
  expect(body).toMatchObject({ asOf: null, observations: [{}, {}] })
  expect(asked).toEqual(['9999-12-31'])
})

it.each([
  ['/api/v1/observations/NOPE', 404, 'unknown_symbol'],
  ['/api/v1/observations/BTC', 400, 'bad_parameter'],
  ['/api/v1/observations/CPIAUCSL', 503, 'unavailable'],
  ['/api/v1/observations/GDP?as_of=yesterday', 400, 'bad_parameter'],
  ['/api/v1/observations/GDP?as_of=2024-02-30', 400, 'bad_parameter'],
  ['/api/v1/observations/GDP?as_of=0000-12-31', 400, 'bad_parameter'],
  ['/api/v1/observations/GDP?asof=2024-02-01', 400, 'bad_parameter'],
])('%s is refused', async (path, status, code) => {
  const answer = await ask(path)
  expect([answer.status, answer.body.code]).toEqual([status, code])
  expect(answer.headers.get('content-type')).toContain('application/problem+json')
})

it('nothing is known while the gateway starts', async () => {
  expect(await ask('/api/v1/observations/GDP', true)).toMatchObject({ status: 503, body: { code: 'unavailable' } })
})
