import type { Instrument } from '../../src/market/instrument.ts'
import type { Update } from '../../src/market/tick.ts'
import type { SimulatedMarket } from '../../src/simulate/market.ts'
import type { Database } from '../../src/tiers/database/database.ts'

const PAGE_TICKS = 5_000

/** Every stored trade of an instrument beside the market's: all there, once, in order, as they were traded. */
export async function checkStoredTrades(
  database: Database,
  instrument: Instrument,
  market: SimulatedMarket,
): Promise<{ readonly trades: number; readonly differences: readonly string[] }> {
  const { symbol } = instrument
  const newest = market.idAt(Number.POSITIVE_INFINITY) - 1
  const differences: string[] = []
  let trades = 0
  let last: number | undefined
  for (;;) {
    const page = await database.ticksAfter(instrument, last ?? -1, PAGE_TICKS)
    for (const update of page) {
      if (last !== undefined && update.id !== last + 1) differences.push(`stored ${symbol}: ${update.id} after ${last}`)
      if (!isTrade(update, market))
        differences.push(`stored ${symbol}: ${update.id} is not the trade that was recorded`)
      last = update.id
    }
    trades += page.length
    if (page.length < PAGE_TICKS) break
  }
  if (last !== newest) differences.push(`stored ${symbol}: the last must be ${newest}, was ${last}`)
  return { trades, differences }
}

function isTrade({ id, price, size, side, time, trades }: Update, market: SimulatedMarket): boolean {
  const trade = market.trade(id)
  const taker = trade.buyerIsMaker ? 'sell' : 'buy'
  const raw = trade.lastTradeId - trade.firstTradeId + 1
  const isSame = price === Number(trade.price) && size === Number(trade.size) && time === trade.time
  return isSame && side === taker && trades === raw
}
