import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { startCacheSide } from '../../src/gateway/cache-side.ts'
import { CandleRows } from '../../src/tiers/cache/candle-rows.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'
import { describeWithProgram } from '../servers/describe.ts'
import type { LaunchedServer } from '../servers/launch.ts'
import { redisBinary, startRedis } from '../servers/redis.ts'
import { command, until } from '../tiers/redis/redis-under-test.ts'

const LOST = 'Redis unavailable, using memory fallback'

function start(env: Readonly<Record<string, string>>) {
  const log = createLogRecorder()
  return { side: startCacheSide({ config: loadConfig(env), log, now: Date.now }), lines: log.lines }
}

test('without Redis the cache is memory, and the log says so once', async () => {
  const { side, lines } = start({})
  const key = side.keys.chart('BTC', '1h')
  side.cache.set(key, { cursor: 1, candles: CandleRows.of([]) })
  expect(await side.cache.get(key)).toMatchObject({ tier: 'memory', value: { cursor: 1, candles: CandleRows.of([]) } })
  expect(side.redis.status.state).toBe('off')
  expect(lines).toEqual([{ level: 'info', message: LOST, fields: { reason: side.redis.status.reason } }])
  await side.close()
})

test('with a Redis that is away the cache is memory, the log says so once, and the end does not wait', async () => {
  const { side, lines } = start({ REDIS_HOST: '127.0.0.1', REDIS_PORT: '1', REDIS_PASSWORD: 'S3cret' })
  const key = side.keys.chart('BTC', '1h')
  side.cache.set(key, { cursor: 1, candles: CandleRows.of([]) })
  await until(() => side.redis.status.state === 'down')
  expect(await side.cache.get(key)).toMatchObject({ tier: 'memory' })
  expect(lines).toMatchObject([{ level: 'warn', message: LOST }])
  expect(JSON.stringify(lines)).not.toContain('S3cret')
  const startedAt = performance.now()
  await side.close()
  expect(performance.now() - startedAt).toBeLessThan(250)
})

describeWithProgram('With Redis the cache', redisBinary(process.env), (binary) => {
  let server: LaunchedServer

  beforeAll(async () => {
    server = await startRedis(binary)
  })
  afterAll(() => server.stop())

  test('keeps what it is told where a person can read it, and finds what another gateway told', async () => {
    const one = start({ REDIS_URL: server.url }).side
    const other = start({ REDIS_URL: server.url, CACHE_READ_ORDER: 'redis-first' }).side
    await until(() => one.redis.status.state === 'live' && other.redis.status.state === 'live')
    const key = one.keys.price({ assetClass: 'crypto', symbol: 'BTC' })
    const value = { symbol: 'BTC', id: 7, price: 97_000.5, time: 1_732_250_000_000, stale: false }
    one.cache.set(key, value)
    await until(() => command(server.url, 'GET', 'price:crypto:BTC'))
    expect(JSON.parse(String(await command(server.url, 'GET', 'price:crypto:BTC')))).toEqual({ v: 1, ...value })
    expect(await command(server.url, 'TTL', 'price:crypto:BTC')).toBeGreaterThan(25)
    expect(await other.cache.get(key)).toMatchObject({ tier: 'redis', value })
    await one.cache.delete(key)
    await until(async () => (await other.cache.get(key)) === undefined)
    await one.close()
    await other.close()
  })
})
