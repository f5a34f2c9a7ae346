import { describe, expect, it } from 'vitest'
import type { Timeframe } from '../../../src/market/timeframe.ts'
import type { CacheKey } from '../../../src/tiers/cache/cache-keys.ts'
import { CacheKeys } from '../../../src/tiers/cache/cache-keys.ts'
import { CandleRows } from '../../../src/tiers/cache/candle-rows.ts'
import type { CandlesValue } from '../../../src/tiers/cache/values.ts'
import { MemoryTier } from '../../../src/tiers/memory/memory.ts'
import { HistoryPublisher } from '../../../src/tiers/publish/history-publisher.ts'
import { FakeClock } from '../../fakes/fake-clock.ts'
import { instrument } from '../fixtures.ts'

interface Told {
  readonly at: number
  readonly name: string
  readonly value: CandlesValue
}

function start(symbols: readonly string[] = ['BTC']) {
  const clock = new FakeClock()
  const memory = new MemoryTier()
  for (const symbol of symbols) {
    const stream = memory.prepare(instrument(symbol))
    stream.warm = true
    memory.adopt(stream)
  }
  const told: Told[] = []
  const watched: { symbol: string; timeframe: Timeframe }[] = []
  const cache = {
    set: <Value>(key: CacheKey<Value>, value: Value) =>
      void told.push({ at: clock.now(), name: key.name, value: value as CandlesValue }),
  }
  const publisher = new HistoryPublisher({ memory, cache, keys: new CacheKeys(), watched: () => watched, clock })
  let id = 0
  const trade = (symbol = 'BTC') => {
    id += 1
    const fields = { symbol, id, prev: null, price: 1, size: 1, side: 'buy', trades: 1 } as const
    memory.stream(symbol)!.append({ ...fields, time: id * 60_000, received: 0, backfilled: false })
  }
  return { clock, memory, told, watched, publisher, trade }
}

describe('ws_history in the cache', () => {
  it('is written when somebody begins to watch, then every 5 s at most, when it has changed', async () => {
    const { clock, told, watched, trade } = start()
    trade()
    await clock.advance(3_000)
    expect(told).toEqual([])
    watched.push({ symbol: 'BTC', timeframe: '1m' }, { symbol: 'NOPE', timeframe: '1m' })
    await clock.advance(1_000)
    expect(told).toEqual([
      { at: 4_000, name: 'ws_history:BTC:1m', value: { cursor: 1, candles: CandleRows.of([[60_000, 1, 1, 1, 1, 1]]) } },
    ])
    for (let second = 0; second < 12; second += 1) {
      trade()
      await clock.advance(1_000)
    }
    expect(told.map(({ at }) => at)).toEqual([4_000, 9_000, 14_000])
    await clock.advance(60_000)
    expect(told.map(({ at }) => at)).toEqual([4_000, 9_000, 14_000, 19_000])
  })

  it('has the newest 500 rows', async () => {
    const { clock, told, watched, trade } = start()
    for (let count = 0; count < 700; count += 1) trade()
    watched.push({ symbol: 'BTC', timeframe: '1m' })
    await clock.advance(1_000)
    expect([told[0]?.value.candles.length, told[0]?.value.candles.lastTime]).toEqual([500, 700 * 60_000])
  })

  it('is kept for the life of its key after the last who watched, renewed meanwhile, and then no more', async () => {
    const { clock, told, watched, publisher, trade } = start()
    trade()
    watched.push({ symbol: 'BTC', timeframe: '1h' })
    await clock.advance(1_000)
    watched.length = 0
    await clock.advance(290_000)
    expect([told.length, publisher.size]).toEqual([2, 1])
    await clock.advance(20_000)
    trade()
    await clock.advance(20_000)
    expect([told.length, publisher.size]).toEqual([2, 0])
  })

  it('is not told of a stream that does not stand yet', async () => {
    const { clock, memory, told, watched, trade } = start()
    memory.stream('BTC')!.warm = false
    trade()
    watched.push({ symbol: 'BTC', timeframe: '1m' })
    await clock.advance(10_000)
    expect(told).toEqual([])
  })

  it('of many symbols is written a few in a turn', async () => {
    const symbols = Array.from({ length: 20 }, (_, index) => `S${index}`)
    const { told, watched, publisher, trade } = start(symbols)
    for (const symbol of symbols) {
      trade(symbol)
      watched.push({ symbol, timeframe: '1m' })
    }
    const looked = publisher.look()
    expect(told).toHaveLength(4)
    await looked
    expect(told).toHaveLength(20)
    publisher.close()
  })
})
