import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createBinanceFeed } from '../../../feeds/binance.ts'
import { GatewayError } from '../../../src/base/errors.ts'
import { type BinanceSimulator, startBinanceSimulator } from '../../../src/simulate/binance.ts'
import { FRAME_FAULTS } from '../../../src/simulate/faults/frame-fault.ts'
import { connectStream, type StreamClient } from '../stream-client.ts'

let simulator: BinanceSimulator
let wall: number
let clients: StreamClient[]
beforeEach(async () => {
  wall = Date.UTC(2026, 10, 22, 8, 0, 30)
  clients = []
  simulator = await startBinanceSimulator({ now: () => wall, rate: 500 })
})
afterEach(async () => {
  for (const { webSocket } of clients) webSocket.terminate()
  await simulator.close()
})

async function connect(path = 'ws/btcusdt@aggTrade'): Promise<StreamClient> {
  const client = await connectStream(`${simulator.streamUrl}/${path}`)
  clients.push(client)
  return client
}

/** Lets time pass until at least `least` trades of the symbol have happened, and returns their ids. */
function pass(least: number, symbol = 'BTCUSDT'): readonly number[] {
  const market = simulator.markets.get(symbol)!
  const first = market.nextId(wall)
  while (market.nextId(wall) < first + least) wall += 1
  return Array.from({ length: market.nextId(wall) - first }, (_, n) => first + n)
}

function idsOf(messages: readonly unknown[], symbol = 'BTCUSDT'): readonly number[] {
  const trades = messages.map((message) => (message as { data?: unknown })?.data ?? message)
  return (trades as readonly { a: number; s: string }[]).filter((trade) => trade?.s === symbol).map(({ a }) => a)
}

test('are all of those that are promised', () => {
  expect(FRAME_FAULTS).toEqual(['drop', 'double', 'delay', 'reorder', 'garbage'])
})

describe('frames', () => {
  test('can be lost', async () => {
    const client = await connect()
    simulator.faults.frames('drop', { count: 3 })
    const ids = pass(10)
    expect(idsOf(await client.received(ids.length - 3))).toEqual(ids.slice(3))
  })

  test('can come twice', async () => {
    const client = await connect()
    simulator.faults.frames('double', { count: 2 })
    const [first, second, ...rest] = pass(10)
    expect(idsOf(await client.received(rest.length + 4))).toEqual([first, first, second, second, ...rest])
  })

  test('can come late, and others overtake them', async () => {
    const client = await connect()
    simulator.faults.frames('delay', { count: 2, ms: 60 })
    const orderedAt = performance.now()
    const [first, second, ...rest] = pass(10)
    expect(idsOf(await client.received(rest.length + 2))).toEqual([...rest, first, second])
    expect(performance.now() - orderedAt).toBeGreaterThanOrEqual(59)
  })

  test('can change places with their neighbours', async () => {
    const client = await connect()
    simulator.faults.frames('reorder', { count: 5 })
    const [a, b, c, d, e, f, ...rest] = pass(10)
    expect(idsOf(await client.received(rest.length + 6))).toEqual([b, a, d, c, f, e, ...rest])
  })

  test('change places with a neighbour of a later turn, or come late when there is none', async () => {
    const client = await connect()
    simulator.faults.frames('reorder', { count: 1, ms: 60_000 })
    const [a, ...others] = pass(1)
    const [b, ...rest] = [...others, ...pass(2)]
    expect(idsOf(await client.received(rest.length + 2))).toEqual([b, a, ...rest])
    simulator.halt(true)
    const quiet = client.messages.length
    simulator.halt(false)
    simulator.faults.frames('reorder', { count: 1, ms: 20 })
    const last = pass(1)
    simulator.halt(true)
    expect(idsOf((await client.received(quiet + last.length)).slice(quiet)).toSorted()).toEqual(last)
  })

  test('can come out as garbage, of which nothing passes for a trade', async () => {
    const client = await connect('stream?streams=btcusdt@aggTrade')
    const texts: string[] = []
    client.webSocket.on('message', (data) => texts.push(String(data)))
    simulator.faults.frames('garbage', { count: 8 })
    const ids = pass(12)
    // The others come unharmed after a frame of garbage.
    const lost = [0, 2, 4, 7].map((n) => ids[n]!)
    await client.received(ids.length + 4)
    const feed = createBinanceFeed({
      ...{ streamUrl: '', restUrl: '' },
      symbols: [{ symbol: 'BTC', sourceSymbol: 'BTCUSDT' }],
    })
    const read = texts.flatMap((text) => {
      try {
        return feed.normalize(text, 0).map(({ id }) => id)
      } catch (error) {
        expect(error).toBeInstanceOf(GatewayError)
        return []
      }
    })
    expect(read).toEqual(ids.filter((id) => !lost.includes(id)))
    expect(texts.length - read.length).toBe(8)
  })
})

describe('a fault', () => {
  test('befalls one symbol when it is told to', async () => {
    const client = await connect('stream?streams=btcusdt@aggTrade/ethusdt@aggTrade')
    simulator.faults.frames('drop', { count: 4, symbol: 'ETHUSDT' })
    const [before, ethereum] = [simulator.markets.get('BTCUSDT')!.nextId(wall), pass(8, 'ETHUSDT')]
    const bitcoin = simulator.markets.get('BTCUSDT')!.nextId(wall) - before
    const messages = await client.received(bitcoin + ethereum.length - 4)
    expect(idsOf(messages, 'ETHUSDT')).toEqual(ethereum.slice(4))
    expect(idsOf(messages)).toHaveLength(bitcoin)
  })

  test('befalls every connection that there is, each on its own, and none that comes later', async () => {
    const early = await Promise.all([connect(), connect()])
    simulator.faults.frames('drop', { count: 2 })
    const late = await connect()
    const ids = pass(6)
    for (const client of early) expect(idsOf(await client.received(ids.length - 2))).toEqual(ids.slice(2))
    expect(idsOf(await late.received(ids.length))).toEqual(ids)
  })

  test('waits for the one before it', async () => {
    const client = await connect()
    simulator.faults.frames('drop', { count: 1 })
    simulator.faults.frames('double', { count: 1 })
    const [, second, ...rest] = pass(6)
    expect(idsOf(await client.received(rest.length + 2))).toEqual([second, second, ...rest])
  })

  test('leaves klines alone', async () => {
    const client = await connect('ws/btcusdt@kline_1s')
    await client.received(1)
    simulator.faults.frames('drop', { count: 100 })
    wall += 1_000
    expect(await client.received(3)).toHaveLength(3)
  })

  test('is over when it is cleared: what was held comes at once, what was ordered does not happen', async () => {
    const client = await connect()
    simulator.faults.frames('delay', { count: 2, ms: 60_000 })
    const [first, second, ...rest] = pass(6)
    await client.received(rest.length)
    simulator.faults.frames('drop', { count: 100 })
    simulator.faults.clear()
    expect(idsOf(await client.received(rest.length + 2))).toEqual([...rest, first, second])
    const more = pass(6)
    expect(idsOf(await client.received(rest.length + 2 + more.length)).slice(-more.length)).toEqual(more)
  })
})
