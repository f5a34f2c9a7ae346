import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import {
  type BinanceSimulator,
  type BinanceSimulatorOptions,
  startBinanceSimulator,
} from '../../src/simulate/binance.ts'
import { connectStream } from './stream-client.ts'

const BIRTH = Date.UTC(2026, 10, 22, 8, 0, 30)

let simulator: BinanceSimulator
let wall: number
afterEach(() => simulator.close())

async function start(options: BinanceSimulatorOptions = {}): Promise<void> {
  wall = BIRTH
  simulator = await startBinanceSimulator({ now: () => wall, rate: 500, ...options })
}

const nextId = (symbol: string) => simulator.markets.get(symbol)!.nextId(wall)

describe('a halt', () => {
  test('lets nothing new happen, and nothing has happened meanwhile when it ends', async () => {
    await start()
    const market = simulator.markets.get('BTCUSDT')!
    wall += 1_000
    const client = await connectStream(`${simulator.streamUrl}/ws/btcusdt@aggTrade`)
    for (let halts = 0; halts < 3; halts += 1) {
      simulator.halt(true)
      const [next, haltedAt] = [nextId('BTCUSDT'), wall]
      const before = Array.from({ length: 50 }, (_, n) => market.trade(next - 1 - n))
      wall += 10_000
      expect(nextId('BTCUSDT')).toBe(next)
      simulator.halt(false)
      expect(nextId('BTCUSDT')).toBe(next)
      const goneOnAt = wall
      wall += 5_000
      expect(nextId('BTCUSDT')).toBeGreaterThan(next + 500)
      expect(before).toEqual(before.map(({ id }) => market.trade(id)))
      expect(market.trade(next - 1).time).toBeLessThanOrEqual(haltedAt)
      expect(market.trade(next).time).toBeGreaterThan(goneOnAt)
      expect(market.idAt(haltedAt + 1)).toBe(next)
      expect(market.idAt(goneOnAt)).toBe(next)
    }
    const first = ((await client.received(1)) as readonly { a: number }[])[0]!.a
    const heard = (await client.received(nextId('BTCUSDT') - first)) as readonly { a: number }[]
    expect(heard.map(({ a }) => a)).toEqual(heard.map((_, n) => first + n))
    client.webSocket.terminate()
  })

  test('can be of one symbol, and said twice is said once', async () => {
    await start()
    simulator.halt(true, 'XRPUSDT')
    simulator.halt(true, 'XRPUSDT')
    const [quiet, busy] = [nextId('XRPUSDT'), nextId('BTCUSDT')]
    wall += 5_000
    expect(nextId('XRPUSDT')).toBe(quiet)
    expect(nextId('BTCUSDT')).toBeGreaterThan(busy)
    simulator.halt(false)
    simulator.halt(false)
    wall += 5_000
    expect(nextId('XRPUSDT')).toBeGreaterThan(quiet)
  })

  test('stops neither the clock nor the klines, which are flat', async () => {
    await start()
    simulator.halt(true)
    wall += 120_000
    const ask = async (path: string) => (await fetch(`${simulator.restUrl}/api/v3/${path}`)).json()
    expect(await ask('time')).toEqual({ serverTime: wall })
    const [flat] = (await ask('klines?symbol=BTCUSDT&interval=1m&limit=1')) as readonly unknown[][]
    expect([flat![0], flat![8]]).toEqual([Math.floor(wall / 60_000) * 60_000, 0])
  })

  test('is refused where trades are made as fast as they are taken, and where they are kept', async () => {
    await start({ rate: 'max' })
    expect(() => simulator.halt(true)).toThrow(/must be made up at a rate/)
    await simulator.close()
    const directory = await mkdtemp(join(tmpdir(), 'halt '))
    await start({ directory })
    expect(() => simulator.halt(true)).toThrow(/must be made up at a rate/)
    await simulator.close()
    await rm(directory, { recursive: true })
  })
})
