import type { Instrument } from '../../src/market/instrument.ts'
import type { Batch } from '../../src/tiers/database/database.ts'

export type TickOf = Batch['ticks'][number]

const FIRST_ID = 3_000_000_000
/** Ticks of all symbols together that happen in one millisecond of the made market. */
const PER_MILLISECOND = 10

export function madeInstruments(count: number, source = 'binance'): readonly Instrument[] {
  return Array.from({ length: count }, (_, n) => {
    const symbol = `${source[0]?.toUpperCase()}${n}`
    return { assetClass: 'crypto', symbol, source, sourceSymbol: `${symbol}USDT`, priceDigits: 2, sizeDigits: 5 }
  })
}

/** The n-th tick of a market that begins at `startMs` (Unix), its instruments mixed; every id above the ones before. */
export function madeTick(instruments: readonly Instrument[], n: number, startMs: number): TickOf {
  const instrument = instruments[(n * 7 + (n >> 3)) % instruments.length]!
  const time = startMs + Math.floor(n / PER_MILLISECOND)
  return {
    instrument,
    update: {
      symbol: instrument.symbol,
      id: FIRST_ID + n,
      prev: null,
      price: 97_000 + ((n * 31) % 100_000) / 100,
      size: ((n * 17) % 100_000) / 100_000,
      side: n % 3 === 0 ? 'buy' : 'sell',
      trades: 1 + (n % 4),
      time,
      received: time + 23,
      backfilled: false,
    },
  }
}

/** 00:00 UTC of today: that day has a partition. */
export function midnight(): number {
  return Math.floor(Date.now() / 86_400_000) * 86_400_000
}
