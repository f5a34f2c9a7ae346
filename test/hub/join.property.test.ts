import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { ServerMessage } from '../../src/wire/messages.ts'
import type { ConnectedClient } from '../fakes/connected-client.ts'
import { type HubServer, startHub } from '../fakes/hub-server.ts'

/** What may happen, in any order. */
type Step =
  | { readonly do: 'publish'; readonly count: number; readonly jump: number }
  | { readonly do: 'release' }
  | { readonly do: 'evict'; readonly to: number }
  | { readonly do: 'turn' }
  | { readonly do: 'resume'; readonly back: number }
  | { readonly do: 'history'; readonly count: number }

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
)

/** A client, and where in the stream (an index) its ticks must begin at the earliest and at the latest. */
interface Reader {
  readonly client: ConnectedClient
  readonly earliest: number
  readonly latest: () => number
}

it('every client gets exactly the stream from its start, whatever is published, read and evicted meanwhile', async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
    const server = await startHub({ symbols: ['BTC'] })
    try {
      server.publish('BTC', 30)
      server.source.of('BTC').evictTo(5)
      server.source.hold()
      const readers: Reader[] = []
      for (const each of steps) await take(each, server, readers)
      await settle(server)
      for (const reader of readers) await check(reader, server)
    } finally {
      await server.close()
    }
  })
  await fc.assert(property, { numRuns: 120, endOnFailure: true })
})

async function take(each: Step, server: HubServer, readers: Reader[]): Promise<void> {
  const { source } = server
  const { all } = source.of('BTC')
  const length = all.length
  if (each.do === 'publish') {
    server.publish('BTC', each.count, { jump: each.jump })
    // In the microtasks too: a join that waits between its steps, however shortly, meets a tick there.
    await null
    server.publish('BTC')
  } else if (each.do === 'release') source.held.shift()?.release()
  else if (each.do === 'evict') source.of('BTC').evictTo(each.to)
  else if (each.do === 'turn') await new Promise((resolve) => setImmediate(resolve))
  else {
    const client = await server.connect()
    const request = { op: 'subscribe', channel: 'ticks', symbols: ['BTC'] }
    if (each.do === 'resume') {
      const from = Math.max(0, length - 1 - each.back)
      client.send({ ...request, after: { BTC: all[from]!.id } })
      readers.push({ client, earliest: from + 1, latest: () => from + 1 })
    } else {
      client.send({ ...request, history: each.count })
      readers.push({ client, earliest: Math.max(0, length - each.count), latest: () => all.length - each.count })
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

async function check({ client, earliest, latest }: Reader, server: HubServer): Promise<void> {
  const { all, cursor } = server.source.of('BTC')
  const rows = await readTo(client, cursor!)
  const first = all.findIndex(({ id }) => id === rows[0]?.id)
  const start = rows.length === 0 ? all.length : first
  expect(rows).toEqual(all.slice(start).map(({ id, prev }) => ({ id, prev })))
  expect(start).toBeGreaterThanOrEqual(earliest)
  expect(start).toBeLessThanOrEqual(latest())
}

/** The ticks that a client got, once all of its history is there. */
async function readTo(client: ConnectedClient, cursor: number) {
  const frames: ServerMessage[] = []
  for (;;) {
    frames.push(...(await client.drain()))
    const last = frames.findLast(({ type }) => type === 'ws_history' || type === 'tick')
    if (last?.type === 'tick' || (last?.type === 'ws_history' && !last.more)) break
  }
  const rows = frames.flatMap((frame) => {
    if (frame.type === 'tick') return [frame]
    return frame.type === 'ws_history' && frame.channel === 'ticks' ? frame.ticks : []
  })
  expect(rows.at(-1)?.id ?? cursor).toBe(cursor)
  return rows.map(({ id, prev }) => ({ id, prev }))
}
