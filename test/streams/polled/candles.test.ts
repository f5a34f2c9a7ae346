import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/base/errors.ts'
import { createGate } from '../../../src/base/gate.ts'
import type { Candle } from '../../../src/market/candle.ts'
import { InstrumentCandles } from '../../../src/market/instrument-candles.ts'
import type { Tick } from '../../../src/market/tick.ts'
import { TIMEFRAMES } from '../../../src/market/timeframe.ts'
import { MemoryDatabase } from '../../fakes/memory-database.ts'
import { NVDA, PolledFeed, quote } from '../../fakes/polled-feed.ts'
import { type PolledSide, startPolledSide } from '../../fakes/polled-side.ts'

const NOON = Date.UTC(2026, 10, 18, 17)
const SECOND = 1_000
const MINUTE = 60 * SECOND

/** A market of which its source has seen every trade: one a second. Polls see some. */
class Market {
  readonly feed = new PolledFeed()
  readonly trades: Tick[] = []
  /** Questions for candles. */
  asked = 0
  beforeCandles: () => Promise<void> | void = () => {}

  constructor() {
    this.feed.candles = async (_, timeframe, { limit }) => {
      this.asked++
      await this.beforeCandles()
      if (timeframe === '1s') return []
      const all = new InstrumentCandles(NVDA, 100_000)
      for (const trade of this.trades) all.fold(trade)
      const now = this.trades.at(-1)?.time ?? 0
      const isOver = ({ time }: Candle) => all.calendar.endOf(timeframe, time) <= now
      const candles = all.window(timeframe).last(limit)
      return candles.map((candle) => ({ ...candle, firstId: null, lastId: null, final: isOver(candle) }))
    }
  }

  /** Goes on to `until`; every poll a tick of the newest price, with the volume since the one before. */
  trade(until: number, everyMs: number | undefined = undefined): void {
    let size = 0
    for (let time = (this.trades.at(-1)?.time ?? NOON - 90 * MINUTE) + SECOND; time <= until; time += SECOND) {
      const trade = quote(time, { size: 1, price: 100 + ((time / SECOND) % 17) })
      this.trades.push(trade)
      size++
      if (everyMs === undefined || time % everyMs !== 0) continue
      this.feed.answer({ ...trade, size })
      size = 0
    }
  }

  /** The source's candles that are over. */
  async over(timeframe: (typeof TIMEFRAMES)[number]): Promise<readonly Candle[]> {
    const { beforeCandles } = this
    this.beforeCandles = () => {}
    const candles = await this.feed.candles!(NVDA, timeframe, { limit: 1_000 }, new AbortController().signal)
    this.beforeCandles = beforeCandles
    return candles.filter(({ final }) => final)
  }
}

const numbers = ({ time, open, high, low, close, volume }: Candle) => [time, open, high, low, close, volume]

async function expectSourceCandles(market: Market, side: PolledSide): Promise<void> {
  for (const timeframe of TIMEFRAMES) {
    const theirs = await market.over(timeframe)
    const held = new Map(
      side
        .stream()
        .candles(timeframe, 1_000)
        .map((candle) => [candle.time, candle]),
    )
    const ours = theirs.flatMap(({ time }) => held.get(time) ?? [])
    expect(ours.map(numbers), timeframe).toEqual(theirs.map(numbers))
    expect(
      ours.every(({ final }) => final),
      timeframe,
    ).toBe(true)
  }
}

describe('the candles of a polled feed', () => {
  it('are the source’s where they are over, and composed with what was polled since then where they are open', async () => {
    const market = new Market()
    market.trade(NOON + 30 * SECOND)
    market.feed.answer(market.trades.at(-1)!)
    const side = startPolledSide(market.feed, new MemoryDatabase())
    await side.warm
    expect(side.stream().warm).toBe(true)
    await expectSourceCandles(market, side)
    market.trade(NOON + 40 * SECOND, 5 * SECOND)
    await side.until(() => market.feed.isIdle)
    const open = side.stream().candles('1h', 1)[0]!
    const last = market.trades.at(-1)!
    // The hour has begun at noon: one trade at the start and two polls, of five trades each.
    expect([open.time, open.final, open.close, open.volume]).toEqual([NOON, false, last.price, 11])
    const stored = side.candles.filter(({ timeframe }) => timeframe === '1m')
    expect(stored.map(({ candle }) => numbers(candle))).toEqual((await market.over('1m')).map(numbers))
  })

  it('count no tick twice that was polled while the source was asked', async () => {
    const market = new Market()
    market.trade(NOON + 30 * SECOND)
    const answer = createGate()
    market.beforeCandles = () => answer.opened
    market.feed.answer()
    const side = startPolledSide(market.feed, new MemoryDatabase())
    await side.until(() => market.asked === 1)
    market.trade(NOON + 50 * SECOND, 5 * SECOND)
    await side.until(() => market.feed.isIdle)
    expect(side.stream().warm).toBe(false)
    answer.open()
    await side.warm
    const [open] = side.stream().candles('1m', 1)
    expect([open!.time, open!.volume]).toEqual([NOON, 20])
    await expectSourceCandles(market, side)
  })

  it('count no volume twice that was traded between two polls, one before the source’s candles end and one after', async () => {
    const market = new Market()
    market.trade(NOON - 20 * SECOND)
    const answer = createGate()
    market.beforeCandles = () => answer.opened
    market.feed.answer(market.trades.at(-1)!)
    const side = startPolledSide(market.feed, new MemoryDatabase())
    await side.until(() => market.asked === 1)
    market.trade(NOON + 40 * SECOND)
    market.feed.answer({ ...market.trades.at(-1)!, size: 60 })
    await side.until(() => market.feed.isIdle)
    answer.open()
    await side.warm
    // Of sixty trades in a minute twenty were before noon.
    expect(side.stream().candles('1h', 1)[0]).toMatchObject({ time: NOON, volume: 40 })
    await expectSourceCandles(market, side)
  })

  it('are whole again after a start that follows hours without polls', async () => {
    const market = new Market()
    const database = new MemoryDatabase()
    market.trade(NOON, 5 * SECOND)
    const before = startPolledSide(market.feed, database)
    await before.warm
    await before.until(() => market.feed.isIdle)
    await before.stop()
    market.trade(NOON + 3 * 60 * MINUTE)
    market.feed.answer(market.trades.at(-1)!)
    const after = startPolledSide(market.feed, database)
    await after.warm
    await expectSourceCandles(market, after)
  })

  it('are taken again, beside the polls, when the source was away for long', async () => {
    const market = new Market()
    let now = NOON
    market.trade(NOON, 5 * SECOND)
    const side = startPolledSide(market.feed, new MemoryDatabase(), { now: () => now })
    await side.warm
    await side.until(() => market.feed.isIdle)
    const { asked } = market
    market.feed.fail()
    await side.until(() => side.statuses.some(({ state }) => state === 'down'))
    now += 20 * MINUTE
    market.trade(NOON + 20 * MINUTE)
    const answer = createGate()
    market.beforeCandles = () => answer.opened
    market.feed.answer(market.trades.at(-1)!)
    market.trade(NOON + 21 * MINUTE, 5 * SECOND)
    await side.until(() => market.feed.isIdle && market.asked > asked)
    expect(side.stream().cursor, 'polls do not wait for candles').toBe(market.trades.at(-1)!.id)
    answer.open()
    await side.until(() => market.asked >= asked + TIMEFRAMES.length)
    await side.until(() => side.revised.length > 0)
    await expectSourceCandles(market, side)
  })

  it('are taken again a while after regular hours, and once more when the day of the exchange is over', async () => {
    const market = new Market()
    let now = NOON
    market.trade(NOON, 5 * SECOND)
    const side = startPolledSide(market.feed, new MemoryDatabase(), {
      now: () => now,
      onState: (symbol, state) => void side.memory.stream(symbol)!.sayMarket(state, now),
    })
    await side.warm
    await side.until(() => market.feed.isIdle)
    const day = { previousClose: undefined, high: undefined, low: undefined, volume: undefined }
    const poll = async (market_: string) => {
      side.memory.stream('NVDA')
      market.feed.events!.state!('NVDA', { market: market_, delayMs: 0, day })
      market.feed.answer()
      const { polls } = market.feed
      await side.until(() => market.feed.polls > polls)
    }
    const { asked } = market
    await poll('REGULAR')
    await poll('POST')
    now += MINUTE
    await poll('POST')
    expect(market.asked).toBe(asked)
    now += 2 * MINUTE
    await poll('POST')
    await side.until(() => market.asked === asked + TIMEFRAMES.length)
    now += 24 * 60 * MINUTE
    await poll('CLOSED')
    await side.until(() => market.asked === asked + 2 * TIMEFRAMES.length)
    await poll('CLOSED')
    expect(market.asked).toBe(asked + 2 * TIMEFRAMES.length)
  })

  it('are taken again when the day of the exchange has ended while they were asked for', async () => {
    const market = new Market()
    let now = NOON
    market.beforeCandles = () => {
      if (market.asked === TIMEFRAMES.length) now += 24 * 60 * MINUTE
    }
    market.trade(NOON, 5 * SECOND)
    const side = startPolledSide(market.feed, new MemoryDatabase(), { now: () => now })
    await side.warm
    market.feed.answer()
    await side.until(() => market.asked === 2 * TIMEFRAMES.length)
    await side.until(() => market.feed.isIdle)
    market.feed.answer()
    const { polls } = market.feed
    await side.until(() => market.feed.polls > polls)
    expect(market.asked).toBe(2 * TIMEFRAMES.length)
  })

  it('are asked for again when the source did not answer, and hold up nothing meanwhile', async () => {
    const market = new Market()
    market.trade(NOON, 5 * SECOND)
    let failures = 3
    market.beforeCandles = () => {
      if (failures-- > 0) throw new GatewayError('feed_broken', 'charts are away')
    }
    const side = startPolledSide(market.feed, new MemoryDatabase())
    await side.warm
    await side.until(() => market.feed.isIdle)
    await expectSourceCandles(market, side)
    expect(side.log.lines.filter(({ message }) => message.startsWith('candles not taken'))).toHaveLength(3)
  })

  it('are asked for no more when the source refuses them, and those of what is polled are served', async () => {
    const market = new Market()
    market.beforeCandles = () => {
      throw new GatewayError('feed_refused', 'it has a price, and no chart')
    }
    const side = startPolledSide(market.feed, new MemoryDatabase())
    market.trade(NOON, 5 * SECOND)
    await side.warm
    await side.until(() => market.feed.isIdle)
    expect(market.asked).toBe(1)
    expect(side.stream().candleAt('1m', NOON)).toMatchObject({ trades: 1 })
  })
})
