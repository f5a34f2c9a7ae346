import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ConnectedClient } from '../fakes/connected-client.ts'
import { type HubServer, startHub } from '../fakes/hub-server.ts'
import { ids, ticksOf, untilJoined } from './ticks-of.ts'

let server: HubServer
beforeEach(async () => {
  server = await startHub()
})
afterEach(() => server.close())

async function resume(after: number): Promise<ConnectedClient> {
  const client = await server.connect()
  client.send({ op: 'subscribe', id: 1, channel: 'ticks', symbols: ['BTC'], after: { BTC: after } })
  return client
}

describe('a resume across a hole', () => {
  const OPEN = { symbol: 'BTC', from: 130, to: 149, status: 'open', reason: 'the source is silent' } as const

  /** Ticks 100 to 129, a hole, and then 150 to 169. */
  beforeEach(() => {
    server.publish('BTC', 30)
    server.source.of('BTC').sayGap(OPEN)
    server.publish('BTC', 1, { jump: 21 })
    server.publish('BTC', 19)
  })

  it('tells it once, between the ticks around it, from memory and from the database', async () => {
    for (const kept of [1_000, 5]) {
      server.source.of('BTC').evictTo(kept)
      const client = await resume(119)
      expect(await client.next()).toMatchObject({ type: 'subscribed', resume: { BTC: { state: 'complete' } } })
      const frames = await untilJoined(client)
      expect(frames[0]).toMatchObject({ type: 'ws_history', cursor: 129, more: true })
      expect(frames[1]).toEqual({ type: 'gap', ...OPEN, count: 20 })
      expect(frames.filter(({ type }) => type === 'gap')).toHaveLength(1)
      expect(ticksOf(frames)).toEqual([...ids(120, 129), ...ids(150, 169)])
    }
  })

  it('tells also one that will never be filled, and none that lies behind the client', async () => {
    server.source.of('BTC').sayGap({ ...OPEN, status: 'unfillable', reason: 'gone' })
    const frames = await untilJoined(await resume(129))
    expect(frames[1]).toMatchObject({ type: 'gap', status: 'unfillable', reason: 'gone', from: 130, to: 149 })
    expect((await untilJoined(await resume(150))).some(({ type }) => type === 'gap')).toBe(false)
  })

  it('tells in a history the holes within it, and the one that the next live tick will follow', async () => {
    const client = await server.connect('?symbols=BTC&channel=ticks&history=25')
    const frames = await untilJoined(client)
    expect(frames.filter(({ type }) => type === 'gap')).toHaveLength(1)
    const next = { ...OPEN, from: 170, to: 179 }
    server.source.of('BTC').sayGap(next)
    server.hub.gap(next)
    const late = await server.connect('?symbols=BTC&channel=ticks')
    await untilJoined(late)
    server.publish('BTC', 1, { jump: 11 })
    for (const each of [client, late]) {
      expect(await each.drain()).toMatchObject([
        { type: 'gap', ...next, count: 10 },
        { type: 'tick', id: 180, prev: 169 },
      ])
    }
  })

  it('sends what was filled in while it was being read, and tells nothing of it', async () => {
    const stream = server.source.of('BTC')
    stream.evictTo(5)
    server.source.hold()
    const client = await resume(119)
    ;(await server.source.nextHeld()).release()
    const page = await server.source.nextHeld()
    settleAll()
    server.source.letPass()
    page.release()
    const frames = [...(await untilJoined(client)), ...(await client.drain())]
    expect(frames.some(({ type }) => type === 'gap')).toBe(false)
    expect(ticksOf(frames)).toEqual(ids(120, 169))
  })

  it('tells that it was filled when that came too late for its ticks to be sent', async () => {
    const narrow = { limits: { congestedBytes: 0 } }
    await server.close()
    server = await startHub(narrow)
    server.publish('BTC', 30)
    server.source.of('BTC').sayGap(OPEN)
    server.publish('BTC', 1, { jump: 21 })
    server.publish('BTC', 2_000)
    const client = await resume(119)
    await client.nextOfType('gap')
    settleAll()
    const frames = [...(await untilJoined(client)), await client.next()]
    expect(frames.at(-1)).toMatchObject({ type: 'gap', status: 'filled', from: 130, to: 149 })
  })

  function settleAll(): void {
    const filled = { ...OPEN, status: 'filled', reason: undefined } as const
    server.source.of('BTC').find(ids(130, 149))
    server.source.of('BTC').cutTail(149)
    server.source.of('BTC').sayGap(filled)
    server.hub.gap(filled)
  }
})
