import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Cursor } from '../../src/market/tick.ts'
import type { ServerMessage } from '../../src/wire/messages.ts'
import type { ConnectedClient } from '../fakes/connected-client.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import type { FakeStream } from '../fakes/fake-source.ts'
import { type HubServer, startHub } from '../fakes/hub-server.ts'

const START = 1_700_000_040_000

type Step =
  | { readonly do: 'publish'; readonly count: number; readonly jump: number }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'release' | 'turn' | 'fill' | 'pause' | 'resume' }
  | { readonly do: 'evict'; readonly to: number }
  | { readonly do: 'speed'; readonly speed: number | 'max' }
  | { readonly do: 'seek' | 'subscribe'; readonly time: number }

const plain = (...steps: readonly ('release' | 'turn' | 'fill' | 'pause' | 'resume')[]) =>
  fc.record({ do: fc.constantFrom(...steps) })
const time = fc.nat({ max: 80 }).map((half) => START + half * 500)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      count: fc.integer({ min: 1, max: 3 }),
      jump: fc.constantFrom(1, 1, 5),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(5, 700, 4_000) }) },
  { weight: 8, arbitrary: plain('release', 'release', 'turn', 'fill', 'pause', 'resume', 'resume') },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('evict' as const), to: fc.integer({ min: 0, max: 8 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('speed' as const),
      speed: fc.constantFrom<(number | 'max')[]>(1, 0.5, 20, 'max'),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('seek' as const, 'seek' as const, 'subscribe'), time }) },
)

it('since its last seek a client sees every tick once, in order, holes told at their place, and then live', async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
    const clock = new FakeClock()
    const server = await startHub({ symbols: ['BTC'], clock })
    try {
      server.publish('BTC', 30)
      server.source.of('BTC').evictTo(5)
      const client = await server.connect()
      client.send({ op: 'subscribe', id: `from ${START}`, channel: 'ticks', symbols: ['BTC'], from: START })
      const frames: ServerMessage[] = [...(await client.drain())]
      server.source.hold()
      for (const each of steps) await take(each, server, client, clock)
      frames.push(...(await settle(server, client, clock)))
      check(frames, server.source.of('BTC'))
    } finally {
      await server.close()
    }
  })
  await fc.assert(property, { numRuns: 150, endOnFailure: true })
})

async function take(each: Step, server: HubServer, client: ConnectedClient, clock: FakeClock): Promise<void> {
  const { source } = server
  if (each.do === 'publish') await publish(server, each.count, each.jump)
  else if (each.do === 'advance') await clock.advance(each.ms)
  else if (each.do === 'release') source.held.shift()?.release()
  else if (each.do === 'turn') await new Promise((resolve) => setImmediate(resolve))
  else if (each.do === 'evict') source.of('BTC').evictTo(each.to)
  else if (each.do === 'fill') fillOldest(server)
  else if (each.do === 'subscribe') {
    const from = { id: `from ${each.time}`, channel: 'ticks', symbols: ['BTC'], from: each.time }
    client.send({ op: 'subscribe', ...from, speed: 5 })
  } else {
    const fields = each.do === 'seek' ? { time: each.time } : each.do === 'speed' ? { speed: each.speed } : {}
    const id = each.do === 'seek' ? `from ${each.time}` : each.do
    client.send({ op: 'replay', id, symbols: ['BTC'], action: each.do, ...fields })
  }
}

/** As a gateway does: a hole is known and told before the tick after it. And in the microtasks too. */
async function publish(server: HubServer, count: number, jump: number): Promise<void> {
  const stream = server.source.of('BTC')
  if (jump > 1) {
    const gap = { symbol: 'BTC', from: stream.cursor! + 1, to: stream.cursor! + jump - 1, status: 'open' } as const
    stream.knownGaps = [...stream.knownGaps, { ...gap, reason: undefined }]
    server.hub.gap(gap)
  }
  server.publish('BTC', 1, { jump })
  await null
  server.publish('BTC', count)
}

/** The ticks of the oldest hole come late: into the database, and memory lets go of what was before its end. */
function fillOldest({ source, hub }: HubServer): void {
  const stream = source.of('BTC')
  const [gap, ...others] = stream.knownGaps
  if (!gap) return
  const held = stream.tail(Number.MAX_SAFE_INTEGER).length
  const place = stream.all.findIndex(({ id }) => id > gap.to)
  const [before, after] = [stream.all[place - 1]!, stream.all[place]!]
  const late = Array.from({ length: gap.to - gap.from + 1 }, (_, index) => {
    return { ...before, id: gap.from + index, prev: gap.from + index - 1, time: before.time + 1, backfilled: true }
  })
  stream.all.splice(place, 1, ...late, { ...after, prev: gap.to })
  stream.evictTo(Math.min(held, stream.all.length - place - late.length))
  stream.knownGaps = others
  hub.gap({ symbol: 'BTC', from: gap.from, to: gap.to, status: 'filled' })
}

/** Lets everything pass until the client is live, while ticks still come. */
async function settle(server: HubServer, client: ConnectedClient, clock: FakeClock): Promise<readonly ServerMessage[]> {
  const frames: ServerMessage[] = []
  const { source } = server
  source.letPass()
  client.send({ op: 'replay', id: 'resume', symbols: ['BTC'], action: 'resume' })
  client.send({ op: 'replay', id: 'speed', symbols: ['BTC'], action: 'speed', speed: 'max' })
  for (;;) {
    for (const held of source.held.splice(0)) held.release()
    await clock.advance(5)
    frames.push(...(await client.drain()))
    // Answered with an error when the client is live.
    client.send({ op: 'replay', id: 'end?', symbols: ['BTC'], action: 'resume' })
    if (source.held.length > 0) continue
    const answers = await client.drain()
    frames.push(...answers)
    if (answers.some((frame) => frame.type === 'error' && frame.id === 'end?')) break
  }
  await publish(server, 2, 5)
  return [...frames, ...(await client.drain())]
}

/** Walks along what came: each tick follows the one before it, or a hole that was told just before. */
function check(frames: readonly ServerMessage[], { all, cursor }: FakeStream): void {
  const timeOf = (id: Cursor) => all.find((tick) => tick.id === id)!.time
  let from = 0
  let had: Cursor | null = null
  let told: [number, number][] = []
  for (const frame of frames) {
    if (frame.type === 'subscribed' && String(frame.id).startsWith('from ')) from = Number(String(frame.id).slice(5))
    if (frame.type === 'ws_history') {
      had = frame.cursor
      told = []
      expect(had === null || timeOf(had) < from, `${had} is before ${from}`).toBe(true)
    }
    if (frame.type === 'gap' && frame.status === 'open') told.push([frame.from, frame.to])
    if (frame.type !== 'tick') continue
    expect(frame.prev).toBe(had)
    const missed = frame.id - (had ?? 99) - 1
    expect(told.reduce((sum, [first, last]) => sum + last - first + 1, 0)).toBe(missed)
    had = frame.id
    told = []
  }
  expect(had).toBe(cursor)
}
