import { get, type IncomingMessage } from 'node:http'
import { connect as connectSocket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConnectedClient } from '../fakes/connected-client.ts'
import { type HubServer, startHub } from '../fakes/hub-server.ts'

let server: HubServer
beforeEach(async () => {
  server = await startHub()
})
afterEach(() => server.close())

/** A well-behaved client, and the proof that it gets every tick while `act` runs. */
async function othersNoticeNothing(act: () => Promise<void>): Promise<void> {
  const other = await server.connect('?symbols=BTC&channel=ticks')
  await other.nextOfType('ws_history')
  server.publish('BTC', 2)
  await act()
  server.publish('BTC', 2)
  const ids = (await other.drain()).map((frame) => (frame.type === 'tick' ? frame.id : frame.type))
  expect(ids).toEqual([100, 101, 102, 103])
}

describe('a hostile client', () => {
  it.each([
    ['bad_message', '{"op":'],
    ['bad_message', Buffer.from([1, 2, 3])],
    ['bad_message', '[]'],
    ['unknown_op', { op: 'drop tables' }],
    ['unknown_channel', { op: 'subscribe', channel: '__proto__', symbols: ['BTC'] }],
    ['unknown_symbol', { op: 'subscribe', symbols: ['constructor'] }],
    ['bad_parameter', { op: 'subscribe', symbols: { length: 1e9 } }],
    ['bad_parameter', { op: 'subscribe', symbols: ['BTC'], history: 1e300 }],
  ])('gets %s for %j and its connection stays', async (code, message) => {
    await othersNoticeNothing(async () => {
      const hostile = await server.connect()
      hostile.send(message)
      expect(await hostile.next()).toMatchObject({ type: 'error', code })
      expect(await hostile.drain()).toEqual([])
    })
  })

  it('is closed with 1009 for a message of 2 MB', async () => {
    await othersNoticeNothing(async () => {
      const hostile = await server.connect()
      hostile.send('x'.repeat(2 * 1024 * 1024))
      expect(await hostile.closed).toMatchObject({ code: 1009 })
    })
    expect(server.hub.stats.closesByCode).toMatchObject({ 1009: 1 })
  })

  it('is closed with 4501 after a hundred unreadable messages in a row', async () => {
    await othersNoticeNothing(async () => {
      const hostile = await server.connect()
      for (let count = 0; count < 99; count += 1) hostile.send('?')
      expect(await hostile.drain()).toHaveLength(99)
      for (let count = 0; count < 100; count += 1) hostile.send('?')
      expect(await hostile.closed).toMatchObject({ code: 4501 })
    })
  })

  it('is told rate_limited, with the id, for messages over the burst', async () => {
    const hostile = await server.connect()
    for (let id = 0; id < 250; id += 1) hostile.send({ op: 'ping', id })
    const answers = []
    for (let id = 0; id < 250; id += 1) answers.push(await hostile.next())
    expect(answers.slice(0, 200).every(({ type }) => type === 'pong')).toBe(true)
    expect(answers.at(-1)).toMatchObject({ type: 'error', id: 249, code: 'rate_limited', retry: true })
  })

  it('gets no more subscriptions than it may have', async () => {
    const limited = await startHub({ limits: { maxSubscriptions: 1 } })
    const hostile = await limited.connect('?symbols=BTC,ETH')
    expect(await hostile.next()).toMatchObject({ type: 'error', code: 'limit_exceeded', symbol: 'ETH' })
    expect(await hostile.next()).toMatchObject({ type: 'subscribed', symbols: ['BTC'] })
    hostile.send({ op: 'subscribe', symbols: ['BTC'], interval: 0 })
    expect(await hostile.nextOfType('subscribed')).toMatchObject({ symbols: ['BTC'], interval: 0 })
    await limited.close()
  })

  it('is closed with 4503 when there are too many', async () => {
    const limited = await startHub({ limits: { maxConnections: 1 } })
    const first = await limited.connect()
    const second = await ConnectedClient.open(`ws://127.0.0.1:${limited.port}/ws`)
    expect(await second.closed).toMatchObject({ code: 4503 })
    expect(await first.drain()).toEqual([])
    await limited.close()
  })

  it('that does not read is closed with 4008, with its memory bounded, and costs the others nothing', async () => {
    const bounded = await startHub({ limits: { maxQueuedBytes: 100_000 } })
    const slow = await bounded.connect('?symbols=BTC&channel=ticks')
    const other = await bounded.connect('?symbols=ETH&channel=ticks')
    slow.ws.pause()
    // The kernel takes some megabytes before anything is queued here.
    for (let round = 0; round < 2_000 && bounded.hub.stats.sessions === 2; round += 1) {
      for (let count = 0; count < 100; count += 1) bounded.hub.publish({ ...SAMPLE, id: round * 100 + count })
      await new Promise((resolve) => setImmediate(resolve))
      if (bounded.hub.stats.subscriptions === 1) break
    }
    expect(bounded.hub.stats.subscriptions).toBe(1)
    bounded.publish('ETH')
    expect(await other.nextOfType('tick')).toMatchObject({ symbol: 'ETH' })
    slow.ws.resume()
    expect(await slow.closed).toMatchObject({ code: 4008 })
    await bounded.close()
  })

  it('that does not answer pings is closed with 4009', async () => {
    const pinging = await startHub({ limits: { pingMs: 50 } })
    const socket = connectSocket(pinging.port, '127.0.0.1')
    socket.write(HANDSHAKE)
    const reason = 'no pong'
    const closeFrame = Buffer.from([0x88, 2 + reason.length, 4009 >> 8, 4009 & 0xff, ...Buffer.from(reason)])
    let received = Buffer.alloc(0)
    await new Promise<void>((resolve) => {
      socket.on('data', (data: Buffer) => {
        received = Buffer.concat([received, data])
        if (received.includes(closeFrame)) resolve()
      })
    })
    socket.destroy()
    const alive = await pinging.connect()
    let pings = 0
    await new Promise<void>((resolve) => alive.ws.on('ping', () => ++pings === 6 && resolve()))
    expect(await alive.drain()).toEqual([])
    await pinging.close()
    expect(pinging.hub.stats.closesByCode).toEqual({ 4009: 1, 4000: 1 })
  })
})

describe('an upgrade', () => {
  const open = (port: number, path = '/ws', headers = {}) =>
    ConnectedClient.open(`ws://127.0.0.1:${port}${path}`, headers)

  it('is refused with 503 while the gateway is not ready', async () => {
    const starting = await startHub({ ready: () => false })
    await expect(open(starting.port)).rejects.toThrow('503')
    const headers = { Connection: 'Upgrade', Upgrade: 'websocket' }
    const response = await new Promise<IncomingMessage>((resolve) => {
      get({ port: starting.port, path: '/ws', headers }, resolve)
    })
    expect(response.headers['retry-after']).toBe('1')
    await starting.close()
  })

  it('is refused on other paths and from pages of other origins', async () => {
    await expect(open(server.port, '/other')).rejects.toThrow('404')
    await expect(open(server.port, '//')).rejects.toThrow('40')
    await expect(open(server.port, '/ws', { Origin: 'https://evil.example' })).rejects.toThrow('403')
    await expect(open(server.port, '/ws', { Origin: 'null' })).rejects.toThrow('403')
    await expect(open(server.port, '/ws', { Origin: 'http://localhost:5173' })).resolves.toBeDefined()
    await expect(
      open(server.port, '/ws', { Origin: 'http://gate.example', Host: 'gate.example' }),
    ).resolves.toBeDefined()
  })
})

const SAMPLE = {
  symbol: 'BTC',
  prev: null,
  price: 1,
  size: 1,
  side: 'buy',
  trades: 1,
  time: 1_700_000_000_000,
  received: 1_700_000_000_000,
  backfilled: false,
} as const

/** By hand, since a real WebSocket client answers pings whether it wants to or not. */
const HANDSHAKE = [
  'GET /ws HTTP/1.1',
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n')
