import { describe, expect, it } from 'vitest'
import type { Instrument } from '../../../src/market/instrument.ts'
import type { CacheKey } from '../../../src/tiers/cache/cache-keys.ts'
import { CacheKeys } from '../../../src/tiers/cache/cache-keys.ts'
import { MemoryTier } from '../../../src/tiers/memory/memory.ts'
import { PricePublisher } from '../../../src/tiers/publish/price-publisher.ts'
import { FakeClock } from '../../fakes/fake-clock.ts'
import { instrument } from '../fixtures.ts'

/** A memory with a live BTC, and all that the cache is told. */
function start(of: Partial<Instrument> = {}) {
  const clock = new FakeClock()
  const memory = new MemoryTier()
  const stream = memory.prepare({ ...instrument('BTC'), ...of })
  memory.adopt(stream)
  stream.live = true
  const told: object[] = []
  const cache = {
    set: (key: CacheKey<unknown>, value: unknown) => told.push({ at: clock.now(), name: key.name, value }),
  }
  const turns: boolean[] = []
  const onStale = () => turns.push(stream.stale)
  const publisher = new PricePublisher({ memory, cache, keys: new CacheKeys(), onStale, clock })
  let id = 0
  const trade = (price: number, backfilled = false) => {
    id += 1
    const fields = { symbol: 'BTC', id, prev: null, size: 1, side: 'buy', trades: 1 } as const
    stream.append({ ...fields, price, time: clock.now(), received: clock.now(), backfilled })
    publisher.touch(stream)
  }
  return { clock, memory, stream, told, turns, publisher, trade }
}

describe('the newest price in the cache', () => {
  it('is written once for all ticks of a moment, the newest of them', async () => {
    const { clock, told, trade } = start()
    for (const price of [1, 2, 3]) trade(price)
    expect(told).toEqual([])
    await clock.advance(50)
    const value = { symbol: 'BTC', id: 3, price: 3, time: 0, stale: false }
    expect(told).toEqual([{ at: 25, name: 'price:crypto:BTC', value }])
    await clock.advance(500)
    expect(told).toHaveLength(1)
  })

  it('of a quiet stream that runs live is renewed before the life of its key is over', async () => {
    const { clock, told, trade, memory } = start()
    trade(1)
    for (let pong = 0; pong < 6; pong += 1) {
      memory.heard('binance', clock.now())
      await clock.advance(20_000)
    }
    const times = told.map((each) => (each as { at: number }).at)
    for (const [index, at] of times.entries()) expect(at - (times[index - 1] ?? 0)).toBeLessThan(30_000)
    expect(times.at(-1)).toBeGreaterThan(95_000)
    expect(told.every((each) => !(each as { value: { stale: boolean } }).value.stale)).toBe(true)
  })

  it('is stale when its stream has not run live for the life of the key, and no more when it does', async () => {
    const { clock, memory, stream, told, trade } = start()
    trade(1)
    await clock.advance(4_000)
    memory.heard('binance', clock.now())
    await clock.advance(1_000)
    stream.live = false
    await clock.advance(28_000)
    expect(stream.stale).toBe(false)
    await clock.advance(3_000)
    expect(stream.stale).toBe(true)
    expect(told.at(-1)).toMatchObject({ value: { stale: true } })
    memory.heard('binance', clock.now())
    stream.live = true
    await clock.advance(1_000)
    expect(told.at(-1)).toMatchObject({ value: { stale: false } })
  })

  it('is stale when its source has not been heard for the life of the key, be it that its line seems to be open', async () => {
    const { clock, stream, told, trade } = start()
    trade(1)
    await clock.advance(29_000)
    expect(stream.stale).toBe(false)
    await clock.advance(2_000)
    expect([stream.live, stream.stale]).toEqual([true, true])
    expect(told.at(-1)).toMatchObject({ value: { stale: true } })
    trade(2)
    await clock.advance(50)
    expect(told.at(-1)).toMatchObject({ value: { id: 2, stale: false } })
  })

  it('of a closed market is confirmed by what its source says of it, and by nothing that it says of others', async () => {
    const { clock, memory, stream, turns, told, trade } = start({ source: 'yahoo', assetClass: 'stock' })
    const day = { previousClose: undefined, high: undefined, low: undefined, volume: undefined }
    trade(1)
    for (let poll = 0; poll < 40; poll += 1) {
      stream.sayMarket({ market: 'CLOSED', delayMs: 0, day }, clock.now())
      memory.heard('yahoo', clock.now())
      await clock.advance(5_000)
    }
    expect(turns).toEqual([])
    expect(told.at(-1)).toMatchObject({ name: 'price:stock:BTC', value: { stale: false, market: 'CLOSED' } })
    for (let poll = 0; poll < 8; poll += 1) {
      memory.heard('yahoo', clock.now())
      await clock.advance(5_000)
    }
    expect(turns).toEqual([true])
    stream.sayMarket({ market: 'CLOSED', delayMs: 0, day }, clock.now())
    await clock.advance(1_000)
    expect(turns).toEqual([true, false])
  })

  it('of a series lives through two polls that were missed, and no longer', async () => {
    const { clock, memory, turns, trade } = start({ source: 'fred', assetClass: 'macro' })
    trade(1)
    for (let poll = 0; poll < 10; poll += 1) {
      memory.heard('fred', clock.now())
      await clock.advance(120_000)
    }
    expect(turns).toEqual([])
    await clock.advance(178_000)
    expect(turns).toEqual([])
    await clock.advance(3_000)
    expect(turns).toEqual([true])
  })

  it('is not confirmed by trades that are only caught up with', async () => {
    const { clock, stream, told, trade } = start()
    trade(1)
    await clock.advance(1_000)
    stream.live = false
    await clock.advance(40_000)
    trade(2, true)
    await clock.advance(50)
    expect(told.at(-1)).toMatchObject({ value: { id: 2, stale: true } })
  })

  it('is not told of a stream that was only read back', async () => {
    const { clock, stream, told } = start()
    stream.live = false
    const fields = { symbol: 'BTC', id: 7, prev: null, size: 1, side: 'buy', trades: 1 } as const
    stream.restore([{ ...fields, price: 1, time: 0, received: 0, backfilled: false }])
    await clock.advance(60_000)
    expect([told, stream.stale]).toEqual([[], true])
  })

  it('is written, and kept, of a stream that was read back and runs live, however quiet it is', async () => {
    const { clock, stream, told } = start()
    stream.live = false
    const fields = { symbol: 'BTC', id: 7, prev: null, size: 1, side: 'buy', trades: 1 } as const
    stream.restore([{ ...fields, price: 1, time: 0, received: 0, backfilled: false }])
    await clock.advance(5_000)
    stream.live = true
    await clock.advance(1_000)
    const value = { symbol: 'BTC', id: 7, price: 1, time: 0, stale: false }
    expect(told).toEqual([{ at: 6_000, name: 'price:crypto:BTC', value }])
    await clock.advance(60_000)
    expect(told.length).toBeGreaterThan(3)
  })

  it('costs nothing any more when it is closed', async () => {
    const { clock, publisher, trade } = start()
    trade(1)
    publisher.close()
    expect(clock.set).toBe(0)
  })
})
