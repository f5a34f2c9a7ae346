import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { startBinanceSimulator } from '../../src/simulate/binance.ts'
import { Program } from '../fakes/program.ts'
import { describeWithPostgres, describeWithProgram } from '../servers/describe.ts'
import { freePort } from '../servers/launch.ts'
import { redisBinary, startRedis } from '../servers/redis.ts'

const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

/** A gateway as a user runs it, which has answered with a chart. */
async function serve(settings: Readonly<Record<string, string>>) {
  const directory = await mkdtemp(join(tmpdir(), 'tickgate cache command '))
  open.push(() => rm(directory, { recursive: true, force: true }))
  const simulator = await startBinanceSimulator({ rate: 50, seed: 3 })
  open.push(() => simulator.close())
  const env = {
    ...{ PORT: String(await freePort()), DATA_DIR: join(directory, 'data'), LOG_LEVEL: 'warn' },
    ...{ CRYPTO_SYMBOLS: 'BTC', STOCK_SYMBOLS: '', MACRO_SERIES: '' },
    ...{ BINANCE_STREAM_URL: simulator.streamUrl, BINANCE_REST_URL: simulator.restUrl },
    ...settings,
  }
  const gateway = new Program(['serve'], env)
  open.push(() => gateway.kill())
  const isWhole = async () => {
    const answer = await fetch(`http://127.0.0.1:${env.PORT}/api/v1/chart/BTC?timeframe=1h`).catch(() => undefined)
    return answer?.ok && (await answer.json()).complete
  }
  await expect.poll(isWhole, { timeout: 30_000, interval: 200 }).toBe(true)
  // The first whole one may have been read past the cache, which keeps none that is not.
  await isWhole()
  const cache = async (...words: readonly string[]) => {
    const program = new Program(['cache', ...words], env)
    open.push(() => program.kill())
    return { code: await program.ended, lines: program.lines, err: program.err }
  }
  return { gateway, cache }
}

async function expectChart(cache: Awaited<ReturnType<typeof serve>>['cache']) {
  const listed = async () => (await cache('ls', 'chart:*', '--format', 'text')).lines
  await expect.poll(listed, { timeout: 10_000 }).toEqual(['chart:BTC:1h'])
  const got = await cache('get', 'chart:BTC:1h')
  expect(got.code, got.err).toBe(0)
  const value = JSON.parse(got.lines.join(''))
  expect(value).toMatchObject({ v: 1, cursor: expect.any(Number) })
  expect(value.candles.length).toBeGreaterThan(100)
  const { lines } = await cache('ttl', 'chart:BTC:1h')
  expect(Number(lines[0])).toSatisfy((seconds: number) => seconds > 400 && seconds <= 600)
  expect((await cache('get', 'chart:BTC:1D')).code).toBe(1)
}

describeWithPostgres('tickgate cache beside a running gateway', (database) => {
  it('shows what the gateway in DATA_DIR has in memory', { timeout: 120_000 }, async () => {
    const { cache, gateway } = await serve({ DATABASE_URL: database.url })
    await expectChart(cache)
    await gateway.kill('SIGTERM')
    const gone = await cache('ls')
    expect([gone.code, gone.err]).toEqual([2, expect.stringContaining('a gateway must run in DATA_DIR')])
  })

  describeWithProgram('and a Redis', redisBinary(process.env), (binary) => {
    it('shows what is in Redis, with the gateway and without it', { timeout: 120_000 }, async () => {
      const redis = await startRedis(binary)
      open.push(() => redis.stop())
      const { cache, gateway } = await serve({ DATABASE_URL: database.url, REDIS_URL: redis.url })
      await expectChart(cache)
      await gateway.kill('SIGTERM')
      await expectChart(cache)
      await redis.halt('SIGTERM')
      const gone = await cache('ls')
      expect([gone.code, gone.err]).toEqual([2, expect.stringContaining('Redis must answer')])
    })
  })
})
