import { createFredFeed } from '../../feeds/fred.ts'
import { startFredSimulator } from '../../src/simulate/fred.ts'
import { describeFeed } from './describe-feed.ts'

const SYMBOLS = [
  { symbol: 'JOBLESS', sourceSymbol: 'UNRATE' },
  { symbol: 'GROWTH', sourceSymbol: 'GDP' },
  { symbol: 'NOBODY', sourceSymbol: 'NOBODY' },
]

describeFeed('fred', async () => {
  const simulator = await startFredSimulator({ speed: 86_400 })
  const { url, apiKey, faults } = simulator
  return {
    feed: createFredFeed({ symbols: SYMBOLS, apiKey, url, pollMs: 30, bounds: { spacingMs: 1 } }),
    unknown: 'NOBODY',
    payload: 'observation',
    hang: () => faults.order('hang'),
    fail: () => faults.order(500),
    secrets: [apiKey],
    close: simulator.close,
  }
})
