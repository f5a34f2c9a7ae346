import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type HubServer, startHub } from '../fakes/hub-server.ts'

let server: HubServer
beforeEach(async () => {
  server = await startHub()
})
afterEach(() => server.close())

const MINUTE = 60_000
const FIRST = 1_700_000_040_000

describe('channel candles', () => {
  it('begins with a snapshot, even of an empty stream', async () => {
    const client = await server.connect('?symbols=BTC')
    await client.nextOfType('subscribed')
    expect(await client.next()).toEqual({
      type: 'ws_history',
      channel: 'candles',
      timeframe: '1m',
      symbol: 'BTC',
      cursor: null,
      tier: 'memory',
      more: false,
      candles: [],
    })
  })

  it('sends the newest candles as rows and then the changes after the cursor', async () => {
    server.publish('BTC', 61, { price: 5 })
    const client = await server.connect('?symbols=BTC&history=9999&interval=0')
    expect(await client.next()).toMatchObject({ type: 'subscribed', history: 9999, interval: 0 })
    expect(await client.next()).toMatchObject({
      cursor: 160,
      candles: [
        [FIRST, 5, 5, 5, 5, 120],
        [FIRST + MINUTE, 5, 5, 5, 5, 2],
      ],
    })
    server.publish('BTC', 2, { price: 7 })
    const frames = await client.drain()
    expect(frames).toHaveLength(1)
    expect(frames[0]).toMatchObject({
      type: 'candle',
      time: FIRST + MINUTE,
      high: 7,
      close: 7,
      cursor: 162,
      final: false,
    })
  })

  it('does not send again what the snapshot of a later client holds', async () => {
    const early = await server.connect('?symbols=BTC&interval=50')
    await early.nextOfType('ws_history')
    server.publish('BTC')
    const late = await server.connect('?symbols=BTC&interval=50')
    expect(await late.nextOfType('ws_history')).toMatchObject({ cursor: 100 })
    expect(await early.nextOfType('candle')).toMatchObject({ cursor: 100 })
    expect(await late.drain()).toEqual([])
    server.publish('BTC')
    expect(await late.nextOfType('candle')).toMatchObject({ cursor: 101 })
  })

  it('sends every bucket that changed within an interval, oldest first, once', async () => {
    const client = await server.connect('?symbols=BTC&interval=50')
    await client.nextOfType('ws_history')
    server.publish('BTC', 121)
    const times = [
      await client.nextOfType('candle'),
      await client.nextOfType('candle'),
      await client.nextOfType('candle'),
    ]
    expect(times.map(({ time }) => time)).toEqual([FIRST, FIRST + MINUTE, FIRST + 2 * MINUTE])
    expect(await client.drain()).toEqual([])
  })

  it('sends a final candle at once, and what waited of its bucket no more', async () => {
    const client = await server.connect('?symbols=BTC,ETH&interval=100')
    await client.nextOfType('ws_history')
    await client.nextOfType('ws_history')
    server.publish('BTC', 60)
    const final = { ...server.source.of('BTC').candleAt('1m', FIRST)!, final: true }
    server.hub.candle('BTC', '5m', final)
    server.hub.candle('BTC', '1m', final)
    server.publish('ETH')
    const [first, second] = [await client.nextOfType('candle'), await client.nextOfType('candle')]
    expect(first).toMatchObject({ symbol: 'BTC', time: FIRST, final: true, timeframe: '1m', cursor: 159 })
    expect(second).toMatchObject({ symbol: 'ETH', final: false })
  })

  it('serves two timeframes of one symbol on one connection', async () => {
    const client = await server.connect('?symbols=BTC&timeframe=1s&interval=0')
    client.send({ op: 'subscribe', symbols: ['BTC'], timeframe: '1W', interval: 0 })
    await client.drain()
    server.publish('BTC')
    const frames = await client.drain()
    expect(frames.map((frame) => (frame.type === 'candle' ? frame.timeframe : frame.type)).sort()).toEqual(['1W', '1s'])
  })
})
