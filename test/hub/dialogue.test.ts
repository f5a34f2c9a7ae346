import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConnectedClient } from '../fakes/connected-client.ts'
import { type HubServer, startHub } from '../fakes/hub-server.ts'

let server: HubServer
beforeEach(async () => {
  server = await startHub()
})
afterEach(() => server.close())

describe('a connection', () => {
  it('is welcomed first, with the protocol and its limits', async () => {
    const client = await ConnectedClient.open(`ws://127.0.0.1:${server.port}/ws?symbols=BTC`)
    expect(await client.next()).toEqual({
      type: 'welcome',
      protocol: 1,
      server: 'tickgate/test',
      node: 'test',
      time: expect.any(Number),
      heartbeat: 60_000,
      limits: {
        subscriptions: 1000,
        messageBytes: 65_536,
        messagesPerSecond: 50,
        history: { candles: 10_000, ticks: 10_000 },
      },
    })
    expect(await client.next()).toMatchObject({ type: 'subscribed', channel: 'candles', timeframe: '1m', history: 500 })
  })

  it('subscribes by its query, also to ticks', async () => {
    server.publish('BTC', 3)
    const client = await server.connect('?symbols=BTC&channel=ticks&history=2&id=9')
    expect(await client.next()).toEqual({
      type: 'subscribed',
      id: 9,
      channel: 'ticks',
      symbols: ['BTC'],
      streams: { BTC: 'binance:BTCUSDT' },
      history: 2,
    })
    expect(await client.next()).toMatchObject({ type: 'ws_history', cursor: 102, ticks: [{ id: 101 }, { id: 102 }] })
  })

  it('is told what is wrong with its query, and stays', async () => {
    const client = await server.connect('?symbols=BTC&timeframe=1M&id=3')
    expect(await client.next()).toMatchObject({ type: 'error', id: 3, code: 'bad_timeframe', retry: false })
    client.send({ op: 'ping', id: 4 })
    expect(await client.next()).toEqual({ type: 'pong', id: 4, time: expect.any(Number) })
  })

  it('lists its subscriptions and ends them', async () => {
    const client = await server.connect()
    client.send({ op: 'subscribe', channel: 'ticks', symbols: ['BTC'] })
    client.send({ op: 'subscribe', symbols: ['BTC', 'ETH'], timeframe: '1h', interval: 130 })
    await client.drain()
    client.send({ op: 'list', id: 1 })
    expect(await client.next()).toEqual({
      type: 'subscriptions',
      id: 1,
      subscriptions: [
        { channel: 'ticks', symbol: 'BTC' },
        { channel: 'candles', symbol: 'BTC', timeframe: '1h', interval: 150 },
        { channel: 'candles', symbol: 'ETH', timeframe: '1h', interval: 150 },
      ],
    })
    expect(server.hub.stats).toMatchObject({ sessions: 1, subscriptions: 3 })
    client.send({ op: 'unsubscribe', id: 2, channel: 'candles', symbols: ['BTC'], timeframe: '1H' })
    expect(await client.next()).toEqual({
      type: 'unsubscribed',
      id: 2,
      channel: 'candles',
      symbols: ['BTC'],
      timeframe: '1h',
    })
    client.send({ op: 'unsubscribe', id: 3, channel: 'ticks', symbols: ['BTC'] })
    expect(await client.next()).toEqual({ type: 'unsubscribed', id: 3, channel: 'ticks', symbols: ['BTC'] })
    server.publish('BTC', 2)
    expect(await client.drain()).toEqual([])
    client.send({ op: 'list' })
    expect(await client.next()).toMatchObject({ subscriptions: [{ symbol: 'ETH' }] })
  })

  it('replaces a subscription by a second one to the same thing', async () => {
    server.publish('BTC')
    const client = await server.connect()
    client.send({ op: 'subscribe', id: 1, channel: 'ticks', symbols: ['BTC'] })
    client.send({ op: 'subscribe', id: 2, channel: 'ticks', symbols: ['BTC'] })
    await client.drain()
    server.publish('BTC')
    expect(await client.drain()).toEqual([expect.objectContaining({ type: 'tick', id: 101, prev: 100 })])
    expect(server.hub.stats.subscriptions).toBe(1)
  })

  it('gets an error for a bad symbol and the rest is subscribed', async () => {
    const client = await server.connect('?symbols=BTC,XXX,ETH,BTC&id=1')
    expect(await client.next()).toMatchObject({
      type: 'error',
      id: 1,
      code: 'unknown_symbol',
      symbol: 'XXX',
      retry: false,
    })
    expect(await client.next()).toMatchObject({ type: 'subscribed', id: 1, symbols: ['BTC', 'ETH'] })
  })

  it('is told to come back for a symbol whose source has not answered yet, and for all of none', async () => {
    const waiting = await startHub({ symbols: [] })
    waiting.source.awaitedSymbols = ['BTC']
    const client = await waiting.connect('?symbols=BTC')
    expect(await client.next()).toMatchObject({ type: 'error', code: 'unavailable', symbol: 'BTC', retry: true })
    client.send({ op: 'subscribe', id: 2, symbols: ['*'], channel: 'prices' })
    expect(await client.next()).toMatchObject({ type: 'error', id: 2, code: 'unavailable', retry: true })
    client.send({ op: 'ping', id: 3 })
    expect(await client.next()).toMatchObject({ type: 'pong', id: 3 })
    await waiting.close()
  })

  it('is granted nothing, and told so, when it asks for all symbols of an empty gateway', async () => {
    const empty = await startHub({ symbols: [] })
    const client = await empty.connect('?symbols=*')
    expect(await client.next()).toMatchObject({ type: 'subscribed', symbols: [], streams: {} })
    await empty.close()
  })

  it.each([[{ op: 'subscribe', channel: 'predictions', symbols: ['BTC'] }], [{ op: 'auth', token: 'x' }]])(
    'is told honestly that %j is not served',
    async (message) => {
      const client = await server.connect()
      client.send({ id: 1, ...message })
      expect(await client.next()).toMatchObject({ type: 'error', id: 1, code: 'unavailable', retry: false })
    },
  )

  it('gets heartbeats with the last id of every tick subscription', async () => {
    const beating = await startHub({ heartbeatMs: 20 })
    beating.publish('BTC', 2)
    const client = await beating.connect('?symbols=BTC,ETH&channel=ticks')
    await client.nextOfType('ws_history')
    const { cursors } = await client.nextOfType('heartbeat')
    expect(cursors).toEqual({ BTC: 101, ETH: null })
    beating.publish('BTC')
    await client.nextOfType('tick')
    expect((await client.nextOfType('heartbeat')).cursors).toEqual({ BTC: 102, ETH: null })
    await beating.close()
  })

  it('gets the gaps of the symbols whose ticks it gets', async () => {
    const client = await server.connect('?symbols=BTC&channel=ticks')
    await client.nextOfType('ws_history')
    server.hub.gap({ symbol: 'ETH', from: 1, to: 2, status: 'open' })
    server.hub.gap({ symbol: 'BTC', from: 101, to: 110, status: 'open', reason: 'upstream' })
    const gap = { type: 'gap', symbol: 'BTC', from: 101, to: 110, count: 10, status: 'open', reason: 'upstream' }
    expect(await client.next()).toEqual(gap)
  })

  it('is closed with 4000 when the hub closes, after what was queued', async () => {
    const client = await server.connect('?symbols=BTC&channel=ticks')
    await client.nextOfType('ws_history')
    server.publish('BTC')
    await server.hub.close()
    expect(await client.next()).toMatchObject({ type: 'tick', id: 100 })
    expect(await client.closed).toEqual({ code: 4000, reason: 'shutting down' })
    expect(server.hub.stats).toMatchObject({ sessions: 0, closesByCode: { 4000: 1 } })
  })
})
