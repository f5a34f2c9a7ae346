import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createHttpServer } from '../../src/http/server.ts'
import { encodeValue } from '../../src/tiers/cache/value-codec.ts'
import { lockDataDir } from '../../src/tiers/data-dir-lock.ts'
import { bareHttp } from '../fakes/bare-http.ts'
import { heldCache, priceKey, priceOf } from '../fakes/held-cache.ts'
import { Program } from '../fakes/program.ts'
import { describeWithProgram } from '../servers/describe.ts'
import { freePort, type LaunchedServer } from '../servers/launch.ts'
import { redisBinary, startRedis } from '../servers/redis.ts'

const open: (() => unknown)[] = []
let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tickgate cache '))
  open.push(() => rm(dataDir, { recursive: true, force: true }))
})
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function cache(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const program = new Program(['cache', ...words], { DATA_DIR: dataDir, ...env })
  open.push(() => program.kill())
  return { code: await program.ended, lines: program.lines, out: program.out, err: program.err }
}

/** A gateway that runs in DATA_DIR, as far as the command can see. */
async function serve() {
  const held = heldCache()
  const http = await createHttpServer({ ...bareHttp(), cache: () => held.view })
  open.push(() => http.close())
  return { ...held, url: http.url }
}

describe('tickgate cache', () => {
  it.each([[['--help']], [['ls', '--help']], [['get', '--help']], [['ttl', '--help']]])(
    '%j says how it is used',
    async (words) => {
      const { code, out } = await cache(words)
      expect([code, out]).toEqual([0, expect.stringContaining('Usage: tickgate cache')])
    },
  )

  it.each([
    [[], 'Usage: tickgate cache'],
    [['rm', 'price:crypto:BTC'], "unknown command 'rm'"],
    [['get'], "missing required argument 'key'"],
    [['ls', '--format', 'xml'], 'Allowed choices are ndjson, text'],
    [['ls', '--url', 'localhost'], 'must start with http(s)://'],
    [['get', 'session:7'], 'the key must begin with one of price:, prediction:, market:, chart:, ws_history:'],
    [['ls'], 'a gateway must run in DATA_DIR, or Redis be configured (REDIS_URL)'],
  ])('%j cannot be found out: 2, and says why', async (words, message) => {
    const url = words.includes('session:7') ? ['--url', 'http://127.0.0.1:9'] : []
    const { code, err, out } = await cache([...words, ...url])
    expect([code, out]).toEqual([2, ''])
    expect(err).toContain(message)
    expect(err).not.toMatch(/\n\s+at /)
  })
})

describe('tickgate cache beside a gateway', () => {
  it('finds it by the lock of DATA_DIR and lists what it has in memory, a line of JSON each', async () => {
    const { cache: held, url } = await serve()
    for (const symbol of ['ETH', 'BTC']) held.set(priceKey(symbol), priceOf(symbol))
    const lock = await lockDataDir(dataDir, url)
    open.push(() => lock.release())
    const listed = await cache(['ls'])
    expect([listed.code, listed.err]).toEqual([0, ''])
    expect(listed.lines.map((line) => JSON.parse(line))).toEqual([
      { key: 'price:crypto:BTC', ttl: 30 },
      { key: 'price:crypto:ETH', ttl: 30 },
    ])
    expect(await cache(['ls', '*ETH', '--format', 'text'])).toMatchObject({ code: 0, out: 'price:crypto:ETH\n' })
    expect(await cache(['ls', 'chart:*'])).toMatchObject({ code: 0, out: '', err: '' })
  })

  it('prints a value and what is left of its life; what is not there is 1 and a sentence', async () => {
    const { cache: held, time, url } = await serve()
    held.set(priceKey('BTC'), priceOf('BTC'))
    time.ms += 500
    const at = ['--url', url]
    const got = await cache(['get', 'price:crypto:BTC', ...at])
    expect([got.code, JSON.parse(got.out)]).toEqual([0, { v: 1, ...priceOf('BTC') }])
    expect(await cache(['ttl', 'price:crypto:BTC', ...at])).toMatchObject({ code: 0, out: '29.5\n' })
    for (const word of ['get', 'ttl']) {
      const missing = { code: 1, out: '', err: 'tickgate: there is nothing under price:crypto:NOPE\n' }
      expect(await cache([word, 'price:crypto:NOPE', ...at])).toEqual({ ...missing, lines: [] })
    }
  })

  it('says that a gateway does not answer, or refuses', async () => {
    const port = await freePort()
    const gone = await cache(['ls', '--url', `http://127.0.0.1:${port}`])
    expect([gone.code, gone.err]).toEqual([2, expect.stringContaining('a gateway must answer at')])
    expect(gone.err).toContain('ECONNREFUSED')
    const http = await createHttpServer(bareHttp())
    open.push(() => http.close())
    const starting = await cache(['get', 'price:crypto:BTC', '--url', http.url])
    expect([starting.code, starting.err]).toEqual([2, 'tickgate: the gateway answers 503: the gateway is starting\n'])
  })
})

describeWithProgram('tickgate cache with a Redis of its own', redisBinary(process.env), (binary) => {
  let server: LaunchedServer
  let redis: Redis
  let env: Readonly<Record<string, string>>
  beforeAll(async () => {
    server = await startRedis(binary)
    redis = new Redis(server.url)
    env = { REDIS_URL: server.url }
  })
  beforeEach(() => redis.flushall())
  afterAll(async () => {
    redis.disconnect()
    await server.stop()
  })
  const set = (symbol: string) => redis.set(`price:crypto:${symbol}`, encodeValue(priceOf(symbol)), 'EX', 30)

  it('lists the keys of the kinds that are ours among those of others, by name', async () => {
    for (const symbol of ['SOL', 'BTC', 'ETH']) await set(symbol)
    await redis.set('ws_history:BTC:1D', '{"v":1,"cursor":7,"candles":[]}', 'EX', 300)
    for (const other of ['session:BTC', 'lock:price:crypto:BTC', 'prices:BTC']) await redis.set(other, '1', 'EX', 30)
    await redis.set('price:crypto:FOREVER', '{}')
    const { code, err, lines } = await cache(['ls'], env)
    expect([code, err]).toEqual([0, ''])
    const listed = lines.map((line) => JSON.parse(line))
    expect(listed.map(({ key }) => key)).toEqual([
      ...['price:crypto:BTC', 'price:crypto:ETH', 'price:crypto:SOL', 'ws_history:BTC:1D'],
    ])
    for (const { ttl } of listed.slice(0, 3)) expect(ttl).toSatisfy((seconds: number) => seconds > 5 && seconds <= 30)
    const names = async (pattern: string) => (await cache(['ls', pattern, '--format', 'text'], env)).lines
    expect(await names('*BTC*')).toEqual(['price:crypto:BTC', 'ws_history:BTC:1D'])
    expect(await names('price:*:[BE]*')).toEqual(['price:crypto:BTC', 'price:crypto:ETH'])
    expect(await names('session:*')).toEqual([])
  })

  it('never asks with KEYS, which would hold up everybody else', async () => {
    await set('BTC')
    await cache(['ls'], env)
    await cache(['get', 'price:crypto:BTC'], env)
    const commands = String(await redis.info('commandstats'))
    expect(commands).toContain('cmdstat_scan:')
    expect(commands).not.toContain('cmdstat_keys:')
  })

  it('says so when there are more keys than it lists', { timeout: 30_000 }, async () => {
    const names = Array.from({ length: 10_003 }, (_, index) => `chart:S${String(index).padStart(5, '0')}:1h`)
    const pipeline = redis.pipeline()
    for (const name of names) pipeline.set(name, '{"v":1,"cursor":null,"candles":[]}', 'EX', 600)
    await pipeline.exec()
    const { code, err, lines } = await cache(['ls', '--format', 'text'], env)
    expect([code, lines]).toEqual([0, names.slice(0, 10_000)])
    expect(err).toBe('tickgate: there are more than these 10000 keys; a pattern narrows it down\n')
    expect(await cache(['ls', 'chart:S0000?:*', '--format', 'text'], env)).toMatchObject({ err: '' })
  })

  it('prints a value as it is, what is left of its life, and 1 where there is none', async () => {
    await set('BTC')
    const got = await cache(['get', 'price:crypto:BTC'], env)
    expect([got.code, JSON.parse(got.out)]).toEqual([0, { v: 1, ...priceOf('BTC') }])
    const { code, out } = await cache(['ttl', 'price:crypto:BTC'], env)
    expect([code, Number(out) > 5 && Number(out) <= 30]).toEqual([0, true])
    const missing = await cache(['get', 'price:crypto:NOPE'], env)
    expect([missing.code, missing.out]).toEqual([1, ''])
    expect(missing.err).toBe('tickgate: there is nothing under price:crypto:NOPE\n')
  })

  it("says of a key that is somebody else's what is wrong with it", async () => {
    await redis.rpush('price:crypto:LIST', 'a list')
    const endless = await cache(['get', 'price:crypto:LIST'], env)
    expect([endless.code, endless.err]).toEqual([2, expect.stringContaining('must have an end of its life')])
    await redis.expire('price:crypto:LIST', 30)
    const list = await cache(['get', 'price:crypto:LIST'], env)
    expect([list.code, list.err]).toEqual([2, 'tickgate: price:crypto:LIST must hold a text, holds none\n'])
  })

  it('that cannot be reached is 2, says why, and tells no password', async () => {
    const url = `redis://:do-not-tell-4711@127.0.0.1:${await freePort()}`
    for (const words of [['ls'], ['get', 'price:crypto:BTC']]) {
      const { code, out, err } = await cache(words, { REDIS_URL: url })
      expect([code, out]).toEqual([2, ''])
      expect(err).toMatch(/^tickgate: Redis must answer, was: .*\n$/)
      expect(err).not.toContain('do-not-tell-4711')
    }
  })
})
