import { exactProduct } from './decimal.ts'
import type { Kline, MinutePast } from './market.ts'
import { bell, seedFor, unit } from './noise.ts'
import type { MarketLife } from './schedule.ts'
import type { SymbolSpec } from './symbols.ts'
import { MEAN_PER_MEDIAN_SIZE, RAW_PER_TRADE } from './trade-shape.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const LISTED_DAYS = 30

/**
 * The 30 days before a made-up market's first trade, as one-minute candles on the same price path: enough for a chart
 * to look lived in, without making the trades. Longer timeframes are summed from these, so all of them agree. There is
 * nothing earlier, as if the symbol had been listed at that midnight (UTC).
 */
export function createMinutePast(
  seed: number,
  spec: SymbolSpec,
  life: MarketLife,
  priceAt: (seconds: number) => number,
): MinutePast {
  const until = life.segments[0]!.startTime
  const seeds = { trades: seedFor(seed, 'trades'), size: seedFor(seed, 'size'), buys: seedFor(seed, 'buys') }
  const meanSteps = spec.medianSize * MEAN_PER_MEDIAN_SIZE * 10 ** spec.sizeDigits

  /** The last sample of a minute is the first of the next: whoever reads forward makes it once. */
  let shared = { seconds: Number.NaN, price: 0 }
  const sampleAt = (seconds: number) => {
    if (shared.seconds !== seconds) shared = { seconds, price: Math.max(1, priceAt(seconds)) }
    return shared.price
  }

  const minute = (openTime: number): Kline => {
    const n = openTime / MINUTE
    const seconds = (openTime - until) / 1000
    const open = sampleAt(seconds)
    const early = sampleAt(seconds + 20)
    const late = sampleAt(seconds + 40)
    const close = sampleAt(seconds + 60)
    const aggregates = Math.max(1, Math.round(life.paceRate * 60 * Math.exp(0.5 * bell(seeds.trades, n) - 0.125)))
    const volume = Math.max(1, Math.round(aggregates * meanSteps * Math.exp(0.3 * bell(seeds.size, n) - 0.045)))
    const buyVolume = Math.round(volume * (0.3 + 0.4 * unit(seeds.buys, n)))
    const average = Math.round((open + early + late + close) / 4)
    return {
      openTime,
      open,
      high: Math.max(open, early, late, close),
      low: Math.min(open, early, late, close),
      close,
      volume,
      quoteVolume: exactProduct(volume, average),
      trades: Math.max(1, Math.round(aggregates * RAW_PER_TRADE)),
      buyVolume,
      buyQuoteVolume: exactProduct(buyVolume, average),
      firstTradeId: -1,
      lastTradeId: -1,
    }
  }
  return { from: Math.floor((until - LISTED_DAYS * DAY) / DAY) * DAY, until, minute }
}
