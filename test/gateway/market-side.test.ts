import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/base/errors.ts'
import { createMarketSide } from '../../src/gateway/market-side.ts'
import type { PriceAnswer } from '../../src/http/price.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import { CacheManager } from '../../src/tiers/cache/cache-manager.ts'
import { decodeValue, encodeValue } from '../../src/tiers/cache/value-codec.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import { NO_REDIS } from '../../src/tiers/redis/redis-tier.ts'
import { keys } from '../fakes/held-cache.ts'
import { instrument, NOON, update } from '../tiers/fixtures.ts'
import { observed, series } from '../tiers/observations.ts'

const NVDA: Instrument = { ...instrument('NVDA', 'NVDA'), source: 'yahoo', assetClass: 'stock' }
const FEEDS = [
  { assetClass: 'crypto', symbols: [instrument('BTC'), instrument('ETH')] },
  { assetClass: 'stock', symbols: [NVDA] },
  { assetClass: 'macro', symbols: [series('GDP')] },
] as const

function start() {
  const time = { ms: NOON + 10_000 }
  const clock = { now: () => time.ms, after: () => () => undefined }
  const memory = new MemoryTier()
  const cache = new CacheManager({ redis: NO_REDIS, maxBytes: 2 ** 20, readOrder: 'memory-first', clock })
  const asked: string[] = []
  const stored = new Map<string, PriceAnswer>()
  let isAway = false
  const prices = {
    async price(symbol: string) {
      asked.push(symbol)
      if (isAway) throw new GatewayError('tier_unavailable', 'the database is away')
      return stored.get(symbol)
    },
  }
  for (const { symbols } of FEEDS) for (const { symbol } of symbols) memory.await(symbol)
  const side = createMarketSide({ memory, feeds: FEEDS, prices, cacheSide: { cache, keys, clock } })
  const appear = (of: Instrument) => {
    const stream = memory.prepare(of)
    // Nothing is older than its first tick.
    stream.firstTraded = NOON
    stream.warm = true
    memory.adopt(stream)
    return stream
  }
  const away = () => {
    isAway = true
  }
  return { time, memory, cache, asked, stored, side, appear, away }
}

/** A gateway whose sources have all answered. */
function answered() {
  const all = start()
  const btc = all.appear(instrument('BTC'))
  btc.append(update(1, { price: 100, size: 1, time: NOON }))
  btc.append(update(2, { price: 80, size: 2, time: NOON + 1_000 }))
  btc.append(update(3, { price: 90, size: 3, time: NOON + 2_000 }))
  all.memory.answered('ETH')
  const nvda = all.appear(NVDA)
  nvda.append(update(7, { symbol: 'NVDA', price: 187.2, time: NOON }))
  const day = { previousClose: 180, high: 190, low: undefined, volume: 1_000 }
  nvda.sayMarket({ market: 'CLOSED', delayMs: 900_000, day }, NOON)
  const gdp = all.appear(series('GDP'))
  gdp.append(observed(1, '2023-10-01', '2024-01-25', { price: 27_938.831 }))
  gdp.append(observed(2, '2024-01-01', '2024-04-25', { price: 28_284.498 }))
  return { ...all, btc, gdp }
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('the summary of a market', () => {
  it('has a row an instrument that has a price, in the order of the configuration', async () => {
    const { side, gdp } = answered()
    const { rows, tier, ageMs } = await side.market('all')
    expect([tier, ageMs]).toEqual(['memory', 0])
    expect(plain(rows)).toEqual([
      {
        ...{ symbol: 'BTC', assetClass: 'crypto', price: 90, change: -10, changePercent: -10 },
        ...{ high24h: 100, low24h: 80, volume24h: 6, time: NOON + 2_000, stale: false },
      },
      {
        ...{ symbol: 'NVDA', assetClass: 'stock', price: 187.2, change: 7.2, changePercent: 4 },
        ...{ high24h: 190, volume24h: 1_000, time: NOON, stale: false, market: 'CLOSED', delay: 900_000 },
      },
      {
        ...{ symbol: 'GDP', assetClass: 'macro', price: 28_284.498, change: 345.667, changePercent: 1.2372 },
        ...{ time: gdp.latest?.time, stale: false, period: '2024-01-01', vintage: '2024-04-25' },
      },
    ])
  })

  it.each([
    ['crypto', ['BTC']],
    ['stock', ['NVDA']],
    ['macro', ['GDP']],
  ] as const)('of %s has no other', async (scope, symbols) => {
    const { side } = answered()
    expect((await side.market(scope)).rows.map(({ symbol }) => symbol)).toEqual(symbols)
  })

  it('is never behind the stream, whatever is cached', async () => {
    const { side, btc, cache } = answered()
    await side.market('crypto')
    cache.set(keys.market('crypto'), { rows: [] })
    for (let id = 4; id < 10; id += 1) {
      btc.append(update(id, { price: id, time: NOON + id * 1_000 }))
      expect((await side.market('crypto')).rows[0]?.price).toBe(id)
    }
  })

  it('is written for others as it is read back, at most every five seconds', async () => {
    const { side, btc, cache, time } = answered()
    const { rows } = await side.market('all')
    const kept = () => decodeValue(keys.market('all'), cache.peek('market:all')?.text ?? '')?.rows
    expect(kept()).toEqual(plain(rows))
    btc.append(update(4, { price: 95, time: NOON + 4_000 }))
    time.ms += 4_900
    await side.market('all')
    expect(kept()?.[0]?.price).toBe(90)
    time.ms += 200
    await side.market('all')
    expect(kept()?.[0]?.price).toBe(95)
  })

  it('is of another shape under its key: a miss', () => {
    const text = encodeValue({ rows: [{ symbol: 'BTC', price: 1 }] })
    expect(decodeValue(keys.market('all'), text)).toBeUndefined()
  })
})

describe('the summary of a market whose sources have not all answered', () => {
  const STORED: PriceAnswer = {
    value: { symbol: 'BTC', id: 7, price: 70, time: 5, stale: true },
    tier: 'database',
    ageMs: 0,
  }

  it('has what is stored of the others, as stale, loaded once', async () => {
    const { side, stored, asked, appear, time } = start()
    stored.set('BTC', STORED)
    appear(NVDA).append(update(7, { symbol: 'NVDA', price: 187.2, time: NOON }))
    const first = await side.market('all')
    expect(first.tier).toBe('database')
    expect(first.rows.map(({ symbol, price, stale }) => [symbol, price, stale])).toEqual([
      ['BTC', 70, true],
      ['NVDA', 187.2, false],
    ])
    time.ms += 3_000
    const second = await side.market('all')
    expect([second.tier, second.ageMs]).toEqual(['memory', 3_000])
    expect(asked.sort()).toEqual(['BTC', 'ETH', 'GDP'])
  })

  it('has the stream of one that has answered meanwhile, in place of what is cached', async () => {
    const { side, stored, appear } = start()
    stored.set('BTC', STORED)
    await side.market('crypto')
    appear(instrument('BTC')).append(update(9, { price: 99 }))
    expect((await side.market('crypto')).rows).toMatchObject([{ symbol: 'BTC', price: 99, stale: false }])
  })

  it('has what is stored of one whose stream has begun without it', async () => {
    const { side, stored, appear } = start()
    stored.set('BTC', STORED)
    const stream = appear(instrument('BTC'))
    expect((await side.market('crypto')).rows).toMatchObject([{ symbol: 'BTC', price: 70, stale: true }])
    stream.append(update(9, { price: 99 }))
    expect((await side.market('crypto')).rows).toMatchObject([{ symbol: 'BTC', price: 99, stale: false }])
  })

  it('has what there is while the database is away, and is unavailable only where there is nothing', async () => {
    const { side, appear, away } = start()
    away()
    await expect(side.market('all')).rejects.toMatchObject({ code: 'tier_unavailable' })
    appear(NVDA).append(update(7, { symbol: 'NVDA', price: 187.2, time: NOON }))
    expect((await side.market('all')).rows).toMatchObject([{ symbol: 'NVDA' }])
  })
})
