import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { ServerMessage } from '../../src/wire/messages.ts'
import type { ConnectedClient } from '../fakes/connected-client.ts'
import { type HubServer, startHub } from '../fakes/hub-server.ts'
import { Holes } from './holes.ts'
import { checkJoined, type Heard } from './joined.ts'

/** What may happen, in any order. */
type Step =
  | { readonly do: 'publish'; readonly count: number; readonly jump: number }
  | { readonly do: 'release' }
  | { readonly do: 'evict'; readonly to: number }
  | { readonly do: 'turn' }
  | { readonly do: 'resume'; readonly back: number }
  | { readonly do: 'history'; readonly count: number }
  | { readonly do: 'find'; readonly which: number; readonly count: number }
  | { readonly do: 'settle'; readonly which: number; readonly isWhole: boolean }

const count = fc.integer({ min: 0, max: 40 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      count: fc.integer({ min: 1, max: 4 }),
      jump: fc.constantFrom(1, 1, 7),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('evict' as const), to: fc.integer({ min: 0, max: 8 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('resume' as const), back: count }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('history' as const), count }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('find' as const), which: fc.nat(9), count: fc.integer({ min: 1, max: 6 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat(9), isWhole: fc.boolean() }) },
)

/** A client, the id that it had, and where in the stream (an index) its ticks must begin at the latest. */
interface Reader {
  readonly client: ConnectedClient
  readonly after: number | undefined
  readonly earliest: number
  readonly count: number
}

it('every client gets exactly the stream from its start, whatever is published, read, evicted and filled meanwhile', async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
    const server = await startHub({
      symbols: ['BTC'],
      limits: { congestedBytes: 0, partTicks: 8, sharedTicks: 40, partsPerTurn: 2 },
    })
    try {
      const holes = new Holes(server)
      server.publish('BTC', 15)
      holes.publish(3, 7)
      server.publish('BTC', 12)
      server.source.of('BTC').evictTo(5)
      server.source.hold()
      const readers: Reader[] = []
      for (const each of steps) await take(each, server, holes, readers)
      await settle(server)
      for (const reader of readers) await check(reader, server, holes)
    } finally {
      await server.close()
    }
  })
  await fc.assert(property, { numRuns: 120, endOnFailure: true })
})

async function take(each: Step, server: HubServer, holes: Holes, readers: Reader[]): Promise<void> {
  const { source } = server
  const { all } = source.of('BTC')
  if (each.do === 'publish') {
    holes.publish(each.count, each.jump)
    // In the microtasks too: a join that waits between its steps, however shortly, meets a tick there.
    await null
    server.publish('BTC')
  } else if (each.do === 'find') holes.find(each.which, each.count)
  else if (each.do === 'settle') holes.settle(each.which, each.isWhole)
  else if (each.do === 'release') source.held.shift()?.release()
  else if (each.do === 'evict') source.of('BTC').evictTo(each.to)
  else if (each.do === 'turn') await new Promise((resolve) => setImmediate(resolve))
  else {
    const client = await server.connect()
    const request = { op: 'subscribe', channel: 'ticks', symbols: ['BTC'] }
    if (each.do === 'resume') {
      const after = all[Math.max(0, all.length - 1 - each.back)]!.id
      client.send({ ...request, after: { BTC: after } })
      readers.push({ client, after, earliest: after + 1, count: 0 })
    } else {
      client.send({ ...request, history: each.count })
      const known = all.filter(({ id }) => !holes.all.some(({ found }) => found.has(id)))
      const earliest = known[Math.max(0, known.length - each.count)]?.id ?? 0
      readers.push({ client, after: undefined, earliest, count: each.count })
    }
  }
}

/** Lets every read pass while ticks still come, until every client is live. */
async function settle(server: HubServer): Promise<void> {
  server.source.letPass()
  for (let turn = 0; turn < 12; turn += 1) {
    for (const held of server.source.held.splice(0)) held.release()
    await null
    server.publish('BTC')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function check({ client, after, earliest, count }: Reader, server: HubServer, holes: Holes): Promise<void> {
  const { all, cursor } = server.source.of('BTC')
  const heard = await hearTo(client, cursor!)
  const [first] = heard.filter(({ type }) => type === 'row')
  if (first?.type === 'row') {
    expect(first.id).toBeGreaterThanOrEqual(earliest)
    if (after === undefined) expect(all.findIndex(({ id }) => id === first.id)).toBeLessThanOrEqual(all.length - count)
  }
  checkJoined(heard, after ?? (first?.type === 'row' ? first.id - 1 : cursor!), all, holes)
}

/** Everything that a client heard of the stream, once all of its history is there. */
async function hearTo(client: ConnectedClient, cursor: number): Promise<readonly Heard[]> {
  const frames: ServerMessage[] = []
  for (;;) {
    frames.push(...(await client.drain()))
    const last = frames.findLast(({ type }) => type === 'ws_history' || type === 'tick')
    if (last?.type === 'tick' || (last?.type === 'ws_history' && !last.more)) break
  }
  const heard = frames.flatMap((frame): readonly Heard[] => {
    if (frame.type === 'tick') return [{ ...frame, type: 'row' }]
    if (frame.type === 'gap') return [frame]
    if (frame.type !== 'ws_history' || frame.channel !== 'ticks') return []
    expect(frame.truncated).toBeUndefined()
    return frame.ticks.map((row) => ({ type: 'row', ...row }))
  })
  expect(heard.findLast((item) => item.type === 'row')?.id ?? cursor).toBe(cursor)
  return heard
}
