import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createBinanceFeed } from '../../feeds/binance.ts'
import { loadConfig } from '../../src/config.ts'
import { startGateway } from '../../src/gateway.ts'
import { bucketEnd } from '../../src/market/timeframe.ts'
import { type BinanceSimulator, startBinanceSimulator } from '../../src/simulate/binance.ts'
import { ConnectedClient } from '../fakes/connected-client.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'
import { describeWithPostgres } from '../servers/describe.ts'

type Row = readonly number[]

const DAY = 86_400_000
const INTERVALS = { '5m': '5m', '15m': '15m', '4h': '4h', '1D': '1d', '1W': '1w' } as const
type Timeframe = keyof typeof INTERVALS

async function serve(simulator: BinanceSimulator, databaseUrl: string) {
  const dataDir = await mkdtemp(join(tmpdir(), 'tickgate chart '))
  const config = loadConfig({
    ...{ PORT: '0', DATA_DIR: dataDir, DATABASE_URL: databaseUrl, CRYPTO_SYMBOLS: 'BTC' },
    ...{ STOCK_SYMBOLS: '', MACRO_SERIES: '' },
  })
  const { streamUrl, restUrl } = simulator
  const feed = createBinanceFeed({ symbols: config.cryptoSymbols, streamUrl, restUrl, dataDir })
  const gateway = await startGateway({ config, feeds: [feed], dashboardDirectory: dataDir, log: createLogRecorder() })
  const close = async () => {
    await gateway.close()
    await rm(dataDir, { recursive: true, force: true })
  }
  onTestFinished(close)
  await gateway.ready
  return { url: gateway.url, close }
}

/** The chart, page after page, back to the first trade. */
async function chartOf(url: string, timeframe: Timeframe, limit = 1_000): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (let before: number | null | undefined; before !== null; ) {
    const to = before === undefined ? '' : `&to=${before}`
    const answer = await fetch(`${url}/api/v1/chart/BTC?timeframe=${timeframe}&limit=${limit}${to}`)
    const page = await answer.json()
    expect(page, JSON.stringify(page).slice(0, 200)).toMatchObject({ complete: true })
    rows.unshift(...page.candles)
    before = page.before
  }
  return rows
}

/** The exchange's own klines since it listed the symbol. */
async function klinesOf({ restUrl }: BinanceSimulator, timeframe: Timeframe): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (let end = ''; ; ) {
    const query = `symbol=BTCUSDT&interval=${INTERVALS[timeframe]}&limit=1000${end}`
    const page: (readonly (number | string)[])[] = await (await fetch(`${restUrl}/api/v3/klines?${query}`)).json()
    if (page.length === 0) return rows
    rows.unshift(...page.filter((row) => Number(row[8]) > 0).map((row) => row.slice(0, 6).map(Number)))
    end = `&endTime=${Number(page[0]![0]) - 1}`
  }
}

/** The events of `tickgate verify --source`. */
async function verify(url: string, range: { readonly from?: number }) {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ source: true, ...range })
  const answer = await fetch(`${url}/api/v1/verify/BTC`, { method: 'POST', headers, body })
  const lines = (await answer.text()).trim().split('\n')
  return lines.map((line): { readonly type: string; readonly timeframe?: string } => JSON.parse(line))
}

/** The rows of a candle history over WebSocket, and the text of its last part. */
async function historyOf(url: string, timeframe: Timeframe, history: number) {
  const query = `symbols=BTC&channel=candles&timeframe=${timeframe}&history=${history}`
  const client = await ConnectedClient.open(`${url.replace('http', 'ws')}/ws?${query}`)
  const rows: Row[] = []
  for (;;) {
    const part = await client.nextOfType('ws_history')
    expect(part.truncated ?? false).toBe(false)
    if ('candles' in part) rows.push(...part.candles)
    if (!part.more) break
  }
  client.close()
  return rows
}

describeWithPostgres('the chart of a new installation', (database) => {
  it('is that of the exchange, back to the listing; nothing is asked twice, and nothing is stored that is not so', async () => {
    const simulator = await startBinanceSimulator({ rate: 20, seed: 5, weightLimit: Number.POSITIVE_INFINITY })
    onTestFinished(() => simulator.close())
    const asked = () => simulator.seen.requests.get('/api/v3/klines') ?? 0
    const first = await serve(simulator, database.url)
    const asOf = Date.now() - 1_000
    const history = await historyOf(first.url, '15m', 2_500)
    expect(history).toHaveLength(2_500)
    const quarters = (await klinesOf(simulator, '15m')).filter(([time = 0]) => bucketEnd('15m', time) <= asOf)
    expect(history.filter(([time = 0]) => bucketEnd('15m', time) <= asOf).slice(-2_000)).toEqual(quarters.slice(-2_000))

    for (const timeframe of Object.keys(INTERVALS) as Timeframe[]) {
      const began = Date.now() - 1_000
      const chart = await chartOf(first.url, timeframe)
      const klines = await klinesOf(simulator, timeframe)
      // Trades go on between the two questions.
      const closed = (rows: readonly Row[]) => rows.filter(([time = 0]) => bucketEnd(timeframe, time) <= began)
      expect(closed(chart).length).toBeGreaterThan(chart.length - 3)
      expect(closed(chart), timeframe).toEqual(closed(klines))
      expect(chart[0]![0]).toBeLessThan(Date.now() - 29 * DAY)
    }
    const before = asked()
    const again = await chartOf(first.url, '5m', 5_000)
    expect(asked()).toBe(before)

    expect((await verify(first.url, {})).at(-1)).toMatchObject({ type: 'summary', ok: true })
    // Minutes and seconds were not read, and trades from before the installation are not stored.
    const found = await verify(first.url, { from: Date.now() - 3 * DAY })
    expect(found.at(-1)).toMatchObject({
      type: 'summary',
      counts: { sourceCandles: expect.toSatisfy((n) => n > 800) },
    })
    expect(found.filter(({ type, timeframe }) => type === 'difference' && (timeframe ?? '') in INTERVALS)).toEqual([])
    await first.close()

    const second = await serve(simulator, database.url)
    const started = asked()
    const kept = await chartOf(second.url, '5m', 5_000)
    expect(kept.slice(0, again.length - 2)).toEqual(again.slice(0, -2))
    expect(asked() - started).toBeLessThanOrEqual(1)
  }, 120_000)
})
