// A simulated Binance in a process of its own, at a steady rate.
import { startBinanceSimulator } from '../../src/simulate/binance.ts'
import { converse, readSetup } from './conversation.ts'

const { rate, seed } = readSetup<{ readonly rate: number; readonly seed: number }>()
const simulator = await startBinanceSimulator({ rate, seed, weightLimit: Number.POSITIVE_INFINITY })
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
