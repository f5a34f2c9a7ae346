import { expect, it, onTestFinished } from 'vitest'
import { Quotes } from '../../dashboard/quotes.ts'
import { SeriesList } from '../../dashboard/series-list.ts'
import { startHttpSource } from '../fakes/http-source.ts'

it('a series has its own timeframes, the others theirs, and one that is not listed has none yet', async () => {
  const instruments = [
    { symbol: 'BTC', assetClass: 'crypto' },
    { symbol: 'GDP', assetClass: 'macro' },
  ]
  const http = await startHttpSource(() => ({ body: { instruments } }))
  onTestFinished(() => http.close())
  let changes = 0
  const list = new SeriesList(new URL(http.url), () => {
    changes += 1
  })
  expect(list.timeframesOf('GDP')).toBeUndefined()
  list.meet('GDP')
  list.meet('BTC')
  await expect.poll(() => changes).toBe(1)
  expect(http.requests).toEqual(['/api/v1/instruments'])
  expect(list.timeframesOf('GDP')).toEqual(['native', '1D', '1W'])
  expect(list.timeframesOf('BTC')).toContain('1m')
  expect(list.timeframesOf('BTC')).not.toContain('native')
  expect([list.timeframesOf('NVDA'), list.timeframesOf(undefined)]).toEqual([undefined, undefined])
})

it('the change of an observation is against the one before, of a trade since the day began', () => {
  const quotes = new Quotes(() => {})
  const price = { type: 'price', id: 1, time: 1, skipped: 0, stale: false } as const
  const day = { type: 'snapshot', timeframe: '1D', cursor: 1 } as const
  quotes.price({ ...price, symbol: 'GDP', price: 102, change24h: 2 })
  quotes.day({ ...day, symbol: 'GDP', candles: [[0, 102, 102, 102, 102, 0]] })
  expect(quotes.get('GDP')?.change).toBeCloseTo(0.02)
  quotes.price({ ...price, symbol: 'BTC', price: 110, change24h: -5, volume24h: 3 })
  quotes.day({ ...day, symbol: 'BTC', candles: [[0, 100, 120, 90, 110, 3]] })
  expect(quotes.get('BTC')?.change).toBeCloseTo(0.1)
})
