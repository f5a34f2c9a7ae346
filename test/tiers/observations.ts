import type { Instrument } from '../../src/market/instrument.ts'
import type { Update } from '../../src/market/tick.ts'

/** A Thursday, 07:51 in Chicago. */
export const GDP_NOW = Date.UTC(2024, 3, 25, 12, 51)

export function series(symbol: string, sourceSymbol = symbol): Instrument {
  return { assetClass: 'macro', symbol, source: 'fred', sourceSymbol, priceDigits: 3, sizeDigits: 0 }
}

export function observed(id: number, period: string, vintage: string, fields: Partial<Update> = {}): Update {
  return {
    symbol: 'GDP',
    id,
    prev: null,
    price: id,
    size: undefined,
    side: undefined,
    trades: 1,
    time: GDP_NOW + (id % 1_000),
    received: GDP_NOW + 60_000,
    backfilled: false,
    period,
    vintage,
    ...fields,
  }
}
