import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createBinanceFeed } from '../../feeds/binance.ts'
import { type BinanceSimulator, startBinanceSimulator } from '../../src/simulate/binance.ts'
import { binanceInstruments, listen } from '../fakes/binance-listener.ts'
import { type HttpAnswer, startHttpSource } from '../fakes/http-source.ts'

const DAY = 24 * 3_600_000
const [BTC] = binanceInstruments('BTCUSDT')
const SYMBOLS = [{ symbol: 'BTCUSDT', sourceSymbol: 'BTCUSDT' }]

let exchange: BinanceSimulator
let dataDir: string
/** Added to our clock. */
let aheadMs: number

beforeEach(async () => {
  exchange = await startBinanceSimulator()
  dataDir = await mkdtemp(join(tmpdir(), 'tickgate-ban-'))
  aheadMs = 0
})
afterEach(async () => {
  await exchange.close()
  await rm(dataDir, { recursive: true })
})

describe('a 429', () => {
  test('holds every question back until Retry-After is over, and then they are answered', async () => {
    const feed = start()
    exchange.faults.rest(429, { count: 1, retryAfterS: 1 })
    const began = performance.now()
    await expect(newest(feed)).rejects.toMatchObject({
      code: 'feed_broken',
      message: expect.stringContaining('the next question in 1 s'),
    })
    const answers = await Promise.all([newest(feed), newest(feed), candles(feed), feed.resolve(later())])
    expect(performance.now() - began).toBeGreaterThan(1_000)
    expect(answers).not.toContain(undefined)
    expect([exchange.seen.refusedRequests, exchange.seen.unheededRequests]).toEqual([1, 0])
  })

  test('without Retry-After holds them for a minute, and who cannot wait so long is told how long it was', async () => {
    const source = await startHttpSource(() => ({ status: 429, body: { code: -1003, msg: 'Too much.' } }))
    const feed = start(source.url)
    await expect(newest(feed)).rejects.toMatchObject({ message: expect.stringContaining('in 60 s') })
    await expect(feed.newest(BTC!, AbortSignal.timeout(50))).rejects.toMatchObject({
      code: 'feed_broken',
      message: 'Binance must answer aggTrades, was: aborted, 60 s before it could be asked',
    })
    expect(source.requests).toHaveLength(1)
    await source.close()
  })

  test('that lasts longer than anybody waits fails at once', async () => {
    const answer = { status: 429, body: {}, headers: { 'Retry-After': 600 } }
    const source = await startHttpSource(() => answer)
    const feed = start(source.url)
    await expect(newest(feed)).rejects.toMatchObject({ code: 'feed_broken' })
    await expect(newest(feed)).rejects.toMatchObject({ message: expect.stringContaining('to be asked in 600 s only') })
    await source.close()
  })
})

describe('a ban', () => {
  test('fails questions at once and says until when, and nothing is asked before its end', async () => {
    const feed = start()
    await ban(feed)
    const asked = requests()
    for (const question of [() => newest(feed), () => candles(feed), () => feed.resolve(later())]) {
      const began = performance.now()
      await expect(question()).rejects.toMatchObject({
        code: 'feed_broken',
        message: expect.stringMatching(/banned until \d{4}-\d\d-\d\dT/),
      })
      expect(performance.now() - began).toBeLessThan(100)
    }
    expect(requests()).toBe(asked)
    aheadMs = 121_000
    expect(await newest(feed)).toBeDefined()
  })

  test('fails those who were waiting for the end of a 429', async () => {
    const answers: HttpAnswer[] = [429, 418].map((status) => ({ status, body: {}, headers: { 'Retry-After': 100 } }))
    const source = await startHttpSource(() => answers.shift())
    const feed = start(source.url)
    const underWay = [newest(feed), newest(feed)]
    await Promise.race(underWay).catch(() => {})
    await expect(newest(feed)).rejects.toMatchObject({ message: expect.stringContaining('banned until') })
    await Promise.allSettled(underWay)
    expect(source.requests).toHaveLength(2)
    await source.close()
  })

  test('leaves the stream alone', async () => {
    const feed = start()
    const stop = new AbortController()
    const listening = listen(feed, [BTC!], stop.signal)
    await listening.connected
    await ban(feed)
    const count = listening.heard.length
    await expect.poll(() => listening.heard.length, { timeout: 5_000 }).toBeGreaterThan(count)
    expect(listening.connects()).toBe(1)
    stop.abort()
    await listening.ended
  })

  test('is remembered over a restart, and over once it has ended', async () => {
    const began = Date.now()
    await ban(start())
    const kept = JSON.parse(await readFile(join(dataDir, 'binance-ban.json'), 'utf8'))
    expect(kept).toEqual({ v: 1, until: expect.any(Number) })
    expect(kept.until - began).toBeGreaterThanOrEqual(120_000)
    expect(kept.until - began).toBeLessThan(130_000)
    const asked = requests()
    await expect(newest(start())).rejects.toMatchObject({ message: expect.stringContaining('banned until') })
    expect(requests()).toBe(asked)
    aheadMs = 131_000
    expect(await newest(start())).toBeDefined()
  })

  test.each([
    ['no file', undefined],
    ['no JSON', '{"v":1,"un'],
    ['another version', '{"v":2,"until":9}'],
    ['no time', '{"v":1,"until":"soon"}'],
    ['an end that is no ban’s', JSON.stringify({ v: 1, until: Date.now() + 4 * DAY })],
    ['an end that has passed', JSON.stringify({ v: 1, until: Date.now() - 1 })],
  ])('is not what %s says', async (_, text) => {
    if (text !== undefined) await writeFile(join(dataDir, 'binance-ban.json'), text)
    expect(await newest(start())).toBeDefined()
  })

  test.each([
    ['its words', { body: { code: -1003, msg: `IP banned until ${Date.now() + 600_000}.` } }, 600_000],
    ['nothing', { body: 'banned' }, 120_000],
    ['too much', { body: {}, headers: { 'Retry-After': 9e9 } }, 3 * DAY],
  ])('ends as %s tells, where there is no good Retry-After', async (_, answer, ms) => {
    const source = await startHttpSource(() => ({ status: 418, ...answer }))
    const began = Date.now()
    await expect(newest(start(source.url))).rejects.toMatchObject({ code: 'feed_broken' })
    const { until } = JSON.parse(await readFile(join(dataDir, 'binance-ban.json'), 'utf8'))
    expect(Math.abs(until - began - ms)).toBeLessThan(10_000)
    await source.close()
  })

  test('that cannot be kept for the next start holds in this one, and says so', async () => {
    dataDir = join(dataDir, 'file')
    await writeFile(dataDir, '')
    const feed = start()
    exchange.faults.rest(418)
    await expect(newest(feed)).rejects.toMatchObject({
      message: expect.stringContaining('not kept for the next start'),
    })
    await expect(newest(feed)).rejects.toMatchObject({ message: expect.stringContaining('banned until') })
    dataDir = join(dataDir, '..')
  })

  async function ban(feed: ReturnType<typeof start>): Promise<void> {
    exchange.faults.rest(418, { count: 1 })
    await expect(newest(feed)).rejects.toMatchObject({ message: expect.stringContaining('banned until') })
  }
})

function start(restUrl = exchange.restUrl) {
  const now = () => Date.now() + aheadMs
  return createBinanceFeed({ symbols: SYMBOLS, streamUrl: exchange.streamUrl, restUrl, dataDir, now })
}

function newest(feed: ReturnType<typeof start>) {
  return feed.newest(BTC!, later())
}

function candles(feed: ReturnType<typeof start>) {
  return feed.candles(BTC!, '1m', { limit: 2 }, later())
}

function later(): AbortSignal {
  return AbortSignal.timeout(10_000)
}

function requests(): number {
  return [...exchange.seen.requests.values()].reduce((sum, count) => sum + count, 0)
}
