import { afterEach, describe, expect, test } from 'vitest'
import type { Clock } from '../../src/base/clock.ts'
import { createGateway } from '../../src/client/client.ts'
import { isFinal } from '../../src/client/close-codes.ts'
import { socketUrl } from '../../src/client/endpoint.ts'
import { connect, type Gateway, type Notice } from '../../src/client/node.ts'
import type { OpenSocket, SocketEvents } from '../../src/client/socket.ts'
import { ScriptedGateway } from '../fakes/scripted-gateway.ts'

const backoff = { firstMs: 1, maxMs: 5 }
const open: { close(): unknown }[] = []

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function scripted(symbols: readonly string[]) {
  const gateway = new ScriptedGateway(symbols)
  const notices: Notice[] = []
  const client = connect(await gateway.listen(), { backoff, onNotice: (notice) => notices.push(notice) })
  open.push(gateway, client)
  return { gateway, client, notices }
}

const next = async <T>(items: AsyncIterable<T>) => {
  for await (const item of items) return item
  return undefined
}

test.each([
  ['http://127.0.0.1:8080', 'ws://127.0.0.1:8080/ws'],
  ['https://prices.example/', 'wss://prices.example/ws'],
  ['ws://127.0.0.1:8080/ws', 'ws://127.0.0.1:8080/ws'],
  ['wss://prices.example/gateway/', 'wss://prices.example/gateway/ws'],
])('%s is reached at %s', (address, url) => {
  expect(socketUrl(address).href).toBe(url)
})

test.each(['localhost:8080', '127.0.0.1', 'ftp://x', ''])('%j is refused as an address', (address) => {
  expect(() => socketUrl(address)).toThrow(/must start with http/)
})

test.each([
  [1000, false],
  [1006, false],
  [1009, true],
  [4000, false],
  [4010, false],
  [4499, false],
  [4500, true],
  [4999, true],
])('close code %i is final: %s', (code, final) => {
  expect(isFinal(code)).toBe(final)
})

test.each([
  [4500, 'unauthorized'],
  [4501, 'bad_message'],
  [4503, 'limit_exceeded'],
  [4999, 'internal'],
  [1009, 'bad_message'],
])('close code %i stops the loop with %s', async (closeCode, code) => {
  const { gateway, client } = await scripted(['BTC'])
  gateway.answer = (_, __, socket) => {
    socket.close(closeCode, 'go away')
    return true
  }
  await expect(next(client.ticks(['BTC']))).rejects.toMatchObject({ code, message: expect.stringContaining('go away') })
  expect(gateway.subscribes).toHaveLength(1)
})

test.each([4000, 4008, 4009, 4010, 4011, 1001, 1011, undefined])('close code %s reconnects', async (closeCode) => {
  const { gateway, client } = await scripted(['BTC'])
  gateway.publish('BTC')
  gateway.answer = () => {
    if (gateway.subscribes.length > 1) return false
    gateway.cut(closeCode)
    return true
  }
  expect(await next(client.ticks(['BTC'], { history: 1 }))).toMatchObject({ id: 1 })
})

test('a gateway that is starting, or not there yet, is tried until it serves', async () => {
  const { gateway, client, notices } = await scripted(['BTC'])
  gateway.publish('BTC')
  gateway.starting = true
  const first = next(client.ticks(['BTC'], { history: 1 }))
  await expect.poll(() => notices.length).toBeGreaterThan(2)
  gateway.starting = false
  expect(await first).toMatchObject({ id: 1 })
  expect(notices[0]).toMatchObject({ type: 'disconnected', reason: expect.stringContaining('503') })
})

describe('an error answer', () => {
  test('for one symbol leaves the others', async () => {
    const { gateway, client, notices } = await scripted(['BTC'])
    gateway.publish('BTC')
    expect(await next(client.ticks(['NOPE', 'BTC'], { history: 1 }))).toMatchObject({ symbol: 'BTC' })
    expect(notices.at(-1)).toMatchObject({ type: 'refused', symbol: 'NOPE', code: 'unknown_symbol' })
  })

  test('for every symbol stops the loop with its code', async () => {
    const { client } = await scripted(['BTC'])
    await expect(next(client.candles(['NOPE']))).rejects.toMatchObject({ code: 'unknown_symbol' })
  })

  test('for the whole request stops the loop', async () => {
    const { gateway, client } = await scripted(['BTC'])
    gateway.answer = ({ id }, send) => {
      send({ type: 'error', id, code: 'bad_parameter', message: 'from is not served yet', retry: false })
      return true
    }
    await expect(next(client.ticks(['BTC'], { from: 5 }))).rejects.toMatchObject({ code: 'bad_parameter' })
  })

  test('that may be retried is retried on a new connection', async () => {
    const { gateway, client, notices } = await scripted(['BTC'])
    gateway.publish('BTC')
    gateway.answer = ({ id }, send) => {
      if (gateway.subscribes.length > 1) return false
      send({ type: 'error', id, code: 'unavailable', message: 'catching up', retry: true, symbol: 'BTC' })
      return true
    }
    expect(await next(client.ticks(['BTC'], { history: 1 }))).toMatchObject({ id: 1 })
    expect(notices[1]).toMatchObject({ type: 'disconnected', reason: 'catching up' })
  })
})

test('a frame that is no message reconnects', async () => {
  const { gateway, client } = await scripted(['BTC'])
  gateway.publish('BTC')
  gateway.answer = (_, __, socket) => {
    if (gateway.subscribes.length > 1) return false
    socket.send('not JSON')
    return true
  }
  expect(await next(client.ticks(['BTC'], { history: 1 }))).toMatchObject({ id: 1 })
})

/** A clock that stands still until told, and sockets that a test speaks for. */
function stillLife() {
  const sockets: SocketEvents[] = []
  const timers = new Map<() => void, number>()
  let now = 0
  const clock: Clock = {
    now: () => now,
    after(ms, run) {
      timers.set(run, now + ms)
      return () => void timers.delete(run)
    },
  }
  const openSocket: OpenSocket = (_, __, events) => {
    sockets.push(events)
    return { send: () => {}, close: () => {} }
  }
  const pass = (ms: number) => {
    now += ms
    for (const [run, at] of [...timers]) {
      if (at > now) continue
      timers.delete(run)
      run()
    }
  }
  return { sockets, clock, openSocket, pass, timers }
}

test('silence for two heartbeats and five seconds reconnects; any frame counts as a sign of life', async () => {
  const { sockets, clock, openSocket, pass, timers } = stillLife()
  const notices: Notice[] = []
  const options = { backoff, onNotice: (notice: Notice) => notices.push(notice) }
  const client: Gateway = createGateway('ws://127.0.0.1:1', options, openSocket, clock)
  const reading = next(client.ticks(['BTC']))
  const heartbeat = JSON.stringify({ type: 'heartbeat', time: 0 })

  await expect.poll(() => sockets.length).toBe(1)
  sockets[0]?.opened()
  sockets[0]?.message(JSON.stringify({ type: 'welcome', heartbeat: 1_000 }))
  pass(6_999)
  sockets[0]?.message(heartbeat)
  pass(1)
  pass(6_998)
  expect(sockets).toHaveLength(1)
  pass(1)
  await expect.poll(() => sockets.length).toBe(2)
  expect(notices.at(-1)).toMatchObject({ type: 'disconnected', reason: 'the gateway fell silent' })

  client.close()
  expect(await reading).toBeUndefined()
  expect(timers.size).toBe(0)
})

test('the wait before reconnecting grows while connections do not hold', async () => {
  const { sockets, clock, openSocket, pass } = stillLife()
  const waits: number[] = []
  const onNotice = (notice: Notice) => notice.type === 'disconnected' && waits.push(notice.retryInMs)
  const client = createGateway(
    'ws://127.0.0.1:1',
    { backoff: { firstMs: 1e-3, maxMs: 10 }, onNotice },
    openSocket,
    clock,
  )
  const reading = next(client.ticks(['BTC']))
  for (let n = 1; n <= 12; n++) {
    await expect.poll(() => sockets.length, { interval: 1 }).toBe(n)
    // The last one held for longer than the longest wait: its end begins a new count.
    if (n === 12) pass(11)
    sockets.at(-1)?.closed(1006, '')
  }
  await expect.poll(() => waits.length).toBe(12)
  expect(Math.max(...waits.slice(0, 5))).toBeLessThanOrEqual(0.016)
  expect(waits.every((wait, n) => wait <= 1e-3 * 2 ** n)).toBe(true)
  expect(waits[11]).toBeLessThanOrEqual(1e-3)
  client.close()
  expect(await reading).toBeUndefined()
})
