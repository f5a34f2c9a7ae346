import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { ByteClient } from '../fakes/byte-client.ts'
import type { ConnectedClient } from '../fakes/connected-client.ts'
import type { FakeSource } from '../fakes/fake-source.ts'
import { type HubServer, startHub } from '../fakes/hub-server.ts'

/** Half of them replay a stream that memory holds, the others one that is in the database, in two pages. */
const CROWD = 1_000
const TICKS = 700

it('a thousand replays at full speed leave live ticks their place, and every one of them gets on', async () => {
  const server = await startHub({ symbols: ['MEMORY', 'DATABASE', 'LIVE'] })
  for (const symbol of ['MEMORY', 'DATABASE']) server.publish(symbol, TICKS)
  server.source.of('DATABASE').evictTo(10)
  answerLater(server.source)
  const live = await server.connect('?symbols=LIVE&channel=ticks')
  await live.nextOfType('ws_history')
  const crowd = await Promise.all(Array.from({ length: CROWD }, () => ByteClient.open(server.port, '"replay_end"')))

  const all = Promise.all(crowd.map((client) => client.saw))
  const waits = publishUntil(all, server, live)
  const shares = [crowd.slice(0, CROWD / 2), crowd.slice(CROWD / 2)].map(watchShares)
  for (const [index, client] of crowd.entries()) {
    const symbols = [index < CROWD / 2 ? 'MEMORY' : 'DATABASE']
    client.send({ op: 'subscribe', channel: 'ticks', symbols, from: 0, speed: 'max' })
  }
  await all
  // Four each would be 2,000: who waits for the same page gets the same answer.
  expect(server.source.reads).toBeLessThan(500)
  expect((await waits).length).toBeGreaterThan(20)
  expect(Math.max(...(await waits))).toBeLessThan((CROWD * TICKS) / 20)
  for (const share of shares) expect(await share).toBeGreaterThan(0.25)
  for (const client of crowd) client.close()
  await server.close()
}, 60_000)

/** As a database does, which is beyond a socket: never in the turn in which it was asked. */
function answerLater(source: FakeSource): void {
  const [ticksAfter, idFrom] = [source.ticksAfter.bind(source), source.idFrom.bind(source)]
  source.ticksAfter = (...asked) => nextTurn().then(() => ticksAfter(...asked))
  source.idFrom = (...asked) => nextTurn().then(() => idFrom(...asked))
}

/**
 * Publishes a live tick every few ms until `end`; returns how many frames went to anyone while each was on its way. That
 * is what it waits for, however busy the machine is.
 */
async function publishUntil(end: Promise<unknown>, { hub, publish }: HubServer, live: ConnectedClient) {
  const waits: number[] = []
  let isOver = false
  void end.then(() => {
    isOver = true
  })
  while (!isOver) {
    const { framesSent } = hub.stats
    publish('LIVE')
    await live.nextOfType('tick')
    waits.push(hub.stats.framesSent - framesSent)
    await sleep(2)
  }
  return waits
}

/** What the slowest client has of the mean, when four fifths of all are there. A tick is some 130 bytes on the wire. */
async function watchShares(clients: readonly ByteClient[]): Promise<number> {
  for (;;) {
    await sleep(2)
    const bytes = clients.map((client) => client.bytes)
    const mean = bytes.reduce((sum, each) => sum + each, 0) / clients.length
    if (mean > TICKS * 130 * 0.8) return Math.min(...bytes) / mean
  }
}
