import { createBinanceFeed } from '../../feeds/binance.ts'
import { startBinanceSimulator } from '../../src/simulate/binance.ts'
import { describeFeed } from './describe-feed.ts'

const SYMBOLS = [
  { symbol: 'BTC', sourceSymbol: 'BTCUSDT' },
  { symbol: 'SOLANA', sourceSymbol: 'SOLUSDT' },
  { symbol: 'NOBODY', sourceSymbol: 'NOBODYUSDT' },
]

describeFeed('binance', async () => {
  const simulator = await startBinanceSimulator({ rate: 400, past: false })
  const { streamUrl, restUrl, faults } = simulator
  return {
    feed: createBinanceFeed({ symbols: SYMBOLS, streamUrl, restUrl }),
    unknown: 'NOBODY',
    hang() {
      faults.stall(true)
      faults.rest('hang')
    },
    fail() {
      faults.rest(500)
      faults.refuseConnects(503)
      faults.closeAll()
    },
    close: simulator.close,
  }
})
