import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createBinanceFeed } from '../../feeds/binance.ts'
import { loadConfig } from '../../src/config.ts'
import { startGateway } from '../../src/gateway.ts'
import { startBinanceSimulator } from '../../src/simulate/binance.ts'
import { ConnectedClient } from '../fakes/connected-client.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'
import { lint, readScrape, seriesOf } from '../metrics/scraped.ts'
import { describeWithPostgres } from '../servers/describe.ts'
import { openFaultProxy } from '../servers/fault-proxy.ts'

const SECRET = 'do-not-tell-4711'

/** A gateway on a simulated exchange, with a secret wherever one can be set. */
async function startOn(databaseUrl: string) {
  const dataDir = await mkdtemp(join(tmpdir(), 'tickgate metrics '))
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }))
  const simulator = await startBinanceSimulator({ rate: 200 })
  onTestFinished(() => simulator.close())
  const { streamUrl, restUrl } = simulator
  const url = new URL(databaseUrl)
  url.password = SECRET
  const config = loadConfig({
    ...{ PORT: '0', CRYPTO_SYMBOLS: 'BTC', STOCK_SYMBOLS: '', MACRO_SERIES: '', DATA_DIR: dataDir },
    ...{ DATABASE_URL: url.href, FRED_API_KEY: SECRET, REDIS_URL: `redis://:${SECRET}@127.0.0.1:9` },
  })
  const feed = createBinanceFeed({ symbols: config.cryptoSymbols, streamUrl, restUrl })
  const gateway = await startGateway({ config, feeds: [feed], dashboardDirectory: dataDir, log: createLogRecorder() })
  onTestFinished(() => gateway.close())
  await gateway.ready
  return { gateway, simulator }
}

describeWithPostgres('the metrics of a running gateway', (database) => {
  it('grow with what happens in it, and hold no secret', { timeout: 60_000 }, async () => {
    const { gateway, simulator } = await startOn(database.url)
    const scrape = async () => {
      const text = await (await fetch(`${gateway.url}/metrics`)).text()
      expect(text).not.toContain(SECRET)
      return readScrape(text)
    }
    const before = await scrape()
    expect([...before.values()].flatMap(lint)).toEqual([])
    const grown = async (name: string, labels = {}) =>
      (seriesOf(await scrape(), name, labels) ?? 0) - (seriesOf(before, name, labels) ?? 0)
    const grows = (name: string, labels = {}) =>
      expect.poll(() => grown(name, labels), { timeout: 10_000 }).toBeGreaterThan(0)

    const client = await ConnectedClient.open(`${gateway.url.replace('http', 'ws')}/ws?symbols=BTC&channel=ticks`)
    await client.nextOfType('tick')
    simulator.inject('garbage')
    await grows('tickgate_feed_ticks_total', { feed: 'binance' })
    await grows('tickgate_feed_skipped_messages_total', { feed: 'binance' })
    await grows('tickgate_writer_rows_total')
    await grows('tickgate_writer_batch_rows_count')
    await grows('tickgate_writer_flush_duration_seconds_sum')
    await grows('tickgate_hub_frames_total')
    const during = await scrape()
    expect(seriesOf(during, 'tickgate_hub_sessions')).toBe(1)
    expect(seriesOf(during, 'tickgate_hub_subscriptions')).toBe(1)
    expect(seriesOf(during, 'tickgate_streams', { state: 'live' })).toBe(1)
    expect(seriesOf(during, 'tickgate_database_state', { state: 'open' })).toBe(1)
    expect(seriesOf(during, 'tickgate_feed_last_tick_timestamp_seconds', { feed: 'binance' })).toBeGreaterThan(
      Date.now() / 1_000 - 10,
    )
    // Nothing listens there: the gateway goes on without it, and says so.
    await expect.poll(async () => seriesOf(await scrape(), 'tickgate_redis_state', { state: 'down' })).toBe(1)
    const cache = await (await fetch(`${gateway.url}/api/v1/cache`)).text()
    expect(cache).not.toContain(SECRET)
    expect(JSON.parse(cache).tiers).toMatchObject({
      redis: { state: 'down', since: expect.any(Number), reason: expect.stringContaining('ECONNREFUSED') },
      database: { kind: 'postgresql', state: 'open' },
    })

    client.close()
    await grows('tickgate_hub_closes_total', { code: '1005' })
  })

  it('show a database that is away, what waits for it on disk, and that it is back', { timeout: 60_000 }, async () => {
    const proxy = await openFaultProxy(Number(new URL(database.url).port || 5_432))
    onTestFinished(() => proxy.close())
    const { gateway } = await startOn(proxy.through(database.url))
    const figure =
      (name: string, labels = {}) =>
      async () =>
        seriesOf(readScrape(await (await fetch(`${gateway.url}/metrics`)).text()), name, labels)
    const isAway = figure('tickgate_database_state', { state: 'away' })
    const waiting = figure('tickgate_spool_ticks')
    const tiers = async () => (await (await fetch(`${gateway.url}/api/v1/cache`)).json()).tiers
    const soon = { timeout: 15_000 }
    expect([await isAway(), await waiting()]).toEqual([0, 0])

    await proxy.set('refuse')
    await expect.poll(isAway, soon).toBe(1)
    await expect.poll(waiting, soon).toBeGreaterThan(100)
    expect(await figure('tickgate_spool_bytes')()).toBeGreaterThan(1_000)
    const away = await tiers()
    expect(away).toMatchObject({ database: { kind: 'postgresql', state: 'away', reason: expect.any(String) } })
    expect(away.spool.ticks).toBeGreaterThan(100)
    expect(JSON.stringify(away)).not.toContain(SECRET)

    await proxy.set('pass')
    await expect.poll(isAway, soon).toBe(0)
    await expect.poll(waiting, soon).toBe(0)
    expect(await tiers()).toMatchObject({ database: { state: 'open' }, spool: { dropped: 0 } })
  })
})
