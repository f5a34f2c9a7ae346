import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createGate } from '../../src/base/gate.ts'
import { startBinanceSimulator } from '../../src/simulate/binance.ts'
import type { ConnectionSource } from '../../src/tiers/database/connection.ts'
import { createEmbeddedSource } from '../../src/tiers/database/embedded.ts'
import { createPostgresqlSource } from '../../src/tiers/database/postgresql.ts'
import { startHttpSource } from '../fakes/http-source.ts'
import { Program } from '../fakes/program.ts'
import { describeWithPostgres } from '../servers/describe.ts'
import { freePort } from '../servers/launch.ts'

const MINUTE = 60_000
const open: (() => unknown)[] = []

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

/** An exchange that has traded for ten minutes, and the settings of a gateway on it. */
async function startExchange(databaseUrl?: string) {
  const directory = await mkdtemp(join(tmpdir(), 'tickgate stored '))
  open.push(() => rm(directory, { recursive: true, force: true }))
  let behind = 10 * MINUTE
  const simulator = await startBinanceSimulator({ rate: 50, seed: 7, now: () => Date.now() - behind })
  behind = 0
  open.push(() => simulator.close())
  const env: Record<string, string> = {
    ...{ PORT: String(await freePort()), DATA_DIR: join(directory, 'data'), LOG_LEVEL: 'warn', LATENESS_MS: '100' },
    ...{ CRYPTO_SYMBOLS: 'BTC', STOCK_SYMBOLS: '', MACRO_SERIES: '' },
    ...{ BINANCE_STREAM_URL: simulator.streamUrl, BINANCE_REST_URL: simulator.restUrl },
    ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
  }
  const begin = Math.floor((Date.now() - 8 * MINUTE) / MINUTE) * MINUTE
  return { env, begin, url: `http://127.0.0.1:${env.PORT}` }
}

type Exchange = Awaited<ReturnType<typeof startExchange>>

/** A command to its end: its exit code and what it printed. */
async function run(words: readonly string[], env: Readonly<Record<string, string>>) {
  const program = new Program(words, env)
  open.push(() => program.kill())
  return { code: await program.ended, lines: program.lines, err: program.err }
}

/** A gateway that has stored what it received for a while. */
async function serve({ env, url }: Exchange): Promise<Program> {
  const program = new Program(['serve'], env)
  open.push(() => program.kill())
  const stored = async () => {
    const answer = await fetch(`${url}/api/v1/instruments`).catch(() => undefined)
    const listed = answer?.ok ? (await answer.json()).instruments : []
    if (listed.length === 0) return 0
    const ticks = await (await fetch(`${url}/api/v1/ticks/BTC?limit=10000`)).json()
    return ticks.ticks.length
  }
  await expect.poll(stored, { timeout: 40_000, interval: 200 }).toBeGreaterThan(60)
  return program
}

const iso = (time: number) => new Date(time).toISOString()
const range = (from: number, to: number) => ['--from', iso(from), '--to', String(to)]

async function change(source: ConnectionSource, statements: readonly string[]): Promise<readonly unknown[]> {
  const connection = await source.acquire()
  const rows: unknown[] = []
  for (const statement of statements) rows.push((await connection.query(statement)).rows[0])
  source.release(connection)
  await source.close()
  return rows
}

/** A trade is lost, one is there twice, a candle differs from its trades, and one whose trades are not all stored. */
const DAMAGE = (begin: number) => [
  `delete from ticks where id = (select min(id) + 20 from ticks) returning id::float8`,
  `insert into ticks select instrument_id, id, ts + interval '1 hour', price, size, side, trades, received, backfilled
     from ticks where id = (select min(id) + 40 from ticks) returning id::float8`,
  `update candles set volume = volume + 1 where timeframe = 2 and open_time = '${iso(begin + MINUTE)}'`,
  `update candles set high = high + 1 where timeframe = 3 and open_time = '${iso(fiveMinutes(begin))}'`,
]
const fiveMinutes = (time: number) => Math.floor(time / (5 * MINUTE)) * 5 * MINUTE

async function checkDamage({ env, begin }: Exchange, source: ConnectionSource): Promise<void> {
  const [lost, doubled] = (await change(source, DAMAGE(begin))) as { id: number }[]
  const { code, lines, err } = await run(['verify', 'btc', '--source'], env)
  expect(code, err).toBe(1)
  const told = lines.join('\n')
  expect(told).toContain(`hole      trade ${lost!.id}: not stored, and no gap tells of it`)
  expect(told).toContain(`double    trade ${doubled!.id}: stored more than once`)
  expect(told).toContain(`candle    1m of ${iso(begin + MINUTE)}: its trades say volume`)
  expect(told).toContain(`kline     5m of ${iso(fiveMinutes(begin))}: the source says high`)
  expect(lines.at(-1)).toBe('differences: 1 hole, 1 double, 1 candle, 2 kline')
}

describe('verify and backfill', () => {
  it('work beside a running gateway and without one, and find what is wrong', async () => {
    const exchange = await startExchange()
    const { env, begin, url } = exchange
    const gateway = await serve(exchange)
    const some = range(begin, begin + 2 * MINUTE)
    const loaded = await run(['backfill', 'BTC', ...some], env)
    expect(loaded.code, loaded.err).toBe(0)
    expect(loaded.lines.join('\n')).toMatch(/trades: \d+ to \d+, [1-9]\d+ added/)
    const checked = await run(['verify', 'BTC', ...some, '--source', '--format', 'ndjson'], env)
    expect(checked.code, checked.lines.join('\n')).toBe(0)
    expect(JSON.parse(checked.lines.at(-1)!)).toMatchObject({ type: 'summary', ok: true, counts: { gaps: 1 } })
    const gaps = await (await fetch(`${url}/api/v1/gaps?symbol=btc`)).json()
    expect(gaps.gaps).toMatchObject([{ symbol: 'BTC', status: 'unfillable', reason: 'these trades were not loaded' }])

    expect(await gateway.kill('SIGTERM')).toBe(0)
    const rest = await run(['backfill', 'BTC', ...range(begin, Date.now())], env)
    expect(rest.code, rest.err).toBe(0)
    expect(rest.lines).toContain('gaps settled: 1')
    await checkDamage(exchange, createEmbeddedSource({ directory: join(env.DATA_DIR!, 'pglite'), report: () => {} }))
  }, 180_000)
})

describeWithPostgres('verify and backfill on PostgreSQL', (database) => {
  it('find what is wrong beside a running gateway', async () => {
    const exchange = await startExchange(database.url)
    const { env, begin } = exchange
    await serve(exchange)
    const loaded = await run(['backfill', 'BTC', ...range(begin, Date.now())], env)
    expect(loaded.code, loaded.err).toBe(0)
    const whole = await run(['verify', 'BTC', '--source'], env)
    expect(whole.code, whole.lines.join('\n')).toBe(0)
    expect(whole.lines).toContain('gaps told: 0')
    await checkDamage(exchange, createPostgresqlSource({ databaseUrl: database.url, report: () => {} }))
  }, 180_000)
})

describe('verify and backfill that cannot find out', () => {
  it.each([
    [['verify', 'BTC', '--url', 'http://127.0.0.1:1'], 'a gateway must answer at http://127.0.0.1:1'],
    [['verify', 'BTC', '--from', 'yesterday'], 'It must be Unix milliseconds or a date'],
    [['backfill', 'BTC'], "required option '--from <time>' not specified"],
    [['verify', 'BTC'], 'where nothing is stored yet'],
  ])('tickgate %j exits with 2 and says why', async (words, message) => {
    const directory = await mkdtemp(join(tmpdir(), 'tickgate none '))
    open.push(() => rm(directory, { recursive: true, force: true }))
    const { code, lines, err } = await run(words, { DATA_DIR: directory })
    expect(err).toContain(message)
    expect(err).not.toMatch(/\n\s+at /)
    expect(lines).toEqual([])
    expect(code).toBe(2)
  })

  it('Ctrl-C ends it with 130, whatever it waits for', async () => {
    const asked = createGate()
    const silent = await startHttpSource(() => void asked.open())
    open.push(() => silent.close())
    const program = new Program(['verify', 'BTC', '--url', silent.url])
    open.push(() => program.kill())
    await asked.opened
    expect(await program.kill('SIGINT')).toBe(130)
    expect(program.err).toBe('')
  })
})
