import { createYahooFeed } from '../../feeds/yahoo.ts'
import { startYahooSimulator } from '../../src/simulate/yahoo.ts'
import { describeFeed } from './describe-feed.ts'

const SYMBOLS = [
  { symbol: 'NVIDIA', sourceSymbol: 'NVDA' },
  { symbol: 'INDEX', sourceSymbol: '^GSPC' },
  { symbol: 'NOBODY', sourceSymbol: 'NOBODY' },
]

/** A Thursday morning in New York. */
const START = Date.parse('2026-11-19T09:45:00-05:00')

describeFeed('yahoo', async () => {
  const simulator = await startYahooSimulator({ start: START, speed: 300, printsPerMinute: 20 })
  const { faults } = simulator
  const on = ['page', 'crumb', 'quote', 'chart'] as const
  return {
    feed: createYahooFeed({ symbols: SYMBOLS, yahooUrl: simulator.url, pollMs: 30 }),
    unknown: 'NOBODY',
    payload: 'row',
    hang() {
      for (const route of on) faults.order('hang', { on: route })
    },
    fail() {
      for (const route of on) faults.order(500, { on: route })
    },
    secrets: ['simulated.crumb', 'AQABBSimulated'],
    close: simulator.close,
  }
})
