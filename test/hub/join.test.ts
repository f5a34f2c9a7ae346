import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/base/errors.ts'
import type { ConnectedClient } from '../fakes/connected-client.ts'
import { type HubServer, startHub } from '../fakes/hub-server.ts'
import { ids, ticksOf, untilJoined } from './ticks-of.ts'

let server: HubServer
beforeEach(async () => {
  server = await startHub({ limits: { resumeWaitMs: 200 } })
})
afterEach(() => server.close())

/** Publishes a tick in each of the next turns and microtasks: whoever waits between two steps meets one. */
async function trickle(turns = 8): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    for (let step = 0; step < 4; step += 1) {
      server.publish('BTC')
      await null
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function resume(after: number): Promise<ConnectedClient> {
  const client = await server.connect()
  client.send({ op: 'subscribe', id: 1, channel: 'ticks', symbols: ['BTC'], after: { BTC: after } })
  return client
}

describe('ticks from memory', () => {
  it('start with an empty history and the cursor, and the first live tick follows it', async () => {
    server.publish('BTC', 3)
    const client = await server.connect('?symbols=BTC&channel=ticks')
    await client.nextOfType('subscribed')
    expect(await client.next()).toMatchObject({
      type: 'ws_history',
      cursor: 102,
      ticks: [],
      more: false,
      tier: 'memory',
    })
    server.publish('BTC')
    expect(await client.next()).toMatchObject({ type: 'tick', id: 103, prev: 102 })
  })

  it('start with an empty history also when there is a line for it and ticks come meanwhile', async () => {
    const symbols = ['BTC', 'ETH', 'SOL', 'BNB']
    const crowded = await startHub({ symbols, limits: { partsPerTurn: 1 } })
    try {
      for (const symbol of symbols) crowded.publish(symbol, 3)
      const client = await crowded.connect()
      client.send({ op: 'subscribe', channel: 'ticks', symbols, history: 0 })
      for (let turn = 0; turn < 200; turn += 1) {
        for (const symbol of symbols) crowded.publish(symbol)
        await new Promise((resolve) => setImmediate(resolve))
      }
      const last = new Map<string, number | null>()
      while (!symbols.every((symbol) => (last.get(symbol) ?? 0) >= 302)) {
        const frame = await client.next()
        if (frame.type === 'ws_history') {
          expect(frame).toMatchObject({ ticks: [], more: false })
          last.set(frame.symbol, frame.cursor)
        } else if (frame.type === 'tick') {
          expect(frame.prev).toBe(last.get(frame.symbol))
          last.set(frame.symbol, frame.id)
        }
      }
    } finally {
      await crowded.close()
    }
  })

  it('resume from the tail, in parts of bounded size, without asking the database', async () => {
    server.publish('BTC', 2_500)
    const client = await resume(149)
    expect(await client.next()).toMatchObject({ type: 'subscribed', resume: { BTC: { state: 'complete' } } })
    const frames = [await client.next(), await client.next(), await client.next()]
    expect(frames.map((frame) => frame.type === 'ws_history' && [frame.more, frame.cursor])).toEqual([
      [true, 1099],
      [true, 2000],
      [false, 2599],
    ])
    server.publish('BTC')
    expect(ticksOf([...frames, await client.next()])).toEqual(ids(150, 2600))
    expect(server.source.reads).toBe(0)
  })

  it('resume with nothing missed', async () => {
    server.publish('BTC', 3)
    const client = await resume(102)
    await client.nextOfType('subscribed')
    expect(await client.next()).toMatchObject({ cursor: 102, ticks: [], more: false })
  })
})

describe('the join of the database and live', () => {
  beforeEach(() => {
    server.publish('BTC', 50)
    server.source.of('BTC').evictTo(10)
    server.source.hold()
  })

  it('holds when nothing arrives during the reads', async () => {
    const client = await resume(109)
    for (const _probeThenPage of [1, 2]) (await server.source.nextHeld()).release()
    server.source.letPass()
    const frames = [await client.nextOfType('subscribed'), ...(await untilJoined(client))]
    expect(frames[0]).toMatchObject({ resume: { BTC: { state: 'complete' } } })
    expect(frames[1]).toMatchObject({ tier: 'database', more: true })
    expect(frames.at(-1)).toMatchObject({ tier: 'memory', more: false })
    await trickle()
    expect(ticksOf([...frames, ...(await client.drain())])).toEqual(ids(110, server.source.of('BTC').cursor!))
  })

  it.each([
    ['within memory still', 1_000],
    ['older than memory holds when it comes', 3],
  ])('holds when ticks arrive during a read whose page is then %s', async (_, kept) => {
    const client = await resume(109)
    const probe = await server.source.nextHeld()
    await trickle(2)
    probe.release()
    const page = await server.source.nextHeld()
    await trickle(2)
    server.source.of('BTC').evictTo(kept)
    server.source.letPass()
    page.release()
    await trickle()
    const frames = [...(await untilJoined(client)), ...(await client.drain())]
    expect(ticksOf(frames)).toEqual(ids(110, server.source.of('BTC').cursor!))
  })

  it('holds over several pages with ticks arriving and leaving memory during each', async () => {
    server.publish('BTC', 3_500)
    server.source.of('BTC').evictTo(10)
    const client = await resume(109)
    for (let read = 0; read < 5; read += 1) {
      const held = await server.source.nextHeld()
      await trickle(1)
      server.source.of('BTC').evictTo(2)
      held.release()
    }
    server.source.letPass()
    await Promise.all([trickle(), releaseRest()])
    const frames = [...(await untilJoined(client)), ...(await client.drain())]
    expect(ticksOf(frames)).toEqual(ids(110, server.source.of('BTC').cursor!))
  })

  it('serves a history that memory holds only the end of', async () => {
    const client = await server.connect('?symbols=BTC&channel=ticks&history=25')
    await client.nextOfType('subscribed')
    const held = await server.source.nextHeld()
    server.publish('BTC', 5)
    held.release()
    const frames = await untilJoined(client)
    expect(ticksOf(frames)).toEqual(ids(130, 154))
    await trickle(2)
    expect(ticksOf([...frames, ...(await client.drain())])).toEqual(ids(130, server.source.of('BTC').cursor!))
  })

  it('says what is truncated before it goes on with the oldest there is', async () => {
    server.source.of('BTC').forgetTo(5)
    server.source.letPass()
    const client = await resume(109)
    expect(await client.next()).toMatchObject({ resume: { BTC: { state: 'truncated', oldest: 135 } } })
    const frames = await untilJoined(client)
    expect(frames[0]).toMatchObject({ type: 'ws_history', truncated: true })
    expect(frames[1]).not.toHaveProperty('truncated')
    expect(ticksOf(frames)).toEqual(ids(135, 149))
  })

  it('says so too when the database has nothing at all below the tail', async () => {
    const stream = server.source.of('BTC')
    stream.forgetTo(0)
    server.source.ticksAfter = async () => []
    const client = await resume(109)
    expect(await client.next()).toMatchObject({ resume: { BTC: { state: 'truncated', oldest: 140 } } })
    const frames = await untilJoined(client)
    expect(frames[0]).toMatchObject({ truncated: true, tier: 'memory' })
    expect(ticksOf(frames)).toEqual(ids(140, 149))
  })

  it('does not take a page that grew old during its read for the end of the history', async () => {
    const stream = server.source.of('BTC')
    const read = server.source.ticksAfter.bind(server.source)
    // A replica that lags: the first answer is empty although the rows are there.
    let calls = 0
    server.source.ticksAfter = (symbol, after, limit) =>
      ++calls === 1 ? Promise.resolve([]) : read(symbol, after, limit)
    server.source.letPass()
    const client = await resume(109)
    expect(await client.next()).toMatchObject({ resume: { BTC: { state: 'complete' } } })
    expect(ticksOf(await untilJoined(client))).toEqual(ids(110, stream.cursor!))
  })

  it('tells a database that fails as unavailable, before or during the history, and only of that symbol', async () => {
    const failure = new GatewayError('tier_unavailable', 'connect ECONNREFUSED /secret/socket')
    const client = await server.connect()
    const after = { BTC: 109, ETH: 0 }
    client.send({ op: 'subscribe', id: 1, channel: 'ticks', symbols: ['BTC', 'ETH'], after })
    // The page that is shared, and what follows alone: of that the spool may have all.
    for (const _read of [1, 2]) (await server.source.nextHeld()).fail(failure)
    const error = await client.next()
    expect(error).toMatchObject({ type: 'error', id: 1, code: 'unavailable', retry: true, symbol: 'BTC' })
    expect(JSON.stringify(error)).not.toContain('secret')
    expect(await client.next()).toMatchObject({ type: 'subscribed', symbols: ['ETH'] })

    client.send({ op: 'subscribe', id: 2, channel: 'ticks', symbols: ['BTC'], after: { BTC: 109 } })
    ;(await server.source.nextHeld()).release()
    for (const _read of [1, 2]) (await server.source.nextHeld()).fail(failure)
    expect(await client.nextOfType('error')).toMatchObject({ code: 'unavailable', retry: true, symbol: 'BTC' })
    expect(server.hub.stats.subscriptions).toBe(1)
    server.publish('BTC')
    expect(await client.drain()).toEqual([])
  })

  it('sends nothing more of a subscription that ended while its history was read', async () => {
    const client = await resume(109)
    ;(await server.source.nextHeld()).release()
    await client.nextOfType('subscribed')
    const page = await server.source.nextHeld()
    client.send({ op: 'unsubscribe', channel: 'ticks', symbols: ['BTC'] })
    await client.nextOfType('unsubscribed')
    page.release()
    await trickle(2)
    expect(await client.drain()).toEqual([])
  })

  it('lets a second subscribe replace one whose history is still read', async () => {
    const client = await resume(109)
    ;(await server.source.nextHeld()).release()
    await client.nextOfType('subscribed')
    const page = await server.source.nextHeld()
    client.send({ op: 'subscribe', channel: 'ticks', symbols: ['BTC'] })
    await client.nextOfType('ws_history')
    page.release()
    await trickle(2)
    expect(ticksOf(await client.drain())).toEqual(ids(150, server.source.of('BTC').cursor!))
  })

  it('forgets a client that left while its history was read', async () => {
    const client = await resume(109)
    const probe = await server.source.nextHeld()
    await client.close()
    probe.release()
    await trickle(2)
    expect(server.hub.stats).toMatchObject({ sessions: 0, subscriptions: 0 })
  })

  it('answers later requests after the one that waits, in order', async () => {
    const client = await resume(109)
    const probe = await server.source.nextHeld()
    client.send({ op: 'ping', id: 2 })
    server.source.letPass()
    probe.release()
    const answers = (await client.drain()).filter(({ type }) => type !== 'ws_history')
    expect(answers.map(({ type }) => type)).toEqual(['subscribed', 'pong'])
  })

  it('tells a gap that came during the history after it', async () => {
    const client = await resume(109)
    ;(await server.source.nextHeld()).release()
    const page = await server.source.nextHeld()
    server.hub.gap({ symbol: 'BTC', from: 1, to: 2, status: 'filled' })
    page.release()
    const frames = [...(await untilJoined(client)), await client.next()]
    expect(frames.at(-2)).toMatchObject({ type: 'ws_history', more: false })
    expect(frames.at(-1)).toMatchObject({ type: 'gap', count: 2 })
  })
})

describe('a large history', () => {
  it('waits for the socket to take it, so that a reading client is never too slow for it', async () => {
    const symbols = ['A', 'B', 'C', 'D', 'E', 'F']
    const narrow = await startHub({ symbols, limits: { maxQueuedBytes: 1_000_000, congestedBytes: 50_000 } })
    for (const symbol of symbols) narrow.publish(symbol, 4_000)
    const client = await narrow.connect(`?symbols=*&channel=ticks&history=4000`)
    const counts = new Map<string, number>()
    for (let joined = 0; joined < symbols.length; ) {
      const part = await client.nextOfType('ws_history')
      if (part.channel !== 'ticks') continue
      counts.set(part.symbol, (counts.get(part.symbol) ?? 0) + part.ticks.length)
      if (!part.more) joined += 1
    }
    expect(Object.fromEntries(counts)).toEqual({ A: 4000, B: 4000, C: 4000, D: 4000, E: 4000, F: 4000 })
    await narrow.close()
  })
})

describe('a resume from beyond the newest id', () => {
  beforeEach(() => server.publish('BTC', 5))

  it('is a bad parameter of a stream that runs live', async () => {
    const client = await resume(105)
    expect(await client.next()).toMatchObject({ type: 'error', id: 1, code: 'bad_parameter', symbol: 'BTC' })
  })

  it('waits for a stream that is still catching up', async () => {
    server.source.of('BTC').live = false
    const client = await resume(106)
    await trickle(2)
    expect(await client.next()).toMatchObject({ type: 'subscribed', resume: { BTC: { state: 'complete' } } })
    expect(ticksOf(await client.drain())).toEqual(ids(107, 112))
  })

  it('is unavailable when that stream does not get there in time', async () => {
    server.source.of('BTC').live = false
    const client = await resume(1_000)
    expect(await client.next()).toMatchObject({ type: 'error', code: 'unavailable', retry: true, symbol: 'BTC' })
  })
})

async function releaseRest(): Promise<void> {
  for (const held of server.source.held.splice(0)) held.release()
}
