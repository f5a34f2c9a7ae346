import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type ClientTick, connect, type Gateway, type Notice, type Replay } from '../../src/client/node.ts'
import { type CuttableLine, openLine } from '../fakes/cuttable-line.ts'
import { FakeClock } from '../fakes/fake-clock.ts'
import { type HubServer, startHub } from '../fakes/hub-server.ts'

const START = 1_700_000_040_000
/** One tick a second, the first has id 100. */
const timeOf = (id: number) => START + (id - 100) * 1_000

interface World {
  readonly server: HubServer
  readonly clock: FakeClock
  readonly line: CuttableLine
  readonly gateway: Gateway
  readonly notices: Notice[]
  close(): Promise<void>
}

async function openWorld(): Promise<World> {
  const clock = new FakeClock()
  const server = await startHub({ clock })
  const line = await openLine(server.port)
  const notices: Notice[] = []
  const backoff = { firstMs: 1, maxMs: 5 }
  const gateway = connect(line.url, { backoff, onNotice: (notice) => notices.push(notice) })
  server.publish('BTC', 20)
  const close = async () => {
    gateway.close()
    await line.close()
    await server.close()
  }
  return { server, clock, line, gateway, notices, close }
}

let world: World
beforeEach(async () => {
  world = await openWorld()
})
afterEach(() => world.close())

const ids = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index)

/** Everything of a loop, while it goes on. */
function gather(ticks: AsyncIterable<ClientTick>) {
  const seen: ClientTick[] = []
  const ended = (async () => {
    for await (const tick of ticks) seen.push(tick)
  })()
  return { seen, ended, ids: () => seen.map(({ id }) => id) }
}

test('a replay yields what was, then what is', async () => {
  const { seen, ids: got } = gather(world.gateway.ticks(['BTC'], { from: timeOf(110), speed: 'max' }))
  await expect.poll(got).toEqual(ids(110, 119))
  await expect.poll(() => world.server.hub.stats.framesSent).toBeGreaterThan(12)
  world.server.publish('BTC')
  await expect.poll(got).toEqual(ids(110, 120))
  expect(seen.map(({ live }) => live)).toEqual([...Array(10).fill(false), true])
})

test('a replay with an end ends the loop', async () => {
  const { ended, ids: got } = gather(world.gateway.ticks(['BTC'], { from: timeOf(110), to: timeOf(113), speed: 'max' }))
  await ended
  expect(got()).toEqual(ids(110, 113))
})

test('a replay that begins before the oldest tick says so', async () => {
  const { ids: got } = gather(world.gateway.ticks(['BTC'], { from: START - 1, speed: 'max' }))
  await expect.poll(got).toEqual(ids(100, 119))
  expect(world.notices).toContainEqual({ type: 'shortened', symbol: 'BTC', from: START - 1 })
})

test('a replay is steered while it runs, and stays as it was steered after a cut', async () => {
  const { clock, line } = world
  const replay: Replay = world.gateway.replay(['BTC'], { from: START })
  const { ids: got } = gather(replay)
  await expect.poll(got).toEqual([100])
  replay.pause()
  await expect.poll(() => clock.set).toBe(0)
  await clock.advance(5_000)
  line.cut()
  await expect.poll(() => world.notices.filter(({ type }) => type === 'connected').length).toBe(2)
  await expect.poll(() => world.server.hub.stats.subscriptions).toBe(1)
  await clock.advance(5_000)
  expect(got()).toEqual([100])
  replay.seek(timeOf(115))
  replay.resume()
  await expect.poll(got).toEqual([100, 115])
  replay.seek(timeOf(103))
  await expect.poll(got).toEqual([100, 115, 103])
  replay.setSpeed('max')
  await expect.poll(got).toEqual([100, 115, ...ids(103, 119)])
  replay.pause()
  world.server.publish('BTC')
  await expect.poll(got).toEqual([100, 115, ...ids(103, 120)])
})

test('a cut replay goes on at its pace from where it was', async () => {
  const { clock, line, gateway, server } = world
  const { ids: got } = gather(gateway.ticks(['BTC'], { from: START }))
  await expect.poll(got).toEqual([100])
  await clock.advance(5_000)
  await expect.poll(got).toEqual(ids(100, 105))
  line.cut()
  await expect.poll(() => world.notices.filter(({ type }) => type === 'connected').length).toBe(2)
  await expect.poll(() => server.hub.stats.subscriptions).toBe(1)
  await clock.advance(990)
  expect(got()).toEqual(ids(100, 105))
  await clock.advance(10)
  await expect.poll(got).toEqual(ids(100, 106))
})

test('whatever cuts come, a replay yields every tick once and in order, then live', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(5, 900, 3_000) }),
    fc.record({ do: fc.constantFrom('cut', 'publish', 'turn' as const) }),
  )
  const begin = fc.record({ speed: fc.constantFrom<(number | 'max')[]>(1, 4, 'max'), to: fc.boolean() })
  const property = fc.asyncProperty(begin, fc.array(step, { maxLength: 25 }), async ({ speed, to }, steps) => {
    const { server, clock, line, gateway, close } = await openWorld()
    server.publish('ETH', 22)
    const replay = gateway.replay(['BTC', 'ETH'], { from: timeOf(103), speed, ...(to && { to: timeOf(117) }) })
    const { seen, ended } = gather(replay)
    try {
      for (const each of steps) {
        if (each.do === 'advance') await clock.advance(each.ms)
        else if (each.do === 'cut') line.cut()
        else if (each.do === 'publish') server.publish('BTC')
        for (let turns = 0; turns < 5; turns += 1) await nextTurn()
      }
      replay.setSpeed('max')
      const last = (symbol: string) => (to ? 117 : server.source.of(symbol).cursor)
      const of = (symbol: string) => seen.filter((tick) => tick.symbol === symbol).map(({ id }) => id)
      if (to) await ended
      await expect.poll(() => [of('BTC').at(-1), of('ETH').at(-1)]).toEqual([last('BTC'), last('ETH')])
      for (const symbol of ['BTC', 'ETH']) expect(of(symbol)).toEqual(ids(103, last(symbol)!))
    } finally {
      await close()
    }
  })
  await fc.assert(property, { numRuns: 40, endOnFailure: true })
})
