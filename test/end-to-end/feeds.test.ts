import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createBinanceFeed } from '../../feeds/binance.ts'
import { createYahooFeed } from '../../feeds/yahoo.ts'
import { loadConfig } from '../../src/config.ts'
import { startGateway } from '../../src/gateway.ts'
import { startBinanceSimulator } from '../../src/simulate/binance.ts'
import { startYahooSimulator } from '../../src/simulate/yahoo.ts'
import type { ServerMessage } from '../../src/wire/messages.ts'
import { ConnectedClient } from '../fakes/connected-client.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'
import { describeWithPostgres } from '../servers/describe.ts'

const NO_KEY = 'FRED_API_KEY must be set, is not'
/** On a Friday in New York, half a minute before the after-hours end. */
const BEFORE_THE_END = Date.UTC(2026, 10, 21, 0, 59, 30)

/** A gateway on a simulated Binance and a Yahoo whose clock runs fast; FRED has no key. */
async function start(databaseUrl: string) {
  const dataDir = await mkdtemp(join(tmpdir(), 'tickgate feeds '))
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }))
  const binance = await startBinanceSimulator({ rate: 100 })
  onTestFinished(() => binance.close())
  const yahoo = await startYahooSimulator({ start: BEFORE_THE_END, speed: 5 })
  onTestFinished(() => yahoo.close())
  const config = loadConfig({
    ...{ PORT: '0', CRYPTO_SYMBOLS: 'BTC,ETH', STOCK_SYMBOLS: 'NVDA,AAPL', MACRO_SERIES: '', DATA_DIR: dataDir },
    DATABASE_URL: databaseUrl,
  })
  const { streamUrl, restUrl } = binance
  const timeouts = { requestMs: 5_000, coolDown: { firstMs: 500, maxMs: 500 } }
  const feeds = [
    createBinanceFeed({ symbols: config.cryptoSymbols, streamUrl, restUrl }),
    createYahooFeed({ symbols: config.stockSymbols, yahooUrl: yahoo.url, pollMs: 100, timeouts }),
  ]
  const off = [{ feed: 'fred', reason: NO_KEY }]
  const gateway = await startGateway({ config, feeds, off, dashboardDirectory: dataDir, log: createLogRecorder() })
  onTestFinished(() => gateway.close())
  await gateway.ready
  const connect = (query: string) => ConnectedClient.open(`${gateway.url.replace('http', 'ws')}/ws?${query}`)
  const get = async (path: string) => (await fetch(`${gateway.url}/api/v1/${path}`)).json()
  return { gateway, yahoo, connect, get }
}

type Status = ServerMessage<'status'>

/** Reads on until a status is what is waited for. */
async function statusOf(client: ConnectedClient, feed: string, state: Status['state']): Promise<Status> {
  for (;;) {
    const status = await client.nextOfType('status')
    if (status.feed === feed && status.state === state) return status
  }
}

describeWithPostgres('a gateway with several feeds', (database) => {
  it('tells how each is, and what is lost of one is nothing to the others', { timeout: 90_000 }, async () => {
    const { yahoo, connect, get } = await start(database.url)
    const client = await connect('channel=status')
    await client.nextOfType('subscribed')
    await expect
      .poll(async () => (await get('feeds')).feeds, { timeout: 30_000 })
      .toMatchObject([
        { feed: 'fred', state: 'off', reason: NO_KEY, symbols: [] },
        { feed: 'binance', state: 'live', symbols: ['BTC', 'ETH'], restarts: 0, lastTick: { id: expect.any(Number) } },
        { feed: 'yahoo', state: 'live', symbols: ['NVDA', 'AAPL'], restarts: 0 },
      ])
    yahoo.faults.order(500)
    const down = await statusOf(client, 'yahoo', 'down')
    expect(down).toEqual({
      type: 'status',
      feed: 'yahoo',
      state: 'down',
      since: expect.any(Number),
      reason: down.reason,
    })
    const { feeds } = await get('feeds')
    const binance = feeds.find(({ feed }: { feed: string }) => feed === 'binance')
    expect(binance).toMatchObject({ state: 'live', restarts: 0 })
    yahoo.faults.clear()
    expect((await statusOf(client, 'yahoo', 'live')).since).toBeGreaterThan(down.since)
    const after = (await get('feeds')).feeds.find(({ feed }: { feed: string }) => feed === 'yahoo')
    expect(after.restarts).toBeGreaterThan(0)
    const rest = (await get('feeds')).feeds.find(({ feed }: { feed: string }) => feed === 'binance')
    expect(rest.ticks).toBeGreaterThan(binance.ticks)
  })

  it('tells when a market closes, and its last prices stay, not stale', { timeout: 90_000 }, async () => {
    const { connect, get } = await start(database.url)
    const client = await connect('channel=prices&symbols=NVDA&interval=0')
    let price = await client.nextOfType('price')
    while (price.market === 'POST') price = await client.nextOfType('price')
    expect(price).toMatchObject({ symbol: 'NVDA', market: 'CLOSED', stale: false, delay: 0 })
    expect(price.change24h).toEqual(expect.any(Number))
    const { rows } = await get('market?class=stock')
    const row = {
      assetClass: 'stock',
      market: 'CLOSED',
      stale: false,
      changePercent: expect.any(Number),
    }
    expect(rows).toMatchObject([
      { symbol: 'NVDA', ...row },
      { symbol: 'AAPL', ...row },
    ])
    expect(await get('price/NVDA')).toMatchObject({
      market: 'CLOSED',
      stale: false,
      high24h: expect.any(Number),
    })
    const { feeds } = await get('feeds')
    expect(feeds.find(({ feed }: { feed: string }) => feed === 'yahoo')).toMatchObject({ state: 'live' })
  })
})
