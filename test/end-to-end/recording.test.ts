import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createBinanceFeed } from '../../feeds/binance.ts'
import { loadConfig } from '../../src/config.ts'
import { type Gateway, startGateway } from '../../src/gateway.ts'
import { TIMEFRAMES } from '../../src/market/timeframe.ts'
import { type BinanceSimulator, startBinanceSimulator } from '../../src/simulate/binance.ts'
import { openDatabase } from '../../src/tiers/open-database.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'

const TRADES = 20_000
const open: (() => unknown)[] = []

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

/** A recording in the exchange's public format: half an hour around midnight, several trades in many a millisecond. */
async function recordTrades(directory: string): Promise<string> {
  const market = await startBinanceSimulator({ rate: 1, seed: 11 })
  const trades = market.markets.get('BTCUSDT')!
  await market.close()
  const start = Date.UTC(2026, 10, 17, 23, 45)
  const rows = Array.from({ length: TRADES }, (_, index) => {
    const { id, price, size, firstTradeId, lastTradeId, buyerIsMaker } = trades.trade(trades.firstId + index)
    const time = start + Math.floor(index / 3) * 270
    return [id, price, size, firstTradeId, lastTradeId, time, buyerIsMaker, true].join(',')
  })
  const file = join(directory, 'BTCUSDT-aggTrades-2026-11-17.csv')
  await writeFile(file, `${rows.join('\n')}\n`)
  return file
}

async function startOn(simulator: BinanceSimulator, dataDir: string): Promise<Gateway> {
  const config = loadConfig({
    ...{ PORT: '0', CRYPTO_SYMBOLS: 'BTC', STOCK_SYMBOLS: '', MACRO_SERIES: '', DATA_DIR: dataDir },
    ...{ BINANCE_STREAM_URL: simulator.streamUrl, BINANCE_REST_URL: simulator.restUrl },
  })
  const feed = createBinanceFeed({
    ...{ symbols: config.cryptoSymbols, streamUrl: simulator.streamUrl, restUrl: simulator.restUrl },
  })
  const gateway = await startGateway({ config, feeds: [feed], dashboardDirectory: dataDir, log: createLogRecorder() })
  open.push(() => gateway.close())
  return gateway
}

async function klines(simulator: BinanceSimulator, timeframe: string): Promise<ReadonlyMap<number, readonly number[]>> {
  const interval = timeframe.replace('D', 'd').replace('W', 'w')
  const url = `${simulator.restUrl}/api/v3/klines?symbol=BTCUSDT&interval=${interval}&limit=1000`
  const rows: readonly (readonly unknown[])[] = await (await fetch(url)).json()
  return new Map(rows.map((row) => [Number(row[0]), row.map(Number)]))
}

describe('a recording played at full speed', () => {
  it('comes through the whole path: every trade stored once, candles equal to the exchange, now and after a restart', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tickgate recording '))
    open.push(() => rm(directory, { recursive: true, force: true }))
    const recordings = [await recordTrades(directory)]
    const simulator = await startBinanceSimulator({
      recordings,
      speed: 'max',
      pastTrades: 5_000,
      weightLimit: Infinity,
    })
    open.push(() => simulator.close())
    const market = simulator.markets.get('BTCUSDT')!
    const newest = market.firstId + TRADES - 1

    const first = await startOn(simulator, join(directory, 'data'))
    await expect.poll(() => first.memory.stream('BTC')?.cursor, { timeout: 30_000 }).toBe(newest)
    await expectEqualCandles(simulator, first)
    await first.close()

    const stored = await openDatabase({ dataDir: join(directory, 'data') })
    const [btc] = await stored.instruments()
    await stored.register([btc!])
    const ticks = await stored.ticksAfter(btc!, 0, 2 * TRADES)
    await stored.close()
    expect(ticks.at(-1)?.id).toBe(newest)
    ticks.forEach(({ id, price, time }, index) => {
      expect(id).toBe(ticks[0]!.id + index)
      expect([price, time]).toEqual([Number(market.trade(id).price), market.trade(id).time])
    })

    const second = await startOn(simulator, join(directory, 'data'))
    await second.ready
    expect(second.memory.stream('BTC')?.cursor).toBe(newest)
    await expectEqualCandles(simulator, second)
  }, 90_000)
})

async function expectEqualCandles(simulator: BinanceSimulator, { memory }: Gateway): Promise<void> {
  for (const timeframe of TIMEFRAMES) {
    const theirs = await klines(simulator, timeframe)
    const ours = memory.stream('BTC')!.candles(timeframe, 1_000)
    expect(ours.length, timeframe).toBeGreaterThan(0)
    for (const { time, ...candle } of ours) {
      if (timeframe === '1s' && !theirs.has(time)) continue
      const [, first, high, low, close, volume, , quoteVolume, trades, buyVolume] = theirs.get(time)!
      expect(candle, `${timeframe} ${new Date(time).toISOString()}`).toMatchObject({
        ...{ open: first, high, low, close, volume, quoteVolume, trades, buyVolume },
      })
    }
  }
}
