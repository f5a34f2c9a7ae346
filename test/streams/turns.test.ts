import { describe, expect, it, onTestFinished } from 'vitest'
import { createGate } from '../../src/base/gate.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import type { Timeframe } from '../../src/market/timeframe.ts'
import { BTC, ExchangeFeed } from '../fakes/exchange-feed.ts'
import { runAndStop, startSide, tradeFor } from '../fakes/ingest-side.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12, 0, 30)

/** Eight instruments that trade as BTC does. */
const OTHERS = Array.from({ length: 8 }, (_, n) => ({ ...BTC, symbol: `X${n}`, sourceSymbol: `X${n}USDT` }))

/** Answers what is asked of BTC at once, and one kind of question of the others not before the gate opens. */
class SlowWithOthers extends ExchangeFeed {
  readonly gate = createGate()
  instruments: readonly Instrument[] = [BTC]
  slow: 'candles' | 'missed trades' | undefined

  override async resolve() {
    return { instruments: this.instruments, refused: [] }
  }

  override async candles(instrument: Instrument, timeframe: Timeframe, range: { readonly limit: number }) {
    if (instrument !== BTC && this.slow === 'candles') await this.gate.opened
    return super.candles(instrument, timeframe, range)
  }

  override async *trades(instrument: Instrument, start: { readonly after: number } | { readonly from: number }) {
    if (instrument !== BTC && this.slow === 'missed trades' && 'after' in start) await this.gate.opened
    yield* super.trades(instrument, start)
  }
}

/** Five trades are stored; three more, and one that happened minutes later, are not. */
async function awayForMinutes() {
  const feed = new SlowWithOthers(NOON)
  tradeFor(feed, 5)
  const database = new MemoryDatabase()
  await runAndStop(feed, database)
  tradeFor(feed, 3)
  feed.trade(300_000)
  return { feed, database }
}

describe('a stream whose source has answered', () => {
  it('goes live although questions for the past of other streams take all their turns', async () => {
    const { feed, database } = await awayForMinutes()
    Object.assign(feed, { instruments: [BTC, ...OTHERS], slow: 'candles' })
    const side = startSide(feed, database, { holdBackMs: 30_000, now: Date.now })
    onTestFinished(feed.gate.open)
    await expect.poll(() => side.memory.stream('BTC')?.live, { timeout: 2_000 }).toBe(true)
    expect(side.gaps).toEqual([])
  })

  it('waits no longer for its turn to ask what it missed than a tick may wait', async () => {
    const { feed, database } = await awayForMinutes()
    Object.assign(feed, { instruments: [...OTHERS, BTC], slow: 'missed trades' })
    const side = startSide(feed, database, { holdBackMs: 200, now: Date.now })
    onTestFinished(feed.gate.open)
    await expect.poll(() => side.memory.stream('BTC')?.live, { timeout: 2_000 }).toBe(true)
    expect(side.gaps.filter(({ symbol }) => symbol === 'BTC').map(({ from, to }) => [from, to])).toEqual([[6, 8]])
  })
})
