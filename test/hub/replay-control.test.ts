import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/base/errors.ts'
import type { ServerMessage } from '../../src/wire/messages.ts'
import type { ConnectedClient } from '../fakes/connected-client.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { type HubServer, startHub } from '../fakes/hub-server.ts'

const START = 1_700_000_040_000
/** One tick a second, the first has id 100. */
const timeOf = (id: number) => START + (id - 100) * 1_000

let server: HubServer
let clock: FakeClock
let client: ConnectedClient
beforeEach(async () => {
  clock = new FakeClock()
  server = await startHub({ clock })
  server.publish('BTC', 100)
  server.publish('ETH', 100)
  client = await server.connect()
})
afterEach(() => server.close())

const tickIds = (frames: readonly ServerMessage[]) => frames.flatMap((frame) => (frame.type === 'tick' ? frame.id : []))
const ticks = async () => tickIds(await client.drain())

async function begin(fields: object, symbols = ['BTC']): Promise<void> {
  client.send({ op: 'subscribe', channel: 'ticks', symbols, from: timeOf(100), ...fields })
  await client.nextOfType('subscribed')
  await clock.advance(0)
}

/** What the gateway answers to an action. */
async function act(action: string, fields: object = {}, symbols = ['BTC']): Promise<ServerMessage> {
  client.send({ op: 'replay', id: action, symbols, action, ...fields })
  for (;;) {
    const frame = await client.next()
    if ('id' in frame && frame.id === action) return frame
  }
}

describe('a replay is paced by the time of its ticks', () => {
  it('as fast as they happened, unless told', async () => {
    await begin({})
    expect(await ticks()).toEqual([100])
    await clock.advance(990)
    expect(await ticks()).toEqual([])
    await clock.advance(10)
    expect(await ticks()).toEqual([101])
    await clock.advance(3_000)
    expect(await ticks()).toEqual([102, 103, 104])
  })

  it.each([
    [10, 100, 101],
    [0.1, 10_000, 101],
    [1_000, 5, 105],
  ])('%d times as fast', async (speed, ms, last) => {
    await begin({ speed })
    await client.drain()
    await clock.advance(ms)
    expect((await ticks()).at(-1)).toBe(last)
  })

  it('from where it was asked to begin, also before its first tick', async () => {
    await begin({ from: timeOf(100) + 500 })
    await clock.advance(495)
    expect(await ticks()).toEqual([])
    await clock.advance(5)
    expect(await ticks()).toEqual([101])
  })

  it('with the symbols of one request in step, at any speed', async () => {
    server.publish('ETH', 3)
    await begin({ speed: 'max', from: timeOf(195) }, ['BTC', 'ETH'])
    const order = (await client.drain()).map((frame) =>
      frame.type === 'tick' || frame.type === 'replay_end' ? `${frame.type} ${frame.symbol}` : frame.type,
    )
    const pair = ['tick BTC', 'tick ETH']
    const ends = ['replay_end BTC', 'replay_end ETH']
    expect(order.slice(2)).toEqual([...Array(5).fill(pair).flat(), ...Array(3).fill('tick ETH'), ...ends])
  })

  it('and a tick published meanwhile waits for its turn', async () => {
    await begin({ from: timeOf(198) }, ['BTC', 'ETH'])
    await client.drain()
    server.publish('ETH')
    expect(await ticks()).toEqual([])
    await clock.advance(1_000)
    expect(await ticks()).toEqual([199, 199])
  })

  it('and has the id of its last tick in the heartbeat', async () => {
    const beating = await startHub({ clock, heartbeatMs: 20 })
    beating.publish('BTC', 10)
    const other = await beating.connect(`?symbols=BTC&channel=ticks&from=${timeOf(103)}`)
    await other.nextOfType('tick')
    expect((await other.nextOfType('heartbeat')).cursors).toEqual({ BTC: 103 })
    await beating.close()
  })
})

describe('a running replay', () => {
  it('pauses, says where it is, and goes on from there', async () => {
    await begin({})
    await clock.advance(2_500)
    expect(await act('pause')).toEqual({
      ...{ type: 'subscribed', id: 'pause', channel: 'ticks', symbols: ['BTC'], streams: { BTC: 'binance:BTCUSDT' } },
      ...{ from: timeOf(102) + 500, speed: 1, paused: true },
    })
    await clock.advance(60_000)
    expect(await ticks()).toEqual([])
    expect(await act('resume')).toMatchObject({ from: timeOf(102) + 500, speed: 1 })
    await clock.advance(495)
    expect(await ticks()).toEqual([])
    await clock.advance(5)
    expect(await ticks()).toEqual([103])
  })

  it.each(['forwards', 'backwards'])('seeks %s, and says which id the next tick follows', async (where) => {
    await begin({})
    await clock.advance(10_000)
    const id = where === 'forwards' ? 150 : 104
    expect(await act('seek', { time: timeOf(id) })).toMatchObject({ type: 'subscribed', from: timeOf(id), speed: 1 })
    expect(await client.next()).toMatchObject({ type: 'ws_history', symbol: 'BTC', cursor: id - 1, ticks: [] })
    expect(await client.next()).toMatchObject({ type: 'tick', id, prev: id - 1 })
    await clock.advance(1_000)
    expect(await ticks()).toEqual([id + 1])
  })

  it('changes its speed', async () => {
    await begin({})
    expect(await act('speed', { speed: 10 })).toMatchObject({ from: timeOf(100), speed: 10 })
    await clock.advance(100)
    expect(await ticks()).toEqual([101])
    expect(await act('speed', { speed: 'max' })).toMatchObject({ from: timeOf(101), speed: 'max' })
    expect((await client.nextOfType('replay_end')).cursor).toBe(199)
  })

  it('that is paused seeks and stays paused', async () => {
    await begin({ speed: 'max', to: timeOf(150) })
    await client.nextOfType('replay_end')
    await begin({ speed: 1 })
    await act('pause')
    expect(await act('seek', { time: timeOf(120) })).toMatchObject({ paused: true, from: timeOf(120) })
    await clock.advance(5_000)
    expect(await ticks()).toEqual([])
    await act('resume')
    expect(await client.nextOfType('tick')).toMatchObject({ id: 120 })
  })

  it('does it for the symbols that are named only, which then have a clock of their own', async () => {
    await begin({}, ['BTC', 'ETH'])
    await client.drain()
    expect(await act('pause', {}, ['ETH'])).toMatchObject({ symbols: ['ETH'], paused: true })
    await clock.advance(1_000)
    expect(await client.drain()).toMatchObject([{ symbol: 'BTC', id: 101 }])
    expect(await act('seek', { time: timeOf(110) }, ['BTC'])).toMatchObject({ symbols: ['BTC'], from: timeOf(110) })
    await act('resume', {}, ['*'])
    await clock.advance(1_000)
    const ids = (await client.drain()).map((frame) => frame.type === 'tick' && [frame.symbol, frame.id])
    expect(ids).toEqual(
      expect.arrayContaining([
        ['BTC', 111],
        ['ETH', 101],
      ]),
    )
  })

  it('does not read a page twice that was on its way when its symbol got a clock of its own', async () => {
    for (const symbol of ['BTC', 'ETH']) server.source.of(symbol).evictTo(5)
    server.source.hold()
    client.send({ op: 'subscribe', channel: 'ticks', symbols: ['BTC', 'ETH'], from: timeOf(105) })
    for (const _whereTheyBegin of [1, 2, 3, 4]) (await server.source.nextHeld()).release()
    const pages = [await server.source.nextHeld(), await server.source.nextHeld()]
    await act('speed', { speed: 2 }, ['ETH'])
    for (const page of pages) page.release()
    await clock.advance(1_000)
    const seen = (await client.drain()).map((frame) => frame.type === 'tick' && [frame.symbol, frame.id])
    expect(seen.filter(Boolean).sort()).toEqual([
      ['BTC', 105],
      ['BTC', 106],
      ['ETH', 105],
      ['ETH', 106],
      ['ETH', 107],
    ])
    expect(server.source.reads).toBe(6)
  })

  it('sends nothing of the old place while it seeks, and goes on there when the new one cannot be read', async () => {
    server.source.of('BTC').evictTo(5)
    await begin({})
    await client.drain()
    server.source.hold()
    client.send({ op: 'replay', id: 7, symbols: ['BTC'], action: 'seek', time: timeOf(110) })
    const held = await server.source.nextHeld()
    await clock.advance(2_000)
    held.fail(new GatewayError('tier_unavailable', 'the database is away'))
    server.source.letPass()
    const error = await client.next()
    expect(error).toMatchObject({ type: 'error', id: 7, code: 'unavailable', retry: true, symbol: 'BTC' })
    expect(await client.next()).toMatchObject({ id: 101, prev: 100 })
  })

  it('is replaced by a second subscribe', async () => {
    await begin({})
    await client.drain()
    client.send({ op: 'subscribe', channel: 'ticks', symbols: ['BTC'] })
    await client.drain()
    await clock.advance(5_000)
    expect(await client.drain()).toEqual([])
    server.publish('BTC')
    expect(await client.next()).toMatchObject({ id: 200, prev: 199 })
    expect(await act('pause')).toMatchObject({ type: 'error', code: 'bad_parameter', symbol: 'BTC' })
  })

  it.each([
    ['pause', {}, 'being replayed'],
    ['seek', {}, 'seek must come with time'],
    ['speed', {}, 'speed must come with speed'],
    ['pause', { time: 1 }, 'time does not belong to pause'],
    ['jump', {}, 'action'],
  ])('refuses %s with %j where that means nothing', async (action, fields, words) => {
    const error = await act(action, fields)
    expect(error).toMatchObject({ type: 'error', code: 'bad_parameter', retry: false })
    expect(error).toHaveProperty('message', expect.stringContaining(words))
  })

  it('refuses what is asked of all replays where there is none', async () => {
    expect(await act('pause', {}, ['*'])).toMatchObject({ type: 'error', code: 'bad_parameter', retry: false })
  })

  it('is granted from where it was asked to begin, however long that took', async () => {
    let now = 0
    const restless = await startHub({ clock: { now: () => ++now, after: () => () => {} } })
    restless.publish('BTC', 100)
    const other = await restless.connect(`?channel=ticks&symbols=BTC&from=${timeOf(150)}&speed=1000`)
    expect(await other.next()).toMatchObject({ type: 'subscribed', from: timeOf(150) })
    await restless.close()
  })

  it('refuses to seek beyond its end', async () => {
    await begin({ to: timeOf(120) })
    expect(await act('seek', { time: timeOf(121) })).toMatchObject({ type: 'error', code: 'bad_parameter' })
    expect(await act('seek', { time: Date.UTC(2100, 0) }, ['ETH'])).toMatchObject({ type: 'error', symbol: 'ETH' })
  })
})
