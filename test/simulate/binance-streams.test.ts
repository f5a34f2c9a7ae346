import { once } from 'node:events'
import { createRequire } from 'node:module'
import type BinanceNamespace from 'binance-api-node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { type BinanceSimulator, startBinanceSimulator } from '../../src/simulate/binance.ts'
import { connectStream } from './stream-client.ts'

const BIRTH = Date.UTC(2026, 10, 22, 8, 0, 30)

let simulator: BinanceSimulator
let wall: number
/** How often the simulator has read the clock, which it does in every turn: so a test can wait for turns. */
let reads: number
beforeEach(async () => {
  wall = BIRTH
  reads = 0
  simulator = await startBinanceSimulator({ now: readWall, rate: 500 })
})
afterEach(() => simulator.close())

function readWall(): number {
  reads += 1
  return wall
}

const READS_OF_SOME_TURNS = 100

interface AggTradeEvent {
  readonly e: string
  readonly s: string
  readonly a: number
  readonly T: number
}
type KlineFields = Readonly<Record<'o' | 'h' | 'l' | 'c' | 'v' | 'q' | 'n' | 'V' | 'Q' | 'f' | 'L', unknown>>
interface Enveloped {
  readonly stream: string
  readonly data: AggTradeEvent
}

/** Lets `ms` pass and returns how many trades of the symbol happened meanwhile. */
function pass(ms: number, symbol: string): number {
  const market = simulator.markets.get(symbol)!
  const before = market.nextId(wall)
  wall += ms
  return market.nextId(wall) - before
}

describe('the trade streams', () => {
  test('say exactly what REST says of the same ids', async () => {
    const client = await connectStream(`${simulator.streamUrl}/stream?streams=btcusdt@aggTrade/xrpusdt@aggTrade`)
    let expected = 0
    for (const ms of [3, 1_000, 250, 4_000]) {
      const market = simulator.markets.get('XRPUSDT')!
      const before = market.nextId(wall)
      expected += pass(ms, 'BTCUSDT') + market.nextId(wall) - before
      await client.received(expected)
    }
    for (const symbol of ['BTCUSDT', 'XRPUSDT']) {
      const heard = (client.messages as readonly Enveloped[]).filter(({ data }) => data.s === symbol)
      expect(new Set(heard.map(({ stream }) => stream))).toEqual(new Set([`${symbol.toLowerCase()}@aggTrade`]))
      const asked: unknown[] = []
      for (let fromId = heard[0]!.data.a; ; fromId += 1000) {
        const response = await fetch(
          `${simulator.restUrl}/api/v3/aggTrades?symbol=${symbol}&fromId=${fromId}&limit=1000`,
        )
        const page = (await response.json()) as readonly object[]
        asked.push(...page.map((trade) => ({ e: 'aggTrade', E: expect.any(Number), s: symbol, ...trade })))
        if (page.length < 1000) break
      }
      expect(heard.map(({ data }) => data)).toEqual(asked)
      expect(heard.every(({ data }) => data.T <= wall)).toBe(true)
    }
    client.webSocket.terminate()
  })

  test('are bare under /ws, enveloped under /stream, and silent about unknown symbols', async () => {
    const bare = await connectStream(`${simulator.streamUrl}/ws/nopeusdt@aggTrade/ethusdt@aggTrade`)
    const enveloped = await connectStream(`${simulator.streamUrl}/stream?streams=nopeusdt@aggTrade/ethusdt@aggTrade`)
    const count = pass(1_000, 'ETHUSDT')
    const payloads = await bare.received(count)
    expect(await enveloped.received(count)).toEqual(payloads.map((data) => ({ stream: 'ethusdt@aggTrade', data })))
    expect((payloads as readonly AggTradeEvent[]).every(({ e, s }) => e === 'aggTrade' && s === 'ETHUSDT')).toBe(true)
    for (const { webSocket } of [bare, enveloped]) webSocket.terminate()
  })

  test('may be named with an escaped @, and a name that is none stands for nothing', async () => {
    const client = await connectStream(`${simulator.streamUrl}/ws/ethusdt%40aggTrade/7/%E0%A4%A`)
    expect(await client.ask({ method: 'LIST_SUBSCRIPTIONS', id: 1 })).toEqual({ result: ['ethusdt@aggTrade'], id: 1 })
    client.webSocket.terminate()
  })

  test('reach binance-api-node', async () => {
    const require = createRequire(import.meta.url)
    const { default: createClient } = require('binance-api-node') as { default: (typeof BinanceNamespace)['default'] }
    const client = createClient({ httpBase: simulator.restUrl, wsBase: `${simulator.streamUrl}/ws` })
    const heard = await new Promise<{ symbol: string; aggId: number; price: string }>((resolve) => {
      const stop = client.ws.aggTrades('SOLUSDT', (trade) => {
        clearInterval(passing)
        stop({ delay: 0, fastClose: true, keepClosed: true })
        resolve(trade as unknown as { symbol: string; aggId: number; price: string })
      })
      const passing = setInterval(() => pass(200, 'SOLUSDT'), 10)
    })
    const { price } = simulator.markets.get('SOLUSDT')!.trade(heard.aggId)
    expect(heard).toMatchObject({ symbol: 'SOLUSDT', price })
  })
})

describe('at full speed', () => {
  test('trades come as fast as they are taken, each one once', async () => {
    const fast = await startBinanceSimulator({ rate: 'max' })
    const client = await connectStream(`${fast.streamUrl}/ws/btcusdt@aggTrade`)
    const ids = ((await client.received(20_000)) as readonly AggTradeEvent[]).map(({ a }) => a)
    expect(ids).toEqual(ids.map((_, index) => ids[0]! + index))
    client.webSocket.terminate()
    await fast.close()
  })

  test('nothing can be kept', async () => {
    const starting = startBinanceSimulator({ rate: 'max', directory: 'unused' })
    await expect(starting).rejects.toMatchObject({ code: 'config_invalid' })
  })
})

test('klines are pushed while they grow and once more when they are closed', async () => {
  const client = await connectStream(`${simulator.streamUrl}/ws/btcusdt@kline_1m`)
  await client.received(1)
  wall = BIRTH + 31_500
  const [open, closed, next] = (await client.received(3)) as readonly { k: KlineFields }[]
  const start = BIRTH - 30_000
  expect(open!.k).toMatchObject({ t: start, T: start + 59_999, s: 'BTCUSDT', i: '1m', x: false })
  expect(closed!.k).toMatchObject({ t: start, x: true, o: open!.k.o, f: open!.k.f })
  expect(next!.k).toMatchObject({ t: start + 60_000, x: false, f: Number(closed!.k.L) + 1 })
  const response = await fetch(
    `${simulator.restUrl}/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=${start}&limit=1`,
  )
  const [row] = (await response.json()) as readonly unknown[][]
  const { o, h, l, c, v, q, n, V, Q } = closed!.k
  expect([o, h, l, c, v, q, n, V, Q]).toEqual([1, 2, 3, 4, 5, 7, 8, 9, 10].map((field) => row![field]))
  client.webSocket.terminate()
})

test('no closed kline is left out, however late the push comes', async () => {
  const client = await connectStream(`${simulator.streamUrl}/ws/btcusdt@kline_1s`)
  await client.received(1)
  wall += 5_300
  const pushed = (await client.received(7)) as readonly { k: { t: number; x: boolean } }[]
  const closed = pushed.slice(1).filter(({ k }) => k.x)
  expect(closed.map(({ k }) => k.t)).toEqual([0, 1, 2, 3, 4].map((second) => BIRTH + second * 1_000))
  client.webSocket.terminate()
})

describe('commands', () => {
  test('subscribe, list and unsubscribe, and trades follow', async () => {
    const client = await connectStream(`${simulator.streamUrl}/ws`)
    const streams = ['btcusdt@aggTrade', 'ethusdt@aggTrade']
    expect(await client.ask({ method: 'SUBSCRIBE', params: streams, id: 1 })).toEqual({ result: null, id: 1 })
    expect(await client.ask({ method: 'LIST_SUBSCRIPTIONS', id: 'a' })).toEqual({ result: streams, id: 'a' })
    await client.received(2 + pass(1_000, 'BTCUSDT'))
    client.webSocket.send(JSON.stringify({ method: 'UNSUBSCRIBE', params: ['btcusdt@aggTrade'], id: 2 }))
    await expect.poll(() => client.messages).toContainEqual({ result: null, id: 2 })
    const unsubscribedAt = wall
    const heard = () => (client.messages as readonly AggTradeEvent[]).filter(({ T }) => T > unsubscribedAt)
    const count = pass(1_000, 'ETHUSDT')
    await expect.poll(() => heard().length).toBe(count)
    expect(new Set(heard().map(({ s }) => s))).toEqual(new Set(['ETHUSDT']))
    client.webSocket.terminate()
  })

  test('turn the envelope on and off', async () => {
    const client = await connectStream(`${simulator.streamUrl}/stream`)
    expect(await client.ask({ method: 'GET_PROPERTY', params: ['combined'], id: 1 })).toEqual({ result: true, id: 1 })
    await client.ask({ method: 'SET_PROPERTY', params: ['combined', false], id: 2 })
    expect(await client.ask({ method: 'GET_PROPERTY', params: ['combined'], id: 3 })).toEqual({ result: false, id: 3 })
    client.webSocket.terminate()
  })

  test.each([
    ['not JSON', '{nonsense', 3, null],
    ['of an unknown method', { method: 'SUBSCRIB', params: [], id: 4 }, 2, 4],
    ['without a method', { params: [], id: 5 }, 2, 5],
    ['without a list', { method: 'SUBSCRIBE', params: 'btcusdt@aggTrade', id: 6 }, 2, 6],
    ['with an object for an id', { method: 'SUBSCRIBE', params: [], id: { deep: true } }, 2, null],
    ['about an unknown property', { method: 'SET_PROPERTY', params: ['colour', true], id: 7 }, 0, 7],
    ['with a wrong value', { method: 'SET_PROPERTY', params: ['combined', 'yes'], id: 8 }, 1, 8],
    [
      'for too many streams',
      { method: 'SUBSCRIBE', params: Array.from({ length: 1025 }, (_, n) => `s${n}@trade`), id: 9 },
      2,
      9,
    ],
  ])('%s get an error and change nothing', async (_what, command, code, id) => {
    const client = await connectStream(`${simulator.streamUrl}/ws`)
    expect(await client.ask(command)).toMatchObject({ error: { code, msg: expect.any(String) }, id })
    expect(await client.ask({ method: 'LIST_SUBSCRIPTIONS', id: 10 })).toEqual({ result: [], id: 10 })
    client.webSocket.terminate()
  })

  test('come at most five a second', async () => {
    const client = await connectStream(`${simulator.streamUrl}/ws`, { autoPong: false })
    for (let id = 0; id < 6; id += 1) client.webSocket.send(JSON.stringify({ method: 'LIST_SUBSCRIPTIONS', id }))
    expect(await client.closed).toBe(1008)
  })
})

describe('a connection', () => {
  test('is pinged with a payload, and cut when no pong comes within a minute', async () => {
    const pinging = await startBinanceSimulator({ now: () => wall, rules: { pingEveryMs: 20 } })
    const webSocket = new WebSocket(`${pinging.streamUrl}/ws/btcusdt@aggTrade`, { autoPong: false })
    const [payload] = (await once(webSocket, 'ping')) as [Buffer]
    expect(String(payload)).toBe(String(BIRTH))
    wall += 60_001
    const [code] = (await once(webSocket, 'close')) as [number]
    expect(code).toBe(1006)
    await pinging.close()
  })

  test('is refused on another path or with more than 1024 streams', async () => {
    const status = async (path: string) => {
      const webSocket = new WebSocket(`${simulator.streamUrl}${path}`)
      const [error] = (await once(webSocket, 'error')) as [Error]
      return error.message
    }
    expect(await status('/live')).toContain('404')
    expect(await status('//%')).toContain('404')
    const names = Array.from({ length: 1025 }, (_, n) => `s${n}@t`).join('/')
    expect(await status(`/stream?streams=${names}`)).toContain('400')
  })

  test('can be cut, all of them at once', async () => {
    const clients = await Promise.all([1, 2].map(() => connectStream(`${simulator.streamUrl}/ws/btcusdt@aggTrade`)))
    simulator.faults.closeAll()
    expect(await Promise.all(clients.map(({ closed }) => closed))).toEqual([1006, 1006])
  })

  test('can go silent: no trade, no pong, and what was missed stays missed', async () => {
    const client = await connectStream(`${simulator.streamUrl}/ws/btcusdt@aggTrade`)
    await client.received(pass(500, 'BTCUSDT'))
    simulator.faults.stall(true)
    const silent = client.messages.length
    let pongs = 0
    client.webSocket.on('pong', () => {
      pongs += 1
    })
    client.webSocket.ping()
    const missed = pass(500, 'BTCUSDT')
    const readsBefore = reads
    await expect.poll(() => reads - readsBefore).toBeGreaterThan(READS_OF_SOME_TURNS)
    expect([client.messages.length, pongs]).toEqual([silent, 0])
    simulator.faults.stall(false)
    await once(client.webSocket, 'pong')
    const heard = (await client.received(silent + pass(500, 'BTCUSDT'))) as readonly AggTradeEvent[]
    expect(heard[silent]!.a - heard[silent - 1]!.a).toBe(missed + 1)
    client.webSocket.terminate()
  })

  test('takes whatever text is injected', async () => {
    const client = await connectStream(`${simulator.streamUrl}/ws/btcusdt@aggTrade`)
    simulator.inject('{"e":"serverShutdown","E":1}')
    expect(await client.received(1)).toEqual([{ e: 'serverShutdown', E: 1 }])
    client.webSocket.terminate()
  })

  test('ends with the simulator, as everything else does', async () => {
    const client = await connectStream(`${simulator.streamUrl}/ws/btcusdt@aggTrade`)
    await simulator.close()
    expect(await client.closed).toBe(1006)
    await expect(fetch(`${simulator.restUrl}/api/v3/ping`)).rejects.toThrow()
    simulator = await startBinanceSimulator()
  })
})
