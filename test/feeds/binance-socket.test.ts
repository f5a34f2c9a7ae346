import { type AddressInfo, createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { BinanceTimeouts } from '../../feeds/binance.ts'
import type { Feed } from '../../src/feed.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import { binanceFeed, binanceInstruments, drain, listen, madeUp } from '../fakes/binance-listener.ts'
import { type StreamSource, startStreamSource } from '../fakes/stream-source.ts'
import { watchTimers } from '../fakes/timer-watch.ts'
import { aggTradeFrame } from '../fixtures/binance/frames.ts'

let source: StreamSource
let controller: AbortController

beforeEach(async () => {
  source = await startStreamSource()
  controller = new AbortController()
})
afterEach(async () => {
  controller.abort()
  await source.close()
})

describe('the request', () => {
  test('names up to a hundred streams in the URL, in lower case', async () => {
    const listening = listenTo(feedOf(source.url), binanceInstruments('BTCUSDT', 'ETHUSDT'))
    const peer = await source.nextPeer()
    await listening.connected
    expect(peer.path).toBe('/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade')
  })

  test('asks for more by SUBSCRIBE, and is connected when every one is acknowledged', async () => {
    const listening = listenTo(feedOf(source.url), binanceInstruments(...madeUp(450)))
    const peer = await source.nextPeer()
    expect(peer.path).toBe('/stream')
    const asked: unknown[] = []
    for (let id = 1; id <= 3; id++) {
      const message = await peer.nextMessage()
      expect(message).toMatchObject({ method: 'SUBSCRIBE', id })
      asked.push(...(message as { params: string[] }).params)
      expect(listening.connects()).toBe(0)
      peer.send({ result: null, id })
    }
    await listening.connected
    expect(asked).toEqual(madeUp(450).map((symbol) => `${symbol.toLowerCase()}@aggTrade`))
  })

  test('sends no more than 5 messages in any second, and each has the time to be acknowledged', async () => {
    const began = performance.now()
    const listening = listenTo(feedOf(source.url, { connectMs: 1_000 }), binanceInstruments(...madeUp(1_024)))
    const peer = await source.nextPeer()
    const times: number[] = []
    for (let id = 1; id <= 6; id++) {
      await peer.nextMessage()
      times.push(performance.now())
      peer.send({ result: null, id })
    }
    // Measured where they arrive, and those may come closer to one another on the way, but none before it was sent.
    for (const [n, time] of times.entries()) expect(time - began).toBeGreaterThan(n * 200)
    await listening.connected
  })

  test('may be given up between two SUBSCRIBEs, and leaves no timer', async () => {
    const timers = watchTimers()
    const listening = listenTo(feedOf(source.url), binanceInstruments(...madeUp(450)))
    const peer = await source.nextPeer()
    await peer.nextMessage()
    peer.send({ result: null, id: 1 })
    await expect.poll(() => listening.heard.length).toBe(1)
    controller.abort()
    await listening.ended
    expect(await timers.left()).toBe(0)
  })

  test('takes a second socket for more than 1024 streams, and is connected when both are', async () => {
    const listening = listenTo(feedOf(source.url), binanceInstruments(...madeUp(1_025)))
    const peers = [await source.nextPeer(), await source.nextPeer()]
    const long = peers.find(({ path }) => path === '/stream')
    const short = peers.find(({ path }) => path !== '/stream')
    expect(short?.path).toBe('/stream?streams=s1024usdt@aggTrade')
    for (let id = 1; id <= 6; id++) {
      await long?.nextMessage()
      expect(listening.connects()).toBe(0)
      long?.send({ result: null, id })
    }
    await listening.connected
    short?.socket.close(1001)
    await expect(listening.ended).rejects.toMatchObject({ code: 'feed_broken' })
    await expect.poll(source.connections).toBe(0)
  })

  test('is refused for no instrument at all', async () => {
    await expect(listenTo(feedOf(source.url), []).ended).rejects.toMatchObject({ code: 'feed_refused' })
  })
})

describe('the end of a connection', () => {
  test.each([
    [
      'close',
      '1008 rate limit',
      (socket: { close(code: number, reason: string): void }) => socket.close(1008, 'rate limit'),
    ],
    ['cut', '1006', (socket: { terminate(): void }) => socket.terminate()],
  ])('a %s breaks the feed and says %s', async (_, words, end) => {
    const listening = listenTo(feedOf(source.url), binanceInstruments('BTCUSDT'))
    const peer = await source.nextPeer()
    await listening.connected
    peer.send(aggTradeFrame())
    end(peer.socket)
    await expect(listening.ended).rejects.toMatchObject({
      code: 'feed_broken',
      message: expect.stringContaining(words),
    })
    expect(listening.heard).toHaveLength(1)
  })

  test('bytes that are no WebSocket break the feed', async () => {
    const listening = listenTo(feedOf(source.url), binanceInstruments('BTCUSDT'))
    const peer = await source.nextPeer()
    await listening.connected
    // @ts-expect-error the TCP socket under it, which `ws` keeps private
    peer.socket._socket.write('HTTP/1.1 500 Oops')
    await expect(listening.ended).rejects.toMatchObject({ code: 'feed_broken' })
  })

  test.each([
    ['new', { error: { code: 2, msg: 'Invalid request: unknown stream' }, id: 1 }],
    ['old', { code: 2, msg: 'Invalid request: unknown stream', id: 1 }],
  ])('a refused SUBSCRIBE (%s shape) breaks the feed with its reason', async (_, answer) => {
    const listening = listenTo(feedOf(source.url), binanceInstruments(...madeUp(101)))
    const peer = await source.nextPeer()
    await peer.nextMessage()
    peer.send(answer)
    await expect(listening.ended).rejects.toMatchObject({
      code: 'feed_broken',
      message: expect.stringContaining('2 Invalid request: unknown stream'),
    })
    expect(listening.connects()).toBe(0)
  })

  test('a refused handshake breaks the feed and says the HTTP status', async () => {
    const refusing = await startStreamSource({ verifyClient: (_, answer) => answer(false, 429) })
    const listening = listenTo(feedOf(refusing.url), binanceInstruments('BTCUSDT'))
    await expect(listening.ended).rejects.toMatchObject({
      code: 'feed_broken',
      message: expect.stringContaining('429'),
    })
    await refusing.close()
  })

  test('a source that is not there breaks the feed', async () => {
    const listening = listenTo(feedOf('ws://127.0.0.1:1'), binanceInstruments('BTCUSDT'))
    await expect(listening.ended).rejects.toMatchObject({
      code: 'feed_broken',
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })

  test('an error of whoever is told of the connection comes out of the loop', async () => {
    const feed = feedOf(source.url)
    const connected = () => {
      throw new Error('listener failed')
    }
    const reading = drain(feed.receive(binanceInstruments('BTCUSDT'), { connected }, controller.signal))
    await expect(reading).rejects.toThrow('listener failed')
    await expect.poll(source.connections).toBe(0)
  })
})

describe('silence', () => {
  test('a server that never answers the handshake breaks the feed', async () => {
    const mute = createServer((socket) => socket.resume()).listen(0, '127.0.0.1')
    await new Promise((resolve) => mute.once('listening', resolve))
    const url = `ws://127.0.0.1:${(mute.address() as AddressInfo).port}`
    const listening = listenTo(feedOf(url, { connectMs: 60 }), binanceInstruments('BTCUSDT'))
    await expect(listening.ended).rejects.toMatchObject({
      code: 'feed_broken',
      message: expect.stringContaining('within 0.06 s'),
    })
    await new Promise((resolve) => mute.close(resolve))
  })

  test('a SUBSCRIBE that is never acknowledged breaks the feed', async () => {
    const listening = listenTo(feedOf(source.url, { connectMs: 150 }), binanceInstruments(...madeUp(101)))
    await expect(listening.ended).rejects.toMatchObject({
      code: 'feed_broken',
      message: expect.stringContaining('within 0.15 s'),
    })
  })

  test('a peer that answers no ping is dropped', async () => {
    const dead = await startStreamSource({ autoPong: false })
    const listening = listenTo(feedOf(dead.url, { pingMs: 20, silenceMs: 100 }), binanceInstruments('BTCUSDT'))
    await expect(listening.ended).rejects.toMatchObject({
      code: 'feed_broken',
      message: expect.stringContaining('silent for 0.1 s'),
    })
    await expect.poll(dead.connections).toBe(0)
    await dead.close()
  })

  test('a peer that only answers pings is kept, and each answer is told', async () => {
    const listening = listenTo(feedOf(source.url, { pingMs: 250, silenceMs: 1_000 }), binanceInstruments('BTCUSDT'))
    const peer = await source.nextPeer()
    let pings = 0
    // 5 pings take 1250 ms: longer than the silence that would end it.
    await new Promise<void>((resolve) => peer.socket.on('ping', () => ++pings === 5 && resolve()))
    await expect.poll(() => listening.pongs()).toBeGreaterThanOrEqual(5)
    peer.send(aggTradeFrame())
    await expect.poll(() => listening.heard.length).toBe(1)
  })

  test('a peer that answers no ping but sends is kept', async () => {
    const busy = await startStreamSource({ autoPong: false })
    const listening = listenTo(feedOf(busy.url, { pingMs: 250, silenceMs: 1_000 }), binanceInstruments('BTCUSDT'))
    const peer = await busy.nextPeer()
    await new Promise<void>((resolve) => {
      let pings = 0
      peer.socket.on('ping', () => {
        peer.send(aggTradeFrame())
        if (++pings === 5) resolve()
      })
    })
    await expect.poll(() => listening.heard.length).toBeGreaterThanOrEqual(5)
    controller.abort()
    await busy.close()
  })
})

describe('messages', () => {
  test('are stamped with the moment of their arrival', async () => {
    let time = 1_000
    const feed = binanceFeed(source.url, { now: () => time++ })
    const listening = listenTo(feed, binanceInstruments('BTCUSDT'))
    const peer = await source.nextPeer()
    for (let n = 0; n < 3; n++) peer.send(aggTradeFrame())
    await expect.poll(() => listening.heard.map(({ received }) => received)).toEqual([1_000, 1_001, 1_002])
  })

  test('that cannot be read are left to the reader, and the others go on', async () => {
    const feed = feedOf(source.url)
    const listening = listenTo(feed, binanceInstruments('BTCUSDT'))
    const peer = await source.nextPeer()
    const bads = ['not JSON', '{"stream":"!', '{"code":7}', 'null']
    for (const frame of [aggTradeFrame({ a: 1 }), ...bads, aggTradeFrame({ a: 2 })]) peer.send(frame)
    await expect.poll(() => listening.heard.length).toBe(6)
    const [first, last] = [listening.heard[0]?.raw, listening.heard[5]?.raw]
    for (const bad of bads) {
      expect(() => feed.normalize(bad, 0)).toThrow(expect.objectContaining({ code: 'feed_payload' }))
    }
    expect([first, last].map((raw) => feed.normalize(raw!, 0)[0]?.id)).toEqual([1, 2])
  })

  test('that nobody reads break the feed at the bound, and say so', async () => {
    const feed = feedOf(source.url)
    const iterator = feed
      .receive(binanceInstruments('BTCUSDT'), { connected() {} }, controller.signal)
      [Symbol.asyncIterator]()
    const first = iterator.next()
    const peer = await source.nextPeer()
    peer.send(aggTradeFrame())
    await first
    for (let n = 0; n <= 65_536; n++) peer.socket.send('{"stream":"x"}')
    await expect.poll(source.connections, { timeout: 10_000 }).toBe(0)
    const read = await iterator.next()
    expect(read.value).toHaveLength(65_536)
    await expect(iterator.next()).rejects.toMatchObject({
      code: 'feed_broken',
      message: expect.stringContaining('65536 frames behind'),
    })
  })
})

function feedOf(streamUrl: string, timeouts: Partial<BinanceTimeouts> = {}): Feed<string> {
  return binanceFeed(streamUrl, { timeouts })
}

function listenTo(feed: Feed<string>, asked: readonly Instrument[]) {
  return listen(feed, asked, controller.signal)
}
