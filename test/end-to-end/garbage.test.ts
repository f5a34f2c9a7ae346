import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createBinanceFeed } from '../../feeds/binance.ts'
import { loadConfig } from '../../src/config.ts'
import { startGateway } from '../../src/gateway.ts'
import { startBinanceSimulator } from '../../src/simulate/binance.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'

const FRAMES = ['garbage', '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","a":"one"}}', '[]']

it('frames of the source that cannot be read are counted and skipped, and its trades go on', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'tickgate garbage '))
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }))
  const simulator = await startBinanceSimulator({ rate: 200 })
  onTestFinished(() => simulator.close())
  const { streamUrl, restUrl } = simulator
  const config = loadConfig({
    PORT: '0',
    CRYPTO_SYMBOLS: 'BTC',
    STOCK_SYMBOLS: '',
    MACRO_SERIES: '',
    DATA_DIR: dataDir,
  })
  const feed = createBinanceFeed({ symbols: config.cryptoSymbols, streamUrl, restUrl })
  const gateway = await startGateway({ config, feeds: [feed], dashboardDirectory: dataDir, log: createLogRecorder() })
  onTestFinished(() => gateway.close())
  await gateway.ready

  const stream = gateway.memory.stream('BTC')!
  const before = stream.cursor!
  for (const frame of FRAMES) simulator.inject(frame)
  await expect.poll(() => gateway.tallies.get('binance')?.skipped.total, { timeout: 10_000 }).toBe(FRAMES.length)
  await expect.poll(() => stream.cursor, { timeout: 10_000 }).toBeGreaterThan(before + 50)
  expect(stream.live).toBe(true)
}, 60_000)
