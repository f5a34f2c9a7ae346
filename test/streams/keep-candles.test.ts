import { describe, expect, it } from 'vitest'
import { CandlePath, LATENESS_MS } from '../fakes/candle-path.ts'

const NOON = Date.UTC(2026, 10, 18, 12)
const MINUTE = 60_000
const END = NOON + MINUTE + LATENESS_MS

const minute = (path: CandlePath, symbol = 'BTC') => path.stream(symbol).candleAt('1m', NOON)

describe('the timer that closes candles', () => {
  it('closes a quiet symbol’s candle at its end plus LATENESS_MS, to the millisecond, without a later trade', () => {
    const path = new CandlePath(NOON, 'BTC')
    path.trade('BTC', NOON + 10_000)
    path.at(END - 1)
    expect(minute(path)?.final).toBe(false)
    path.at(END)
    expect(minute(path)).toMatchObject({ final: true, revision: 0, trades: 1 })
  })

  it('goes by the source’s clock, not by this machine’s: days recorded long ago close as live ones do', () => {
    const path = new CandlePath(NOON + 900 * 86_400_000, 'BTC', 'ETH')
    for (const symbol of ['BTC', 'ETH']) path.trade(symbol, NOON + 10_000)
    path.trade('BTC', END - 1)
    path.at(0)
    expect([minute(path)?.final, minute(path, 'ETH')?.final]).toEqual([false, false])
    path.trade('BTC', END)
    path.at(0)
    expect([minute(path)?.final, minute(path, 'ETH')?.final]).toEqual([true, true])
  })

  it('has a clock for each source', () => {
    const path = new CandlePath(NOON + 86_400_000, 'BTC', 'yahoo:NVDA')
    for (const symbol of ['BTC', 'NVDA']) path.trade(symbol, NOON + 10_000)
    path.trade('BTC', END)
    path.at(0)
    expect([minute(path)?.final, minute(path, 'NVDA')?.final]).toEqual([true, false])
  })

  it('leaves a stream that waits for missed trades open, and closes it at its release with them in it', () => {
    const path = new CandlePath(NOON, 'BTC', 'ETH')
    for (const symbol of ['BTC', 'ETH']) path.trade(symbol, NOON + 10_000)
    path.stream('BTC').live = false
    path.at(END + 30_000)
    expect([minute(path)?.final, minute(path, 'ETH')?.final]).toEqual([false, true])
    path.trade('BTC', NOON + 50_000, { backfilled: true })
    path.stream('BTC').live = true
    path.at(END + 30_001)
    expect(minute(path)).toMatchObject({ final: true, revision: 0, trades: 2 })
  })

  it('closes what is left of a symbol that its source has no longer', () => {
    const path = new CandlePath(NOON, 'BTC', 'ETH')
    for (const symbol of ['BTC', 'ETH']) path.trade(symbol, NOON + 10_000)
    Object.assign(path.stream('BTC'), { live: false, over: true })
    path.at(END)
    expect(minute(path)?.final).toBe(true)
  })

  it('makes the first trade of a bucket that was over without one a revision', () => {
    const path = new CandlePath(NOON, 'BTC', 'ETH')
    path.trade('BTC', NOON + 10_000)
    path.at(END)
    path.trade('ETH', NOON + 50_000)
    expect(minute(path, 'ETH')).toMatchObject({ final: true, revision: 1 })
  })

  it('waits for an exchange whose prices come later than those of others of its source, and not for the others', () => {
    const path = new CandlePath(NOON, 'yahoo:NVDA', 'yahoo:SAP')
    const day = { previousClose: undefined, high: undefined, low: undefined, volume: undefined }
    for (const [symbol, delayMs] of [
      ['NVDA', 60_000],
      ['SAP', 15 * MINUTE],
    ] as const) {
      path.trade(symbol, NOON + 10_000)
      path.stream(symbol).sayMarket({ market: 'REGULAR', delayMs, day }, NOON)
    }
    path.at(END)
    expect([minute(path, 'NVDA')?.final, minute(path, 'SAP')?.final]).toEqual([true, false])
    path.at(END + 14 * MINUTE - 1)
    expect(minute(path, 'SAP')?.final).toBe(false)
    path.at(END + 14 * MINUTE)
    expect(minute(path, 'SAP')?.final).toBe(true)
  })

  it('waits for a source that is polled until it has been asked once more', () => {
    const path = new CandlePath(NOON, 'yahoo:NVDA')
    path.trade('NVDA', NOON + 10_000)
    path.stream('NVDA').comesWithinMs = 5_000
    path.at(END + 4_999)
    expect(minute(path, 'NVDA')?.final).toBe(false)
    path.at(END + 5_000)
    expect(minute(path, 'NVDA')?.final).toBe(true)
  })
})
