import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createFredFeed } from '../../feeds/fred.ts'
import { loadConfig } from '../../src/config.ts'
import type { Feed } from '../../src/feed.ts'
import { startGateway } from '../../src/gateway.ts'
import type { OhlcvRow } from '../../src/market/candle.ts'
import { bucketStart } from '../../src/market/timeframe.ts'
import { type FredSimulator, startFredSimulator } from '../../src/simulate/fred.ts'
import type { ServerMessage } from '../../src/wire/messages.ts'
import { ConnectedClient } from '../fakes/connected-client.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'
import { NVDA, PolledFeed, quote } from '../fakes/polled-feed.ts'

async function gatewayOf(feed: Feed, dataDir: string) {
  const config = loadConfig({
    ...{ PORT: '0', CRYPTO_SYMBOLS: '', STOCK_SYMBOLS: '', MACRO_SERIES: '', DATA_DIR: dataDir, LATENESS_MS: '0' },
  })
  const gateway = await startGateway({ config, feeds: [feed], dashboardDirectory: dataDir, log: createLogRecorder() })
  onTestFinished(() => gateway.close())
  await gateway.ready
  const subscribe = (query: string) => ConnectedClient.open(`${gateway.url.replace('http', 'ws')}/ws?${query}`)
  const chart = async (path: string) => {
    const response = await fetch(`${gateway.url}/api/v1/chart/${path}`)
    const body: unknown = await response.json()
    return { status: response.status, body: body as Record<string, unknown> & { readonly candles: OhlcvRow[] } }
  }
  return { gateway, subscribe, chart }
}

async function dataDirectory(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tickgate candles '))
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }))
  return dataDir
}

const rowsOf = (frame: ServerMessage): readonly OhlcvRow[] =>
  frame.type === 'ws_history' && frame.channel === 'candles' ? frame.candles : []

/** `[time, close]` of each period that has a value, by its newest vintage. */
function newestOf({ truth }: FredSimulator): readonly (readonly [number, number])[] {
  const newest = new Map(truth('GDP').map(({ period, value }) => [Date.parse(period), value]))
  const known = [...newest].flatMap(([time, value]) => (value === undefined ? [] : [[time, value] as const]))
  return known.sort(([a], [b]) => a - b)
}

describe('candles of a series through a gateway', () => {
  it('are the newest vintages in native, 1D and 1W, are revised live, and are the same after a restart', async () => {
    const fred = await startFredSimulator({ start: Date.UTC(2026, 10, 18) })
    onTestFinished(() => fred.close())
    const symbols = [{ symbol: 'GDP', sourceSymbol: 'GDP' }]
    const { apiKey, url } = fred
    const feed = () => createFredFeed({ symbols, apiKey, url, pollMs: 100, bounds: { spacingMs: 1 } })
    const dataDir = await dataDirectory()
    const { gateway, subscribe, chart } = await gatewayOf(feed(), dataDir)
    const closes = (rows: readonly OhlcvRow[]) => rows.map(([time, , , , close]) => [time, close])
    const native = async (query = '') => closes((await chart(`GDP?timeframe=native&limit=5000${query}`)).body.candles)
    await expect.poll(native, { timeout: 30_000, interval: 100 }).toEqual(newestOf(fred))

    const client = await subscribe('symbols=GDP&timeframe=native&history=10000&interval=0')
    expect(closes(rowsOf(await client.nextOfType('ws_history')))).toEqual(newestOf(fred))
    const weeks = await subscribe('symbols=GDP&timeframe=1W&history=10000')
    expect(closes(rowsOf(await weeks.nextOfType('ws_history')))).toEqual(
      newestOf(fred).map(([time, value]) => [bucketStart('1W', time), value]),
    )
    const days = await subscribe('symbols=GDP&timeframe=1D&history=3')
    expect(closes(rowsOf(await days.nextOfType('ws_history')))).toEqual(newestOf(fred).slice(-3))
    const minutes = await subscribe('symbols=GDP')
    expect(await minutes.nextOfType('error')).toMatchObject({ code: 'bad_timeframe', symbol: 'GDP' })

    const [time] = newestOf(fred).at(-2)!
    fred.publish('GDP', [{ period: new Date(time).toISOString().slice(0, 10), value: '12345.678' }])
    expect(await client.nextOfType('candle')).toMatchObject({
      timeframe: 'native',
      time,
      close: 12_345.678,
      final: true,
    })

    const all = newestOf(fred)
    expect(await native('&to=0')).toEqual([])
    expect(await native(`&from=${all.at(-3)![0]}`)).toEqual(all.slice(-3))
    const page = await chart('GDP?timeframe=native&limit=2')
    expect(page.body).toMatchObject({ timeframe: 'native', complete: true, before: all.at(-2)![0] })
    expect(closes((await chart(`GDP?timeframe=native&limit=2&to=${page.body.before}`)).body.candles)).toEqual(
      all.slice(-4, -2),
    )
    expect(await chart('GDP')).toMatchObject({ status: 400, body: { code: 'bad_timeframe' } })

    const before = await client.drain()
    expect(before.filter(({ type }) => type === 'candle')).toEqual([])
    await gateway.close()
    const again = await gatewayOf(feed(), dataDir)
    const restored = await again.subscribe('symbols=GDP&timeframe=native&history=10000')
    expect(closes(rowsOf(await restored.nextOfType('ws_history')))).toEqual(all)
  }, 60_000)
})

describe('candles of a stock through a gateway', () => {
  it('a day is the exchange day: it goes on over midnight in UTC, and the next begins at local midnight', async () => {
    const feed = new PolledFeed()
    const instruments = [{ ...NVDA, about: { timeZone: 'Australia/Sydney' } }]
    feed.resolve = async () => ({ instruments, refused: [] })
    feed.answer(quote(Date.UTC(2026, 10, 22, 23, 30), { price: 100 }))
    const { subscribe, chart } = await gatewayOf(feed, await dataDirectory())
    const monday = Date.UTC(2026, 10, 23)
    const rows = async () => (await chart('NVDA?timeframe=1D')).body.candles
    await expect.poll(rows, { timeout: 30_000 }).toHaveLength(1)
    const client = await subscribe('symbols=NVDA&timeframe=1D&interval=0')
    expect(rowsOf(await client.nextOfType('ws_history'))).toEqual([[monday, 100, 100, 100, 100, 10]])
    feed.answer(quote(Date.UTC(2026, 10, 23, 0, 30), { price: 103 }))
    expect(await client.nextOfType('candle')).toMatchObject({ time: monday, close: 103, trades: 2, final: false })
    // 00:30 on Tuesday there.
    feed.answer(quote(Date.UTC(2026, 10, 23, 13, 30), { price: 104 }))
    const both = [await client.nextOfType('candle'), await client.nextOfType('candle')]
    const [ended, tuesday] = both.sort((a, b) => a.time - b.time)
    expect(tuesday).toMatchObject({ time: Date.UTC(2026, 10, 24), open: 104, trades: 1, final: false })
    expect(ended).toMatchObject({ time: monday, close: 103, trades: 2, final: true })
    expect(await client.nextOfType('interval_end')).toMatchObject({ timeframe: '1D', time: monday })
    expect(await chart('NVDA?timeframe=1D')).toMatchObject({
      status: 200,
      body: {
        candles: [
          [monday, 100, 103, 100, 103, 20],
          [Date.UTC(2026, 10, 24), 104, 104, 104, 104, 10],
        ],
      },
    })
    expect(await chart('NVDA?timeframe=native')).toMatchObject({ status: 400, body: { code: 'bad_timeframe' } })
  }, 60_000)
})
