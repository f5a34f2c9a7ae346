import { describe, expect, it } from 'vitest'
import { createTally } from '../../src/base/tally.ts'
import { createFeedsView } from '../../src/gateway/feeds-view.ts'
import type { FeedStatus } from '../../src/supervise.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { BTC, ETH, NOON, update } from '../tiers/fixtures.ts'

const tally = () => createTally(() => undefined, Date.now)
const NO_KEY = 'FRED_API_KEY must be set, is not'

function start() {
  const clock = new FakeClock()
  const memory = new MemoryTier()
  const counts = { ticks: 0, gaps: 0, skipped: tally(), doubles: tally() }
  const statuses = new Map<string, FeedStatus>([
    ['binance', { feed: 'binance', state: 'live', since: NOON, reason: undefined, restarts: 3 }],
    ['fred', { feed: 'fred', state: 'off', since: 1, reason: NO_KEY, restarts: 0 }],
  ])
  const view = createFeedsView({
    feeds: [{ name: 'binance', symbols: [BTC, ETH] }],
    statuses: { feeds: statuses, rows: () => [{ tier: 'database', state: 'live', since: 7 }] },
    tallies: new Map([['binance', counts]]),
    memory,
    clock,
  })
  return { clock, memory, counts, view, binance: () => view.answer().feeds[0] }
}

describe('what is told of the feeds', () => {
  it('has nothing of a feed that has brought nothing, and how to switch on one that is off', () => {
    const { view } = start()
    const none = { ticksPerSecond: 0, ticks: 0, gaps: 0, skipped: 0, doubles: 0 }
    expect(view.answer()).toEqual({
      feeds: [
        { ...{ feed: 'binance', state: 'live', since: NOON, symbols: ['BTC', 'ETH'], restarts: 3 }, ...none },
        { ...{ feed: 'fred', state: 'off', since: 1, reason: NO_KEY, symbols: [], restarts: 0 }, ...none },
      ],
      tiers: [{ tier: 'database', state: 'live', since: 7 }],
    })
  })

  it('has the newest tick of all symbols, and the lag of the newest that was live', () => {
    const { memory, binance } = start()
    for (const each of [BTC, ETH]) memory.adopt(memory.prepare(each))
    memory.stream('BTC')!.append(update(1, { time: NOON, received: NOON + 35 }))
    memory.stream('ETH')!.append(update(9, { symbol: 'ETH', time: NOON, received: NOON + 900, backfilled: true }))
    expect(binance()).toMatchObject({
      lastTick: { symbol: 'ETH', id: 9, time: NOON, received: NOON + 900 },
      lag: 35,
    })
  })

  it('counts what was brought, and how fast over the last ten seconds', async () => {
    const { clock, counts, binance } = start()
    for (let second = 0; second < 30; second += 1) {
      counts.ticks += 20
      await clock.advance(1_000)
    }
    expect(binance()).toMatchObject({ ticks: 600, ticksPerSecond: 20 })
    await clock.advance(5_000)
    expect(binance()?.ticksPerSecond).toBeLessThan(12)
    expect(binance()?.ticksPerSecond).toBeGreaterThan(8)
    await clock.advance(6_000)
    expect(binance()?.ticksPerSecond).toBe(0)
    counts.gaps += 1
    counts.skipped.count('a trade without a price')
    counts.doubles.count('BTC 7')
    expect(binance()).toMatchObject({ gaps: 1, skipped: 1, doubles: 1 })
  })

  it('costs nothing any more when it is closed', () => {
    const { clock, view } = start()
    view.close()
    expect(clock.set).toBe(0)
  })
})
