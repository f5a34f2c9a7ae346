// A simulated Binance in a process of its own, at a steady rate.
import { startBinanceSimulator } from '../../src/simulate/binance.ts'
import { converse, readSetup } from './conversation.ts'

interface Setup {
  readonly rate: number
  readonly seed: number
  /** Trades reach so far back (ms). */
  readonly pastMs?: number
}

const { rate, seed, pastMs = 0 } = readSetup<Setup>()
let startedMs: number | undefined = Date.now() - pastMs
const simulator = await startBinanceSimulator({
  ...{ rate, seed, weightLimit: Number.POSITIVE_INFINITY },
  // Markets begin when they are made: that was a while ago.
  now: () => startedMs ?? Date.now(),
})
startedMs = undefined
const markets = [...simulator.markets.values()].filter(({ status }) => status === 'TRADING')

converse(
  {
    where: () => ({
      streamUrl: simulator.streamUrl,
      restUrl: simulator.restUrl,
      symbols: markets.map(({ symbol, baseAsset }) => `${baseAsset}=${symbol}`),
    }),
  },
  () => simulator.close(),
)
