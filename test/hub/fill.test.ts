import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CandlePath, LATENESS_MS } from '../fakes/candle-path.ts'
import { type HubServer, startHub } from '../fakes/hub-server.ts'

const NOON = Date.UTC(2026, 10, 18, 12)
const MINUTE = 60_000
const closing = (minutes: number) => NOON + (minutes + 1) * MINUTE + LATENESS_MS
const FILL = { fill: true }

describe('candles with fill', () => {
  it('have a row for every bucket since the first candle held, up to the last that is over', () => {
    const path = new CandlePath(NOON, 'BTC')
    path.trade('BTC', NOON, { price: 101 })
    path.trade('BTC', NOON + 3 * MINUTE, { price: 103 })
    path.at(closing(5))
    const client = path.watch(['BTC'], FILL)
    expect(client.frames[0]).toMatchObject({
      type: 'ws_history',
      candles: [
        [NOON, 101, 101, 101, 101, 1],
        [NOON + MINUTE, 101, 101, 101, 101, 0],
        [NOON + 2 * MINUTE, 101, 101, 101, 101, 0],
        [NOON + 3 * MINUTE, 103, 103, 103, 103, 1],
        [NOON + 4 * MINUTE, 103, 103, 103, 103, 0],
        [NOON + 5 * MINUTE, 103, 103, 103, 103, 0],
      ],
    })
  })

  it('have as many rows as were asked for, the filled ones counted', () => {
    const path = new CandlePath(NOON, 'BTC')
    path.trade('BTC', NOON)
    path.at(closing(50_000))
    for (const history of [0, 3]) {
      const [snapshot] = path.watch(['BTC'], { ...FILL, history }).frames
      const rows = snapshot?.type === 'ws_history' && snapshot.channel === 'candles' ? snapshot.candles : []
      const times = [49_998, 49_999, 50_000].slice(3 - history).map((minutes) => NOON + minutes * MINUTE)
      expect(rows.map(([time]) => time)).toEqual(times)
    }
  })

  it('are sent when a bucket closes without a trade, before its end is told; not to those who did not ask', async () => {
    const path = new CandlePath(NOON, 'BTC')
    path.trade('BTC', NOON + 10_000)
    path.at(NOON + 11_000)
    const [filled, plain] = [path.watch(['BTC'], FILL), path.watch(['BTC'])]
    path.at(closing(0))
    path.at(closing(2))
    expect(await filled.read(NOON)).toEqual([
      ...['BTC 0: 1 final', 'end 0'],
      ...['BTC 1: empty at 100 final', 'BTC 2: empty at 100 final', 'end 1', 'end 2'],
    ])
    expect(await plain.read(NOON)).toEqual(['BTC 0: 1 final', 'end 0', 'end 1', 'end 2'])
  })

  it('come in the order of time: a trade in a later bucket tells the empty ones before it, which become final later', async () => {
    const path = new CandlePath(NOON, 'BTC')
    path.trade('BTC', NOON + 10_000)
    path.at(NOON + 11_000)
    const client = path.watch(['BTC'], FILL)
    path.trade('BTC', NOON + 2 * MINUTE)
    expect(await client.read(NOON)).toEqual(['BTC 1: empty at 100', 'BTC 2: 1'])
    path.at(closing(1))
    path.at(closing(2))
    expect(await client.read(NOON)).toEqual([
      ...['BTC 0: 1 final', 'BTC 1: empty at 100 final', 'end 0', 'end 1', 'BTC 2: 1 final', 'end 2'],
    ])
  })

  it('are told before a final candle that comes first of its bucket', async () => {
    const path = new CandlePath(NOON, 'BTC')
    path.trade('BTC', NOON + 10_000)
    path.at(NOON + 11_000)
    const client = path.watch(['BTC'], { ...FILL, interval: 60_000 })
    path.trade('BTC', NOON + 2 * MINUTE)
    path.at(closing(2))
    expect(await client.read(NOON)).toEqual([
      ...['BTC 0: 1 final', 'BTC 1: empty at 100 final', 'BTC 2: 1 final', 'end 0', 'end 1', 'end 2'],
    ])
  })

  it('have a lower revision than the candle that a late trade makes of them', async () => {
    const path = new CandlePath(NOON, 'BTC')
    path.trade('BTC', NOON + 10_000)
    path.at(NOON + 11_000)
    const [filled, plain] = [path.watch(['BTC'], FILL), path.watch(['BTC'])]
    path.at(closing(2))
    await filled.take()
    await plain.take()
    path.fillIn('BTC', NOON + MINUTE, 107)
    expect(await filled.read(NOON)).toEqual(['BTC 1: 1 final 1', 'BTC 2: empty at 107 final 1'])
    expect(await plain.read(NOON)).toEqual(['BTC 1: 1 final 1'])
  })

  it('follow the close that they carry when it is revised, up to the next candle', async () => {
    const path = new CandlePath(NOON, 'BTC')
    path.trade('BTC', NOON)
    path.trade('BTC', NOON + 3 * MINUTE)
    path.at(closing(4))
    const client = path.watch(['BTC'], FILL)
    path.trade('BTC', NOON + 1, { price: 99 })
    expect(await client.read(NOON)).toEqual([
      'BTC 0: 2 final 1',
      'BTC 1: empty at 99 final 1',
      'BTC 2: empty at 99 final 1',
    ])
  })

  it('begin with the first candle: nothing is known before it', async () => {
    const path = new CandlePath(NOON, 'BTC', 'ETH')
    path.trade('ETH', NOON + 10_000)
    path.at(NOON + 11_000)
    const client = path.watch(['BTC'], FILL)
    path.at(closing(0))
    path.trade('BTC', NOON + 2 * MINUTE)
    expect(await client.read(NOON)).toEqual(['end 0', 'BTC 2: 1'])
  })
})

describe('over a socket', () => {
  let server: HubServer
  beforeEach(async () => {
    server = await startHub()
  })
  afterEach(() => server.close())

  it('the answer says that empty buckets are filled, and the ends of buckets come as frames', async () => {
    server.publish('BTC')
    const client = await server.connect('?symbols=BTC&fill=true')
    expect(await client.nextOfType('subscribed')).toMatchObject({ history: 500, fill: true })
    const { time } = server.source.of('BTC').candles('1m', 1)[0]!
    const move = (closedUntil: number) => {
      for (const symbol of ['BTC', 'ETH']) server.source.of(symbol).closedUntil = closedUntil
      server.hub.closed()
    }
    move(time)
    move(time + 2 * MINUTE)
    expect(await client.nextOfType('candle')).toMatchObject({ time: time + MINUTE, close: 1, trades: 0, final: true })
    expect(await client.next()).toEqual({ type: 'interval_end', timeframe: '1m', time })
    expect(await client.next()).toEqual({ type: 'interval_end', timeframe: '1m', time: time + MINUTE })
  })
})
