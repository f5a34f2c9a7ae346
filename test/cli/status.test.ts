import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeStatus, isWell } from '../../src/cli/status.ts'
import { createHttpServer } from '../../src/http/server.ts'
import { lockDataDir } from '../../src/tiers/data-dir-lock.ts'
import type { FeedRow, FeedsAnswer } from '../../src/wire/feeds.ts'
import { bareHttp } from '../fakes/bare-http.ts'
import { Program } from '../fakes/program.ts'
import { freePort } from '../servers/launch.ts'

const open: (() => unknown)[] = []
let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tickgate status '))
  open.push(() => rm(dataDir, { recursive: true, force: true }))
})
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function status(words: readonly string[] = []) {
  const program = new Program(['status', ...words], { DATA_DIR: dataDir })
  open.push(() => program.kill())
  return { code: await program.ended, out: program.out, err: program.err }
}

const NONE = { ticksPerSecond: 0, restarts: 0, ticks: 0, gaps: 0, skipped: 0, doubles: 0 }
const BINANCE: FeedRow = { ...NONE, feed: 'binance', state: 'live', since: 1_000, symbols: ['BTC', 'ETH'] }
const NO_KEY: FeedRow = {
  ...NONE,
  feed: 'fred',
  state: 'off',
  since: 1,
  reason: 'FRED_API_KEY is not set',
  symbols: [],
}
const REDIS = { tier: 'redis', state: 'off', since: 1, reason: 'none is configured' } as const
const DATABASE = { tier: 'database', state: 'live', since: 1 } as const
const WELL: FeedsAnswer = { feeds: [BINANCE, NO_KEY], tiers: [DATABASE, REDIS] }

async function serve(answer: FeedsAnswer | undefined): Promise<string> {
  const http = await createHttpServer({ ...bareHttp(), feeds: () => answer })
  open.push(() => http.close())
  return http.url
}

describe('tickgate status', () => {
  it('finds the gateway that runs in DATA_DIR and prints its feeds and tiers for people', async () => {
    const url = await serve(WELL)
    const lock = await lockDataDir(dataDir, url)
    open.push(() => lock.release())
    const { code, out, err } = await status()
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatch(/^FEED +STATE +FOR +SYMBOLS +TICKS\/S +LAST TICK +LAG +RESTARTS +GAPS\nbinance +live /)
    expect(out).toMatch(/\nfred +off .* FRED_API_KEY is not set\n\nTIER +STATE +FOR\ndatabase +live .*\nredis +off /)
  })

  it('prints JSON for programs, and exits with 1 when something that should be live is not', async () => {
    const down: FeedsAnswer = { ...WELL, tiers: [{ ...DATABASE, state: 'down', reason: 'ECONNREFUSED' }, REDIS] }
    const { code, out } = await status(['--url', await serve(down), '--format', 'json'])
    expect([code, JSON.parse(out)]).toEqual([1, down])
  })

  it('exits with 2 and says why when that could not be found out', async () => {
    expect(await status()).toMatchObject({ code: 2, out: '', err: expect.stringContaining('a gateway must run in') })
    const gone = await status(['--url', `http://127.0.0.1:${await freePort()}`])
    expect(gone).toMatchObject({ code: 2, out: '', err: expect.stringContaining('ECONNREFUSED') })
    const starting = await status(['--url', await serve(undefined)])
    expect(starting).toMatchObject({ code: 2, err: 'tickgate: the gateway answers 503: the gateway is starting\n' })
    expect(await status(['--format', 'xml'])).toMatchObject({ code: 2, err: expect.stringContaining('text, json') })
  })
})

describe('what is said of a gateway', () => {
  it.each([
    ['everything is live, or off by wish', WELL, true],
    ['a source has refused', { ...WELL, feeds: [{ ...BINANCE, state: 'off' }] }, false],
    ['a feed is connecting', { ...WELL, feeds: [{ ...BINANCE, state: 'connecting' }] }, false],
    ['a source is not heard', { ...WELL, feeds: [{ ...BINANCE, state: 'stale' }] }, false],
    ['what waited on disk is being stored', { ...WELL, tiers: [{ ...DATABASE, state: 'stale' }] }, false],
  ] as const)('when %s', (_, answer, well) => {
    expect(isWell(answer)).toBe(well)
  })

  it('is in columns as wide as what is in them, with times in one unit', () => {
    const lastTick = { symbol: 'BTC', id: 1, time: 94_000, received: 94_035 }
    const feeds = [{ ...BINANCE, lastTick, lag: 35, ticksPerSecond: 12.3 }]
    expect(describeStatus({ feeds, tiers: [DATABASE] }, 100_000)).toBe(
      [
        'FEED     STATE  FOR    SYMBOLS  TICKS/S  LAST TICK  LAG    RESTARTS  GAPS',
        'binance  live   1 min  2        12.3     5 s ago    35 ms  0         0',
        '',
        'TIER      STATE  FOR',
        'database  live   1 min',
        '',
      ].join('\n'),
    )
  })
})
