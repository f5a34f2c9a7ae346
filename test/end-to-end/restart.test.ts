import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type BinanceSimulator, startBinanceSimulator } from '../../src/simulate/binance.ts'
import { Program } from '../fakes/program.ts'
import { describeWithPostgres } from '../servers/describe.ts'
import { freePort } from '../servers/launch.ts'

const open: (() => unknown)[] = []

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

interface Exchange {
  readonly simulator: BinanceSimulator
  readonly env: Readonly<Record<string, string>>
  readonly url: string
}

async function startExchange(settings: Readonly<Record<string, string>> = {}): Promise<Exchange> {
  // A folder with a space, as a user's may have.
  const directory = await mkdtemp(join(tmpdir(), 'tickgate restart '))
  open.push(() => rm(directory, { recursive: true, force: true }))
  const simulator = await startBinanceSimulator({ rate: 200, seed: 7 })
  open.push(() => simulator.close())
  const port = String(await freePort())
  const env = {
    ...{
      PORT: port,
      DATA_DIR: join(directory, 'data'),
      CRYPTO_SYMBOLS: 'BTC,ETH',
      STOCK_SYMBOLS: '',
      MACRO_SERIES: '',
    },
    // However busy the machine is: what takes longer would be told as a gap, and filled behind the stream.
    HOLD_BACK_MS: '60000',
    ...{ BINANCE_STREAM_URL: simulator.streamUrl, BINANCE_REST_URL: simulator.restUrl, LOG_LEVEL: 'warn' },
    ...settings,
  }
  return { simulator, env, url: `http://127.0.0.1:${port}` }
}

function start(words: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
  const program = new Program(words, env)
  open.push(() => program.kill())
  return program
}

interface TailLine {
  readonly id: number
  readonly prev: number | null
  readonly price: number
  readonly size: number
  readonly time: number
}

function ticksOf(program: Program): readonly TailLine[] {
  return program.lines.map((line): TailLine => JSON.parse(line))
}

/** Each line is the exchange's own trade, and they follow one another without a hole or a double. */
function expectTheExchangesTrades(program: Program, simulator: BinanceSimulator): void {
  const ticks = ticksOf(program)
  const market = simulator.markets.get('BTCUSDT')!
  ticks.forEach((tick, index) => {
    if (index > 0) expect(tick.id).toBe(ticks[0]!.id + index)
    if (index > 0) expect(tick.prev).toBe(tick.id - 1)
    const trade = market.trade(tick.id)
    expect(tick).toMatchObject({ price: Number(trade.price), size: Number(trade.size), time: trade.time })
  })
}

async function tailSurvivesKills({ simulator, env, url }: Exchange): Promise<void> {
  let gateway = start(['serve'], env)
  const tail = start(['tail', 'BTC', '--url', url])
  await tail.until(({ lines }) => lines.length >= 50, 30_000)
  for (let kills = 0; kills < 2; kills++) {
    await gateway.kill('SIGKILL')
    const heard = tail.lines.length
    gateway = start(['serve'], env)
    await tail.until(({ lines }) => lines.length >= heard + 150, 30_000)
  }
  expectTheExchangesTrades(tail, simulator)
  expect(await gateway.kill('SIGTERM')).toBe(0)
}

describe('a gateway that is killed', () => {
  it('tail goes on without a hole or a double when the gateway is killed and started again', async () => {
    await tailSurvivesKills(await startExchange())
  }, 90_000)
})

describeWithPostgres('a gateway on PostgreSQL that is killed', ({ url }) => {
  it('tail goes on without a hole or a double', async () => {
    await tailSurvivesKills(await startExchange({ DATABASE_URL: url }))
  }, 90_000)
})

describe('a gateway that is stopped and started', () => {
  it('serves the same finished candles from before, and agrees with the exchange about every one', async () => {
    const exchange = await startExchange()
    const history = async () => {
      const program = start(['serve'], exchange.env)
      const candles = start(['tail', 'BTC', '--channel', 'candles', '--timeframe', '1s', '--url', exchange.url])
      await candles.until(({ lines }) => lines.filter((line) => line.includes('"final":true')).length >= 4, 30_000)
      await candles.kill()
      expect(await program.kill('SIGTERM')).toBe(0)
      return candles.lines.map((line) => JSON.parse(line)).filter(({ final }) => final)
    }
    const before = await history()
    const after = await history()
    const klines = async (from: number) =>
      (
        await fetch(
          `${exchange.simulator.restUrl}/api/v3/klines?symbol=BTCUSDT&interval=1s&startTime=${from}&limit=1000`,
        )
      ).json()
    const byTime = new Map(
      (await klines(before[0].time)).map((row: readonly unknown[]) => [Number(row[0]), row.slice(1).map(Number)]),
    )
    for (const candle of [...before, ...after]) {
      const { open: first, high, low, close, volume, quoteVolume, trades, buyVolume } = candle
      const [o, h, l, c, v, , q, n, b] = byTime.get(candle.time) as readonly number[]
      expect([first, high, low, close, volume, quoteVolume, trades, buyVolume]).toEqual([o, h, l, c, v, q, n, b])
    }
  }, 90_000)
})
