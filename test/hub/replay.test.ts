import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/base/errors.ts'
import type { ServerMessage } from '../../src/wire/messages.ts'
import type { ConnectedClient } from '../fakes/connected-client.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { type HubServer, startHub } from '../fakes/hub-server.ts'

/** The first tick of a fake stream, id 100, happened then; one a second follows. */
const START = 1_700_000_040_000
const timeOf = (id: number) => START + (id - 100) * 1_000

let server: HubServer
let clock: FakeClock
beforeEach(async () => {
  clock = new FakeClock()
  server = await startHub({ clock, limits: { resumeWaitMs: 100 } })
})
afterEach(() => server.close())

const ids = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index)
const tickIds = (frames: readonly ServerMessage[]) => frames.flatMap((frame) => (frame.type === 'tick' ? frame.id : []))

async function replay(fields: object, symbols = ['BTC']): Promise<ConnectedClient> {
  const client = await server.connect()
  client.send({ op: 'subscribe', id: 1, channel: 'ticks', symbols, ...fields })
  return client
}

/** Everything up to a frame of this type, that one included. */
async function until(client: ConnectedClient, type: ServerMessage['type']): Promise<readonly ServerMessage[]> {
  const frames = [await client.next()]
  while (frames.at(-1)?.type !== type) frames.push(await client.next())
  return frames
}

describe('a replay', () => {
  it('says what is granted and which id its first tick follows, replays, and goes on live without a hole', async () => {
    server.publish('BTC', 6)
    const client = await replay({ from: timeOf(102), speed: 'max' })
    expect(await client.next()).toEqual({
      ...{ type: 'subscribed', id: 1, channel: 'ticks', symbols: ['BTC'], streams: { BTC: 'binance:BTCUSDT' } },
      ...{ from: timeOf(102), speed: 'max' },
    })
    expect(await client.next()).toEqual({
      ...{ type: 'ws_history', channel: 'ticks', symbol: 'BTC', cursor: 101, tier: 'memory', more: false, ticks: [] },
    })
    for (const id of ids(102, 105)) expect(await client.next()).toMatchObject({ type: 'tick', id, prev: id - 1 })
    expect(await client.next()).toEqual({ type: 'replay_end', symbol: 'BTC', cursor: 105, live: true })
    server.publish('BTC')
    expect(await client.next()).toMatchObject({ type: 'tick', id: 106, prev: 105 })
    expect(server.source.reads).toBe(0)
  })

  it('is live in the turn that found its end: who waits there, however shortly, misses a tick', async () => {
    server.publish('BTC', 3)
    const { source } = server
    const look = source.stream.bind(source)
    let left = 20
    source.stream = (symbol) => {
      if (left-- > 0) queueMicrotask(() => server.publish('BTC'))
      return look(symbol)
    }
    const client = await replay({ from: START, speed: 'max' })
    const frames = await until(client, 'replay_end')
    const sent = tickIds([...frames, ...(await client.drain())])
    expect(sent).toEqual(ids(100, source.of('BTC').cursor!))
  })

  it('ends with the last tick at `to`, and its subscription is over', async () => {
    server.publish('BTC', 6)
    const client = await replay({ from: timeOf(101), to: timeOf(103), speed: 'max' })
    expect(await client.next()).toMatchObject({ from: timeOf(101), to: timeOf(103) })
    const frames = await until(client, 'replay_end')
    expect(tickIds(frames)).toEqual([101, 102, 103])
    expect(frames.at(-1)).toEqual({ type: 'replay_end', symbol: 'BTC', cursor: 103, live: false })
    expect(server.hub.stats.subscriptions).toBe(0)
    server.publish('BTC')
    expect(await client.drain()).toEqual([])
  })

  it('of a time after the newest tick is live at once, and one whose end is past too is over', async () => {
    server.publish('BTC', 2)
    const client = await replay({ from: timeOf(101) + 1 })
    const frames = await until(client, 'replay_end')
    expect(frames.slice(1)).toMatchObject([
      { type: 'ws_history', cursor: 101 },
      { cursor: 101, live: true },
    ])
    server.publish('BTC')
    expect(await client.next()).toMatchObject({ type: 'tick', id: 102, prev: 101 })
    const past = await replay({ from: timeOf(102) + 1, to: timeOf(102) + 2 })
    expect((await until(past, 'replay_end')).at(-1)).toMatchObject({ cursor: 102, live: false })
  })

  it('of a stream that has no tick yet begins with its first', async () => {
    const client = await replay({ from: START })
    expect((await until(client, 'replay_end')).slice(1)).toMatchObject([{ cursor: null }, { cursor: null, live: true }])
    server.publish('BTC')
    expect(await client.next()).toMatchObject({ type: 'tick', id: 100, prev: null })
  })

  it('up to a time that is still to come sends what is published until it has passed', async () => {
    server.publish('BTC', 3)
    server.source.of('BTC').live = false
    const client = await replay({ from: timeOf(101), to: timeOf(104), speed: 'max' })
    await client.nextOfType('tick')
    await client.nextOfType('tick')
    server.publish('BTC', 2)
    await clock.advance(50)
    expect(tickIds(await client.drain())).toEqual([103, 104])
    server.publish('BTC')
    await clock.advance(50)
    expect(await client.next()).toEqual({ type: 'replay_end', symbol: 'BTC', cursor: 104, live: false })
  })

  it('of a time before the oldest tick begins there, and says that older ones are gone', async () => {
    server.publish('BTC', 20)
    server.source.of('BTC').evictTo(4)
    server.source.of('BTC').forgetTo(6)
    const client = await replay({ from: timeOf(102) })
    expect(await client.next()).toMatchObject({ type: 'subscribed', from: timeOf(110) })
    expect(await client.next()).toMatchObject({ type: 'ws_history', cursor: null, tier: 'database', truncated: true })
    expect(await client.next()).toMatchObject({ type: 'tick', id: 110, prev: null })
  })

  it('tells the holes that it crosses at their place, in its beginning and before live too', async () => {
    const stream = server.source.of('BTC')
    server.publish('BTC', 2)
    server.publish('BTC', 1, { jump: 10 })
    server.publish('BTC', 2)
    server.publish('BTC', 1, { jump: 5 })
    stream.knownGaps = [
      { from: 102, to: 110, status: 'open', reason: undefined },
      { from: 114, to: 117, status: 'unfillable', reason: 'gone' },
      { from: 119, to: 130, status: 'open', reason: undefined },
    ]
    const client = await replay({ from: START + 1_500, speed: 'max' })
    const frames = (await until(client, 'replay_end')).slice(1)
    expect(frames).toMatchObject([
      { type: 'ws_history', cursor: 101 },
      { type: 'gap', symbol: 'BTC', from: 102, to: 110, count: 9, status: 'open' },
      { id: 111, prev: 101 },
      { id: 112 },
      { id: 113 },
      { type: 'gap', from: 114, to: 117, count: 4, status: 'unfillable', reason: 'gone' },
      { id: 118, prev: 113 },
      { type: 'gap', from: 119, to: 130, status: 'open' },
      { type: 'replay_end', cursor: 118 },
    ])
  })

  it.each([
    [{ from: 10, to: 9 }, 'to must be at least from'],
    [{ to: 9 }, 'must come with from'],
    [{ from: 10, speed: 0.01 }, 'speed'],
    [{ from: 10, history: 1 }, 'at most one of'],
    [{ from: Date.UTC(2100, 0) }, 'future'],
  ])('with %j is refused', async (fields, words) => {
    server.publish('BTC')
    const client = await replay(fields)
    const error = await client.next()
    expect(error).toMatchObject({ type: 'error', id: 1, code: 'bad_parameter', retry: false })
    expect(error).toHaveProperty('message', expect.stringContaining(words))
    expect(await client.drain()).toEqual([])
  })

  it('of a stream that is catching up waits for it, and not for ever', async () => {
    server.publish('BTC', 2)
    server.source.of('BTC').live = false
    const client = await replay({ from: timeOf(103) })
    expect(await client.next()).toMatchObject({ type: 'error', code: 'unavailable', retry: true, symbol: 'BTC' })
    client.send({ op: 'subscribe', id: 2, channel: 'ticks', symbols: ['BTC'], from: timeOf(103) })
    await new Promise((resolve) => setImmediate(resolve))
    server.publish('BTC', 2)
    expect(await client.next()).toMatchObject({ type: 'subscribed', id: 2 })
    expect(await client.nextOfType('tick')).toMatchObject({ id: 103, prev: 102 })
  })
})

describe('the pages of a replay', () => {
  beforeEach(() => {
    server.publish('BTC', 1_300)
    server.source.of('BTC').evictTo(10)
  })

  it('come from the database one after the other, and memory ends them', async () => {
    const client = await replay({ from: timeOf(100), speed: 'max' })
    expect(tickIds(await until(client, 'replay_end'))).toEqual(ids(100, 1399))
    // Where it begins takes two, then there are three pages of at most 500.
    expect(server.source.reads).toBe(5)
  })

  it('wait until the socket has room', async () => {
    const narrow = await startHub({ limits: { congestedBytes: 1 } })
    narrow.publish('BTC', 1_300)
    const client = await narrow.connect(`?symbols=BTC&channel=ticks&from=${timeOf(100)}&speed=max`)
    expect(tickIds(await until(client, 'replay_end'))).toEqual(ids(100, 1399))
    await narrow.close()
  })

  it('are read again when a hole among them was filled meanwhile', async () => {
    const stream = server.source.of('BTC')
    const late = stream.all.splice(200, 50)
    stream.all[200] = { ...stream.all[200]!, prev: 299 }
    stream.knownGaps = [{ from: 300, to: 349, status: 'open', reason: undefined }]
    const client = await replay({ from: timeOf(290), speed: 1 })
    await client.nextOfType('tick')
    stream.all.splice(200, 1, ...late, { ...stream.all[200]!, prev: 349 })
    stream.knownGaps = []
    server.hub.gap({ symbol: 'BTC', from: 300, to: 349, status: 'filled' })
    client.send({ op: 'replay', id: 2, symbols: ['BTC'], action: 'speed', speed: 'max' })
    const frames = await until(client, 'replay_end')
    expect(tickIds(frames)).toEqual(ids(291, 1399))
    expect(frames.filter(({ type }) => type === 'gap')).toEqual([])
  })

  it('that retention took while it was paused are told as missing', async () => {
    const client = await replay({ from: timeOf(110), speed: 1 })
    await client.nextOfType('tick')
    client.send({ op: 'replay', symbols: ['BTC'], action: 'pause' })
    await client.drain()
    server.source.of('BTC').forgetTo(100)
    client.send({ op: 'replay', symbols: ['BTC'], action: 'speed', speed: 'max' })
    client.send({ op: 'replay', symbols: ['BTC'], action: 'resume' })
    const frames = await until(client, 'replay_end')
    const first = server.source.of('BTC').stored[0]!.id
    expect(frames.find(({ type }) => type === 'ws_history')).toMatchObject({ truncated: true, cursor: null })
    expect(tickIds(frames)).toEqual(ids(first, 1399))
  })

  it('end it with an error when the database is away, while live goes on', async () => {
    const live = await server.connect('?symbols=BTC&channel=ticks')
    await live.nextOfType('ws_history')
    server.source.hold()
    const client = await replay({ from: timeOf(110), speed: 'max' })
    for (const _whereItBegins of [1, 2]) (await server.source.nextHeld()).release()
    ;(await server.source.nextHeld()).fail(new GatewayError('tier_unavailable', 'the database is away'))
    expect(await client.nextOfType('error')).toMatchObject({ code: 'unavailable', retry: true, symbol: 'BTC' })
    expect(server.hub.stats.subscriptions).toBe(1)
    server.publish('BTC')
    expect(await live.next()).toMatchObject({ type: 'tick', id: 1400 })
  })

  it.each(['unsubscribe', 'close'])('are let go at once by %s', async (how) => {
    const client = await replay({ from: timeOf(110), speed: 1 })
    await client.nextOfType('tick')
    if (how === 'close') await client.close()
    else client.send({ op: 'unsubscribe', id: 3, channel: 'ticks', symbols: ['BTC'] })
    if (how !== 'close') await client.nextOfType('unsubscribed')
    await expect.poll(() => server.hub.stats.subscriptions).toBe(0)
    expect(clock.set).toBe(0)
    if (how !== 'close') expect(await client.drain()).toEqual([])
  })
})
