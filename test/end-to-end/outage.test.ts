import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { startBinanceSimulator } from '../../src/simulate/binance.ts'
import { Program } from '../fakes/program.ts'
import { describeWithProgram } from '../servers/describe.ts'
import { freePort } from '../servers/launch.ts'
import { postgresqlBinaries, startPostgresql } from '../servers/postgresql.ts'

const open: (() => unknown)[] = []

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

interface Ticks {
  readonly ticks: readonly { readonly id: number; readonly prev: number | null; readonly time: number }[]
}

describeWithProgram('a gateway whose PostgreSQL is away', postgresqlBinaries(process.env), (binaries) => {
  /** A gateway on an exchange and a server of its own, and questions to it. */
  async function start(rate = 1_000) {
    const postgresql = await startPostgresql(binaries)
    open.push(() => postgresql.stop())
    let ahead = 0
    const now = () => Date.now() + ahead
    const simulator = await startBinanceSimulator({ rate, past: false, weightLimit: Number.POSITIVE_INFINITY, now })
    open.push(() => simulator.close())
    const directory = await mkdtemp(join(tmpdir(), 'tickgate outage '))
    open.push(() => rm(directory, { recursive: true, force: true }))
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const env = {
      ...{ PORT: String(port), DATA_DIR: directory, DATABASE_URL: postgresql.url, LOG_LEVEL: 'info' },
      ...{ CRYPTO_SYMBOLS: 'BTC', STOCK_SYMBOLS: '', MACRO_SERIES: '', HOLD_BACK_MS: '60000' },
      ...{ BINANCE_STREAM_URL: simulator.streamUrl, BINANCE_REST_URL: simulator.restUrl },
    }
    const run = async () => {
      const gateway = new Program(['serve'], env)
      open.push(() => gateway.kill())
      await gateway.until(({ err }) => err.includes('"msg":"ready"'), 30_000)
      return gateway
    }
    const get = async (path: string) => {
      const response = await fetch(`${url}${path}`)
      return { status: response.status, body: await response.json() }
    }
    const cursor = async (): Promise<number> => (await get('/api/v1/instruments')).body.instruments[0].cursor
    /** Resolves when the stream has come so far. */
    const comesTo = (id: number) => expect.poll(cursor, { timeout: 60_000, interval: 100 }).toBeGreaterThan(id)
    /** The exchange goes on for so long in a moment. */
    const trade = (ms: number) => {
      ahead += ms
    }
    return { postgresql, env, url, run, get, cursor, comesTo, trade }
  }

  /** The ids and their links are those of one stream without a break. */
  function expectUnbroken(ticks: Ticks['ticks'], after: number): void {
    expect(ticks.length).toBeGreaterThan(0)
    for (const [index, { id, prev }] of ticks.entries()) expect([prev, id]).toEqual([after + index, after + index + 1])
  }

  it('answers from what waits on disk, also after kill -9, and joins what is stored when it is back', {
    timeout: 180_000,
  }, async () => {
    const { postgresql, env, url, run, get, cursor, comesTo } = await start()
    const first = await run()
    const begin = await cursor()
    await comesTo(begin + 2_000)

    await postgresql.halt('SIGQUIT')
    const lost = await cursor()
    await comesTo(lost + 5_000)
    expect((await get('/readyz')).status, 'an outage in the middle does not change it').toBe(200)
    await first.kill('SIGKILL')
    const second = await run()
    const joined = await cursor()
    await comesTo(joined + 1_000)

    const readiness = await get('/readyz')
    expect(readiness).toMatchObject({ status: 503, body: { reasons: [expect.stringContaining('ECONNREFUSED')] } })
    // Memory has the newest thousand of what waited: what is older is read from the disk.
    const after = lost + 500
    const { body } = await get(`/api/v1/ticks/BTC?after=${after}&limit=1000`)
    expectUnbroken((body as Ticks).ticks, after)
    const resumed = new Program(['tail', 'BTC', '--after', String(after), '--url', url])
    open.push(() => resumed.kill())
    await resumed.until(({ lines }) => lines.length >= 5_000, 60_000)
    expectUnbroken(
      resumed.lines.map((line) => JSON.parse(line)),
      after,
    )
    const { time } = (body as Ticks).ticks[100]!
    const replayed = new Program([
      'tail',
      'BTC',
      '--from',
      new Date(time).toISOString(),
      '--speed',
      'max',
      '--url',
      url,
    ])
    open.push(() => replayed.kill())
    await replayed.until(({ lines }) => lines.length >= 3_000, 60_000)
    const ids = replayed.lines.map((line): number => JSON.parse(line).id)
    expect(ids).toEqual(ids.map((_, index) => ids[0]! + index))
    expect(ids[0]).toBeLessThanOrEqual((body as Ticks).ticks[100]!.id)

    expect((await get(`/api/v1/ticks/BTC?after=${begin}`)).status, 'from before the outage').toBe(503)
    const verify = new Program(['verify', 'BTC'], env)
    expect(await verify.ended).not.toBe(0)
    expect(verify.err).toMatch(/the database must be reached first/)

    await postgresql.revive()
    await expect.poll(async () => (await get('/readyz')).status, { timeout: 30_000 }).toBe(200)
    const asked = async () => (await get(`/api/v1/ticks/BTC?after=${begin}&limit=1000`)).status
    await expect.poll(asked, { timeout: 30_000 }).toBe(200)
    expectUnbroken((await get(`/api/v1/ticks/BTC?after=${lost - 200}&limit=1000`)).body.ticks, lost - 200)
    const checked = new Program(['verify', 'BTC'], env)
    expect(await checked.ended, checked.out).toBe(0)
    await second.kill('SIGTERM')
  })

  it('finds the hole between what was stored and the start without it, tells it and fills it', {
    timeout: 120_000,
  }, async () => {
    const { postgresql, env, run, get, cursor, comesTo, trade } = await start(100)
    const first = await run()
    const begin = await cursor()
    await comesTo(begin + 200)
    await first.kill('SIGTERM')
    const stored = begin + 200
    // A start without a database takes the trades of the running minute: what came before that is missing.
    trade(150_000)

    await postgresql.halt('SIGQUIT')
    const second = await run()
    expect(await cursor()).toBeGreaterThan(stored)
    expect((await get(`/api/v1/ticks/BTC?after=${stored}`)).status).toBe(503)
    await postgresql.revive()
    const filled = async () => (await get('/api/v1/gaps')).body.gaps?.map(({ status }: { status: string }) => status)
    await expect.poll(filled, { timeout: 60_000 }).toEqual(['filled'])
    expectUnbroken((await get(`/api/v1/ticks/BTC?after=${stored}&limit=1000`)).body.ticks, stored)
    const checked = new Program(['verify', 'BTC', '--source'], env)
    expect(await checked.ended, checked.out).toBe(0)
    await second.kill('SIGTERM')
  })

  it('does not start where the server refuses it', { timeout: 60_000 }, async () => {
    const { postgresql, env } = await start()
    const refused = new URL(postgresql.url)
    refused.pathname = '/no_such_database'
    const gateway = new Program(['serve'], { ...env, DATABASE_URL: refused.href })
    expect(await gateway.ended).toBe(1)
    expect(gateway.err).toContain('the database must let the gateway in')
  })
})
