import type { Candle } from '../../src/market/candle.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import type { Update } from '../../src/market/tick.ts'
import type { Batch } from '../../src/tiers/database/database.ts'

/** A Sunday, 12:00 UTC. */
export const NOON = Date.UTC(2026, 10, 22, 12)
export const DAY = 86_400_000

export function instrument(symbol: string, sourceSymbol = `${symbol}USDT`): Instrument {
  return {
    assetClass: 'crypto',
    symbol,
    source: 'binance',
    sourceSymbol,
    priceDigits: 2,
    sizeDigits: 5,
  }
}

export const BTC = instrument('BTC')
export const ETH = instrument('ETH')

export function update(id: number, fields: Partial<Update> = {}): Update {
  return {
    symbol: 'BTC',
    id,
    prev: null,
    price: 100 + id / 100,
    size: 0.5,
    side: 'buy',
    trades: 1,
    time: NOON + id,
    received: NOON + id + 7,
    backfilled: false,
    ...fields,
  }
}

export function candle(time: number, fields: Partial<Candle> = {}): Candle {
  return {
    time,
    open: 1,
    high: 4,
    low: 0.5,
    close: 2,
    volume: 10,
    quoteVolume: 20,
    buyVolume: 5,
    trades: 3,
    firstId: 1,
    lastId: 3,
    final: false,
    revision: 0,
    ...fields,
  }
}

export function batch(parts: Partial<Batch>): Batch {
  return { ticks: [], candles: [], gaps: [], ...parts }
}

/** A batch of one instrument's ticks. */
export function ticks(instrument: Instrument, ...updates: readonly Update[]): Batch {
  return batch({ ticks: updates.map((each) => ({ instrument, update: each })) })
}

/** Ids from `first` to `last`. */
export function updates(first: number, last: number): readonly Update[] {
  return Array.from({ length: last - first + 1 }, (_, index) => update(first + index))
}
