import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { createTally } from '../../src/base/tally.ts'
import { createHttpServer, type HttpServer } from '../../src/http/server.ts'
import type { HubStats } from '../../src/hub/hub.ts'
import { createExposition } from '../../src/metrics/exposition.ts'
import type { FeedHealth } from '../../src/metrics/feed-metrics.ts'
import { buildMetrics, gatewayMetrics } from '../../src/metrics/gateway-metrics.ts'
import type { DatabaseStatus } from '../../src/tiers/database/database-status.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import { NO_REDIS } from '../../src/tiers/redis/redis-tier.ts'
import { createDatabaseWriter } from '../../src/tiers/writer/writer.ts'
import { bareHttp } from '../fakes/bare-http.ts'
import { heldCache, priceKey, priceOf } from '../fakes/held-cache.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'
import { BTC, NOON, update } from '../tiers/fixtures.ts'
import { lint, readScrape, seriesOf } from './scraped.ts'

const open: HttpServer[] = []
afterEach(async () => {
  for (const http of open.splice(0)) await http.close()
})

const quiet: HubStats = { sessions: 0, subscriptions: 0, framesSent: 0, closesByCode: {} }

/** Everything that is counted, with nothing behind it that takes time, and what a scrape of it says. */
async function subject(symbols = 1) {
  const memory = new MemoryTier()
  for (let index = 0; index < symbols; index += 1) {
    const stream = memory.prepare({ ...BTC, symbol: `S${index}` })
    stream.append(update(1))
    memory.adopt(stream)
  }
  const tally = () => createTally(() => undefined, Date.now)
  const health: FeedHealth = { state: 'live', restarts: 2 }
  const feed = { ticks: 0, gaps: 0, doubles: tally(), skipped: tally() }
  const writer = createDatabaseWriter({ database: new MemoryDatabase(), flushMs: 60_000 })
  const parts = {
    ...{ memory, writer, feeds: new Map([['binance', feed]]) },
    statuses: { feeds: new Map([['binance', health]]) },
    hub: { stats: quiet },
    cache: heldCache().cache,
    redis: NO_REDIS,
    database: {
      status: { kind: 'postgresql', state: 'open', since: NOON } as DatabaseStatus,
      spool: { stats: { bytes: 0, ticks: 0, candles: 0, dropped: 0, droppedCandles: 0 } },
      deadLetters: 0,
    },
  }
  const all = [...buildMetrics(), ...gatewayMetrics(parts)]
  const metrics = createExposition()
  metrics.add(all)
  const http = await createHttpServer({ ...bareHttp(), metrics })
  open.push(http)
  const ask = () => fetch(`${http.url}/metrics`)
  return { ...parts, feed, all, metrics, ask, scrape: async () => readScrape(await (await ask()).text()) }
}

describe('/metrics', () => {
  it('is text that Prometheus reads, as of this moment', async () => {
    const { ask } = await subject()
    const answer = await ask()
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(seriesOf(readScrape(await answer.text()), 'process_start_time_seconds')).toBeGreaterThan(1e9)
  })

  it('keeps the conventions for names, types and units, and explains everything', async () => {
    const { scrape } = await subject()
    const metrics = await scrape()
    expect(metrics.size).toBeGreaterThan(40)
    expect([...metrics.values()].flatMap(lint)).toEqual([])
  })

  it('has no more series for 500 symbols than for one', async () => {
    const allSeries = async (symbols: number) => {
      const metrics = await (await subject(symbols)).scrape()
      return [...metrics.values()].filter(({ name }) => name.startsWith('tickgate_')).flatMap(({ samples }) => samples)
    }
    expect(await allSeries(500)).toHaveLength((await allSeries(1)).length)
  })

  it('tells what came of the feeds', async () => {
    const { feed, memory, scrape } = await subject()
    feed.ticks += 3
    feed.gaps += 1
    feed.doubles.count('BTC 7')
    feed.skipped.count('no trade')
    memory.stream('S0')!.append(update(2, { received: NOON + 1_500 }))
    memory.stream('S0')!.sayGap({ from: 3, to: 5, status: 'open', reason: undefined })
    memory.await('ETH')
    memory.heard('binance', NOON + 9_000)
    const metrics = await scrape()
    const binance = { feed: 'binance' }
    expect(seriesOf(metrics, 'tickgate_feed_state', { ...binance, state: 'live' })).toBe(1)
    expect(seriesOf(metrics, 'tickgate_feed_state', { ...binance, state: 'down' })).toBe(0)
    expect(seriesOf(metrics, 'tickgate_feed_restarts_total', binance)).toBe(2)
    expect(seriesOf(metrics, 'tickgate_feed_last_heard_timestamp_seconds', binance)).toBe((NOON + 9_000) / 1_000)
    expect(seriesOf(metrics, 'tickgate_feed_ticks_total', binance)).toBe(3)
    expect(seriesOf(metrics, 'tickgate_feed_gaps_total', binance)).toBe(1)
    expect(seriesOf(metrics, 'tickgate_feed_double_ticks_total', binance)).toBe(1)
    expect(seriesOf(metrics, 'tickgate_feed_skipped_messages_total', binance)).toBe(1)
    expect(seriesOf(metrics, 'tickgate_feed_last_tick_timestamp_seconds', binance)).toBe((NOON + 1_500) / 1_000)
    expect(seriesOf(metrics, 'tickgate_streams', { state: 'waiting' })).toBe(1)
    expect(seriesOf(metrics, 'tickgate_streams', { state: 'awaited' })).toBe(1)
    expect(seriesOf(metrics, 'tickgate_stream_gaps', { status: 'open' })).toBe(1)
    expect(seriesOf(metrics, 'tickgate_memory_ticks')).toBe(2)
  })

  it('tells what was written: each batch in its bucket and all above', async () => {
    const { writer, scrape } = await subject()
    for (let id = 1; id <= 12; id += 1) writer.tick(BTC, update(id))
    expect(seriesOf(await scrape(), 'tickgate_writer_queue_rows')).toBe(12)
    await writer.flush()
    const metrics = await scrape()
    expect(seriesOf(metrics, 'tickgate_writer_queue_rows')).toBe(0)
    expect(seriesOf(metrics, 'tickgate_writer_rows_total')).toBe(12)
    const bucket = (le: string) => seriesOf(metrics, 'tickgate_writer_batch_rows_bucket', { le })
    expect([bucket('10'), bucket('50'), bucket('50000'), bucket('+Inf')]).toEqual([0, 1, 1, 1])
    expect(seriesOf(metrics, 'tickgate_writer_batch_rows_sum')).toBe(12)
    expect(seriesOf(metrics, 'tickgate_writer_flush_duration_seconds_count')).toBe(1)
  })

  it('tells what the cache did, per tier and kind of key, with a time for one read of memory in 64', async () => {
    const { cache, scrape } = await subject()
    const key = priceKey('BTC')
    await cache.getOrLoad(key, async () => priceOf('BTC'))
    for (let turn = 0; turn < 640; turn += 1) await cache.get(key)
    await cache.getOrLoad(priceKey('ETH'), () => Promise.reject(new Error('away'))).catch(() => undefined)
    const metrics = await scrape()
    const price = { kind: 'price' }
    const memory = { tier: 'memory', kind: 'price' }
    expect(seriesOf(metrics, 'tickgate_cache_hits_total', memory)).toBe(640)
    expect(seriesOf(metrics, 'tickgate_cache_misses_total', memory)).toBe(2)
    expect(seriesOf(metrics, 'tickgate_cache_hits_total', { ...memory, kind: 'chart' })).toBe(0)
    expect(seriesOf(metrics, 'tickgate_cache_loads_total', price)).toBe(2)
    expect(seriesOf(metrics, 'tickgate_cache_load_failures_total', price)).toBe(1)
    expect(seriesOf(metrics, 'tickgate_cache_entries', price)).toBe(1)
    expect(seriesOf(metrics, 'tickgate_cache_bytes', price)).toBeGreaterThan(50)
    expect(seriesOf(metrics, 'tickgate_cache_max_bytes')).toBe(2 ** 20)
    expect(seriesOf(metrics, 'tickgate_cache_read_duration_seconds_count', memory)).toBe(10)
    const loads = { tier: 'database', kind: 'price' }
    expect(seriesOf(metrics, 'tickgate_cache_read_duration_seconds_count', loads)).toBe(2)
  })

  it('has one state of each tier, and it is the present one', async () => {
    const { database, scrape } = await subject()
    const states = async (name: string) =>
      (await scrape())
        .get(name)
        ?.samples.filter(({ value }) => value === 1)
        .map(({ labels }) => labels.state)
    expect(await states('tickgate_redis_state')).toEqual(['off'])
    expect(await states('tickgate_database_state')).toEqual(['open'])
    database.status = { ...database.status, state: 'away' }
    expect(await states('tickgate_database_state')).toEqual(['away'])
  })

  it('tells what waits on disk, what left it, and what the database refused', async () => {
    const { database, scrape } = await subject()
    database.spool = { stats: { bytes: 4_096, ticks: 70, candles: 9, dropped: 2, droppedCandles: 4 } }
    database.deadLetters = 3
    const metrics = await scrape()
    expect(seriesOf(metrics, 'tickgate_spool_bytes')).toBe(4_096)
    expect(seriesOf(metrics, 'tickgate_spool_ticks')).toBe(70)
    expect(seriesOf(metrics, 'tickgate_spool_candles')).toBe(9)
    expect(seriesOf(metrics, 'tickgate_spool_dropped_ticks_total')).toBe(2)
    expect(seriesOf(metrics, 'tickgate_spool_dropped_candles_total')).toBe(4)
    expect(seriesOf(metrics, 'tickgate_dead_letters_total')).toBe(3)
  })

  it('has a series for each close code that means something, whatever codes clients make up', async () => {
    const { hub, scrape } = await subject()
    const madeUp = Object.fromEntries(Array.from({ length: 900 }, (_, index) => [3_000 + index, 1]))
    hub.stats = { sessions: 2, subscriptions: 5, framesSent: 70, closesByCode: { ...madeUp, 4008: 3, 1006: 4 } }
    const metrics = await scrape()
    expect(seriesOf(metrics, 'tickgate_hub_sessions')).toBe(2)
    expect(seriesOf(metrics, 'tickgate_hub_subscriptions')).toBe(5)
    expect(seriesOf(metrics, 'tickgate_hub_frames_total')).toBe(70)
    expect(seriesOf(metrics, 'tickgate_hub_closes_total', { code: '4008' })).toBe(3)
    expect(seriesOf(metrics, 'tickgate_hub_closes_total', { code: 'other' })).toBe(900)
    expect(metrics.get('tickgate_hub_closes_total')?.samples).toHaveLength(3)
  })

  it('costs less than 10 ms with 500 symbols', async () => {
    const { metrics } = await subject(500)
    await metrics.render()
    const times: number[] = []
    for (let turn = 0; turn < 20; turn += 1) {
      const before = performance.now()
      await metrics.render()
      times.push(performance.now() - before)
    }
    // The quickest: what the machine does beside it is not the gateway's cost.
    expect(Math.min(...times)).toBeLessThan(10)
  })
})

it('docs/METRICS.md has a row for every metric of the gateway, as it is exposed, and no document names another', async () => {
  const { all, scrape } = await subject()
  const exposed = [...(await scrape()).values()].filter(({ name }) => name.startsWith('tickgate_'))
  expect(exposed.map(({ name, type, help }) => [name, type, help])).toEqual(
    all.map(({ name, type, help }) => [name, type, help]),
  )
  const page = readFileSync(new URL('../../docs/METRICS.md', import.meta.url), 'utf8')
  const rows = all.map(({ name, type, labels, help }) => {
    return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`.replace(
      '|  |',
      '| |',
    )
  })
  expect(page.split('\n').filter((line) => line.startsWith('| `tickgate_'))).toEqual(rows)
  const known = new Set(all.map(({ name }) => name))
  const named = ['METRICS', 'ARCHITECTURE', 'PROTOCOL'].flatMap((name) => {
    const text = readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8')
    return text.match(/tickgate_[a-z_]+/g) ?? []
  })
  const unknown = named.filter((name) => !known.has(name) && !known.has(name.replace(/_(bucket|sum|count)$/, '')))
  expect(unknown).toEqual([])
})
