import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { createChartSide } from '../../src/gateway/chart-side.ts'
import { TIMEFRAME_MS } from '../../src/market/timeframe.ts'
import { CacheKeys } from '../../src/tiers/cache/cache-keys.ts'
import { CacheManager } from '../../src/tiers/cache/cache-manager.ts'
import { CandleRows } from '../../src/tiers/cache/candle-rows.ts'
import { NO_REDIS } from '../../src/tiers/redis/redis-tier.ts'
import { BTC, ExchangeFeed } from '../fakes/exchange-feed.ts'
import { startSide } from '../fakes/ingest-side.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const START = Date.UTC(2026, 8, 1)
const MINUTE = TIMEFRAME_MS['1m']
const KEYS = new CacheKeys()
const KEY = KEYS.chart('BTC', '1m')

/** An exchange on which `minutes` minutes had a trade, every `everyMinutes`th, and the charts of a gateway on it. */
async function chartsOf(minutes: number, everyMinutes: number) {
  const feed = new ExchangeFeed(START)
  for (let count = 0; count < minutes; count++) feed.trade(everyMinutes * MINUTE)
  const limited = feed.candles.bind(feed)
  // Its limit counts quiet buckets too, as Binance's does.
  feed.candles = async (instrument, timeframe, range = { limit: 1_000 }) => {
    const from = (range.before ?? feed.time) - range.limit * TIMEFRAME_MS[timeframe]
    return (await limited(instrument, timeframe, range)).filter(({ time }) => time >= from)
  }
  const database = new MemoryDatabase()
  const side = startSide(feed, database)
  await side.caughtUp()
  const now = () => feed.time
  const clock = { ...systemClock, now }
  const cache = new CacheManager({ redis: NO_REDIS, maxBytes: 1e8, readOrder: 'memory-first', clock })
  onTestFinished(() => cache.close())
  const parts = { memory: side.memory, database, feeds: [feed], cacheSide: { cache, keys: KEYS } }
  const charts = createChartSide({ ...parts, log: createLogRecorder(), now })
  const times = async () => (await limited(BTC, '1m', { limit: 1e9 })).map(({ time }) => time)
  const ask = (limit = 500) => charts.chart('BTC', '1m', { limit })
  return { feed, side, cache, database, charts, ask, times }
}

const timesOf = ({ candles }: { readonly candles: readonly (readonly number[])[] }) => candles.map(([time]) => time)

describe('the newest candles of a chart', () => {
  it('are memory’s where it has enough of them, and are written for others', async () => {
    const { ask, times, cache, side } = await chartsOf(900, 1)
    const chart = await ask()
    expect(chart).toMatchObject({ tier: 'memory', ageMs: 0, isWhole: true, cursor: side.stream().cursor })
    expect(timesOf(chart)).toEqual((await times()).slice(-500))
    expect((await cache.get(KEY))?.value).toEqual({ cursor: chart.cursor, candles: CandleRows.of(chart.candles) })
    expect(timesOf(await ask(3))).toEqual((await times()).slice(-3))
  })

  it('are memory’s where there are no others, however few, and nobody else is asked', async () => {
    const { charts, cache, side, database, feed } = await chartsOf(200, 60)
    const ask = () => charts.chart('BTC', '1D', { limit: 500 })
    await ask()
    feed.trade(10_000)
    await side.caughtUp()
    database.candlesIn = () => Promise.reject(new Error('nobody asks'))
    const chart = await ask()
    expect(chart).toMatchObject({ tier: 'memory', ageMs: 0, isWhole: true, cursor: side.stream().cursor, next: null })
    expect(chart.candles.length).toBe(9)
    expect((await cache.get(KEYS.chart('BTC', '1D')))?.value).toEqual({
      cursor: chart.cursor,
      candles: CandleRows.of(chart.candles),
    })
  })

  it('come from the cache where memory has too few, and are never behind live', async () => {
    const { ask, times, feed, side } = await chartsOf(900, 7)
    const first = await ask()
    expect(first).toMatchObject({ tier: 'database', isWhole: true })
    expect(timesOf(first)).toEqual((await times()).slice(-500))
    feed.trade(90_000)
    await side.caughtUp()
    const later = await ask()
    expect(later).toMatchObject({ tier: 'memory', cursor: side.stream().cursor })
    expect(later.ageMs).toBe(90_000)
    expect(timesOf(later)).toEqual((await times()).slice(-500))
  })

  it('are read anew where the cache’s end before memory’s begin', async () => {
    const { ask, times, cache, feed } = await chartsOf(900, 7)
    const old = (await times()).slice(0, 500)
    const candles = old.map((time) => [time, 1, 1, 1, 1, 1] as const)
    cache.set(KEY, { cursor: 500, candles: CandleRows.of(candles) })
    expect(feed.past.length).toBe(900)
    const chart = await ask()
    expect(chart).toMatchObject({ tier: 'database', isWhole: true })
    expect(timesOf(chart)).toEqual((await times()).slice(-500))
  })

  it('are as they were mended behind memory’s, also where the cache has older ones', async () => {
    const { ask, side, database } = await chartsOf(900, 7)
    const [time] = timesOf(await ask())
    const rows = await database.candlesIn(BTC, '1m', { from: time!, to: time! + MINUTE }, 1)
    const candle = { ...rows[0]!, high: 12_345, revision: rows[0]!.revision + 1 }
    const mended = [{ instrument: BTC, timeframe: '1m', candle } as const]
    await database.write({ ticks: [], candles: mended, gaps: [] })
    side.memory.candlesStored(mended, false)
    const [first] = (await ask()).candles
    expect(first?.slice(0, 3)).toEqual([time, candle.open, 12_345])
  })

  it('that are not all there are not kept in the cache', async () => {
    const { ask, cache, feed } = await chartsOf(900, 7)
    feed.candles = () => new Promise(() => {})
    const chart = await ask()
    expect(chart.isWhole).toBe(false)
    expect(await cache.get(KEY)).toBeUndefined()
  }, 20_000)
})
