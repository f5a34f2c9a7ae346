import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { startBinanceSimulator } from '../../src/simulate/binance.ts'
import { Program } from '../fakes/program.ts'
import { freePort } from '../servers/launch.ts'

const open: (() => unknown)[] = []

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function openKline(restUrl: string, interval: string): Promise<readonly number[]> {
  const rows: readonly (readonly unknown[])[] = await (
    await fetch(`${restUrl}/api/v3/klines?symbol=BTCUSDT&interval=${interval}&limit=1`)
  ).json()
  return rows[0]!.slice(0, 6).map(Number)
}

async function openCandle(port: string, timeframe: string): Promise<readonly number[]> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws?symbols=BTC&timeframe=${timeframe}&history=1`)
  open.push(() => socket.terminate())
  return new Promise((resolve) => {
    socket.on('message', (data) => {
      const message = JSON.parse(String(data))
      if (message.type === 'ws_history') resolve(message.candles[0])
    })
  })
}

it('open candles are whole although the gateway was killed before it had stored them', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tickgate kill '))
  open.push(() => rm(directory, { recursive: true, force: true }))
  const simulator = await startBinanceSimulator({ rate: 100, seed: 7 })
  open.push(() => simulator.close())
  const port = String(await freePort())
  const env = {
    ...{ PORT: port, DATA_DIR: join(directory, 'data'), STOCK_SYMBOLS: '', MACRO_SERIES: '' },
    ...{ BINANCE_STREAM_URL: simulator.streamUrl, BINANCE_REST_URL: simulator.restUrl, LOG_LEVEL: 'warn' },
  }
  const start = async () => {
    const program = new Program(['serve'], env)
    open.push(() => program.kill())
    const ready = async () => (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.status
    await expect.poll(ready, { timeout: 20_000, interval: 20 }).toBe(200)
    return program
  }
  const first = await start()
  await first.kill('SIGKILL')
  await start()
  for (const [timeframe, interval] of [
    ['1h', '1h'],
    ['1D', '1d'],
    ['1W', '1w'],
  ] as const) {
    const [time, opening, , , , volume] = await openCandle(port, timeframe)
    const kline = await openKline(simulator.restUrl, interval)
    expect.soft([time, opening], timeframe).toEqual(kline.slice(0, 2))
    expect.soft(volume! / kline[5]!, `${timeframe} volume`).toBeCloseTo(1, 1)
  }
}, 60_000)
