import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { type ClientTick, connect, type Gateway, type Notice } from '../../src/client/node.ts'
import { ScriptedGateway } from '../fakes/scripted-gateway.ts'

const backoff = { firstMs: 1, maxMs: 5 }
const open: { gateway: ScriptedGateway; client: Gateway }[] = []

async function scripted(symbols: readonly string[], options: { bufferedFrames?: number } = {}) {
  const gateway = new ScriptedGateway(symbols)
  const notices: Notice[] = []
  const client = connect(await gateway.listen(), { backoff, onNotice: (notice) => notices.push(notice), ...options })
  open.push({ gateway, client })
  return { gateway, client, notices }
}

afterEach(async () => {
  for (const { gateway, client } of open.splice(0)) {
    client.close()
    await gateway.close()
  }
})

/** Reads until `count` ticks have come, `between` running after each. */
async function read(ticks: AsyncIterable<ClientTick>, count: number, between?: (tick: ClientTick) => unknown) {
  const seen: ClientTick[] = []
  if (count === 0) return seen
  for await (const tick of ticks) {
    seen.push(tick)
    between?.(tick)
    if (seen.length === count) break
  }
  return seen
}

const ids = (ticks: readonly { id: number }[]) => ticks.map((tick) => tick.id)
const types = (notices: readonly Notice[]) => notices.map((notice) => notice.type)

test('history comes first and says that it is not news, then live ticks follow it', async () => {
  const { gateway, client } = await scripted(['BTC'])
  for (let n = 0; n < 3; n++) gateway.publish('BTC')
  const seen = await read(client.ticks(['BTC'], { history: 2 }), 3, (tick) => {
    if (tick.id === gateway.ticks('BTC')[2]?.id) gateway.publish('BTC')
  })
  expect(ids(seen)).toEqual(ids(gateway.ticks('BTC').slice(1)))
  expect(seen.map((tick) => tick.live)).toEqual([false, false, true])
})

test('leaving the loop closes the connection', async () => {
  const { gateway, client } = await scripted(['BTC'])
  gateway.publish('BTC')
  await read(client.ticks(['BTC'], { history: 1 }), 1)
  await expect.poll(() => gateway.connections).toBe(0)
})

test('closing the gateway ends a waiting loop without an error', async () => {
  const { gateway, client } = await scripted(['BTC'])
  const answered = gateway.subscribed()
  const reading = read(client.ticks(['BTC']), 1)
  await answered
  client.close()
  expect(await reading).toEqual([])
})

test('a cut before the first tick loses nothing: the snapshot says where the stream stood', async () => {
  const { gateway, client, notices } = await scripted(['BTC'])
  gateway.publish('BTC')
  const heard = new Promise<void>((resolve) => {
    gateway.answer = ({ after }) => {
      if (after) resolve()
      return false
    }
  })
  const answered = gateway.subscribed()
  const reading = read(client.ticks(['BTC']), 2)
  await answered
  gateway.cut(4000, 'shutting down')
  await heard
  gateway.publish('BTC')
  gateway.publish('BTC')
  expect(ids(await reading)).toEqual(ids(gateway.ticks('BTC').slice(1)))
  expect(types(notices)).toEqual(['connected', 'disconnected', 'connected', 'resumed'])
})

test('whatever cuts, hidden holes and doubles come, every tick arrives once and in order', async () => {
  const step = fc.record({
    symbol: fc.constantFrom('BTC', 'ETH'),
    act: fc.constantFrom('publish', 'publish', 'publish', 'hide', 'double', 'cut', 'close'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const { gateway, client, notices } = await scripted(['BTC', 'ETH'])
      gateway.publish('BTC')
      gateway.publish('ETH')
      const first = { BTC: gateway.ticks('BTC')[0]!.id, ETH: gateway.ticks('ETH')[0]!.id }
      const seen: ClientTick[] = []
      const total = steps.filter(({ act }) => act === 'publish' || act === 'hide').length
      const reading = (async () => {
        for await (const tick of client.ticks(['BTC', 'ETH'], { after: first })) {
          seen.push(tick)
          // The last one of each is published in the open, so that every hidden one is followed by one that shows it.
          if (seen.length === total + 2) return
        }
      })()
      for (const { symbol, act } of steps) {
        await new Promise(setImmediate)
        if (act === 'publish') gateway.publish(symbol)
        if (act === 'hide') gateway.publish(symbol, { sent: false })
        const newest = gateway.ticks(symbol).at(-1)
        if (act === 'double') gateway.send('ticks', symbol, { type: 'tick', symbol, ...newest })
        if (act === 'cut') gateway.cut()
        if (act === 'close') gateway.cut(4008, 'too slow')
      }
      gateway.publish('BTC')
      gateway.publish('ETH')
      await reading
      for (const symbol of ['BTC', 'ETH']) {
        expect(ids(seen.filter((tick) => tick.symbol === symbol))).toEqual(ids(gateway.ticks(symbol).slice(1)))
      }
      expect(types(notices)).not.toContain('hole')
      await gateway.close()
      open.pop()
    }),
    { numRuns: 60 },
  )
})

test('a tick whose prev is not the last id is asked for again, once', async () => {
  const { gateway, client, notices } = await scripted(['BTC'])
  gateway.publish('BTC')
  const seen = await read(client.ticks(['BTC'], { history: 1 }), 4, (tick) => {
    if (tick.prev !== null) return
    gateway.publish('BTC', { sent: false })
    gateway.publish('BTC')
    gateway.publish('BTC')
  })
  expect(ids(seen)).toEqual(ids(gateway.ticks('BTC')))
  expect(gateway.subscribes.map(({ after }) => after)).toEqual([undefined, { BTC: seen[0]?.id }])
  expect(types(notices)).toEqual(['connected', 'asked', 'resumed'])
})

test('a double is dropped by its id, and nothing is asked for', async () => {
  const { gateway, client } = await scripted(['BTC'])
  gateway.publish('BTC')
  const seen = await read(client.ticks(['BTC'], { history: 1 }), 2, (tick) => {
    if (tick.prev !== null) return
    gateway.send('ticks', 'BTC', { type: 'tick', symbol: 'BTC', ...gateway.ticks('BTC')[0] })
    gateway.publish('BTC')
  })
  expect(ids(seen)).toEqual(ids(gateway.ticks('BTC')))
  expect(gateway.subscribes).toHaveLength(1)
})

test('a part of a history that says ids are gone is told once, and read on from its first row', async () => {
  const { gateway, client, notices } = await scripted(['BTC'])
  for (let n = 0; n < 4; n++) gateway.publish('BTC')
  const rest = gateway.ticks('BTC').slice(2)
  gateway.answer = ({ id, symbols }, send) => {
    const resume = { BTC: { state: 'complete' } }
    send({ type: 'subscribed', id, channel: 'ticks', symbols, streams: { BTC: 'scripted:BTCUSDT' }, resume })
    const part = { type: 'ws_history', channel: 'ticks', symbol: 'BTC', tier: 'database' }
    send({ ...part, cursor: rest[1]!.id, ticks: rest, more: false, truncated: true })
    return true
  }
  expect(ids(await read(client.ticks(['BTC'], { after: { BTC: 1 } }), 2))).toEqual(ids(rest))
  expect(types(notices)).toEqual(['connected', 'resumed', 'truncated'])
})

test('a symbol that is another stream after a reconnect is told, and its ids begin anew', async () => {
  const { gateway, client, notices } = await scripted(['BTC'])
  gateway.publish('BTC')
  gateway.publish('BTC')
  gateway.answer = ({ id, symbols, after }, send) => {
    if (!after) return false
    const ticks = [{ ...gateway.ticks('BTC')[0], id: 1, prev: null }]
    send({ type: 'subscribed', id, channel: 'ticks', symbols, streams: { BTC: 'scripted:BTCUSDC' } })
    send({ type: 'ws_history', channel: 'ticks', symbol: 'BTC', cursor: 1, tier: 'memory', ticks, more: false })
    return true
  }
  const seen = await read(client.ticks(['BTC'], { history: 1 }), 2, (tick) => tick.id > 1 && gateway.cut(4000))
  expect(seen[1]).toMatchObject({ id: 1, prev: null })
  expect(notices.at(-1)).toMatchObject({ type: 'replaced', was: 'scripted:BTCUSDT', stream: 'scripted:BTCUSDC' })
})

test('a hole that asking again does not fill is told, and the stream goes on', async () => {
  const { gateway, client, notices } = await scripted(['BTC'])
  gateway.publish('BTC')
  gateway.answer = ({ id, after, symbols }, send) => {
    if (!after) return false
    const ticks = gateway.ticks('BTC').slice(2)
    send({ type: 'subscribed', id, channel: 'ticks', symbols, streams: { BTC: 'scripted:BTCUSDT' } })
    send({ type: 'ws_history', channel: 'ticks', symbol: 'BTC', cursor: ticks.at(-1)?.id ?? null, ticks })
    return true
  }
  const seen = await read(client.ticks(['BTC'], { history: 1 }), 2, (tick) => {
    if (tick.prev !== null) return
    gateway.publish('BTC', { sent: false })
    gateway.publish('BTC')
  })
  expect(ids(seen)).toEqual(ids([gateway.ticks('BTC')[0]!, gateway.ticks('BTC')[2]!]))
  expect(notices.at(-1)).toEqual({ type: 'hole', symbol: 'BTC', after: seen[0]?.id, next: seen[1]?.id })
})

test('a heartbeat whose cursor is ahead shows a hole that no later tick has shown yet', async () => {
  const { gateway, client } = await scripted(['BTC'])
  gateway.publish('BTC')
  const seen = await read(client.ticks(['BTC'], { history: 1 }), 2, (tick) => {
    if (tick.prev !== null) return
    const hidden = gateway.publish('BTC', { sent: false })
    gateway.send('ticks', 'BTC', { type: 'heartbeat', time: hidden.time, cursors: { BTC: hidden.id } })
  })
  expect(ids(seen)).toEqual(ids(gateway.ticks('BTC')))
})

test('a truncated resume is told with the oldest id there is', async () => {
  const { gateway, client, notices } = await scripted(['BTC'])
  for (let n = 0; n < 5; n++) gateway.publish('BTC')
  const stored = gateway.ticks('BTC').slice(3)
  gateway.answer = ({ id, symbols }, send) => {
    const resume = { BTC: { state: 'truncated', oldest: stored[0]!.id } }
    send({ type: 'subscribed', id, channel: 'ticks', symbols, streams: { BTC: 'scripted:BTCUSDT' }, resume })
    send({ type: 'ws_history', channel: 'ticks', symbol: 'BTC', cursor: stored[1]!.id, ticks: stored, more: false })
    return true
  }
  const seen = await read(client.ticks(['BTC'], { after: { BTC: 1 } }), 2)
  expect(ids(seen)).toEqual(ids(stored))
  expect(notices.at(-1)).toEqual({ type: 'truncated', symbol: 'BTC', after: 1, oldest: stored[0]?.id })
})

test('a consumer slower than its buffer makes the client hang up and resume: bounded memory, nothing lost', async () => {
  const { gateway, client, notices } = await scripted(['BTC'], { bufferedFrames: 50 })
  gateway.publish('BTC')
  const total = 400
  const seen: ClientTick[] = []
  for await (const tick of client.ticks(['BTC'], { history: 1 })) {
    seen.push(tick)
    if (seen.length === 1) {
      for (let n = 1; n < total; n++) gateway.publish('BTC')
      // While this consumer is busy, the socket overflows its 50 frames and is hung up by the client.
      await expect.poll(() => gateway.connections).toBe(0)
    }
    if (seen.length === total) break
  }
  expect(ids(seen)).toEqual(ids(gateway.ticks('BTC')))
  expect(notices.find((notice) => notice.type === 'disconnected')?.reason).toMatch('the consumer is slower')
})

test('a history that a consumer has no time for is bounded by its ticks, not by its frames', async () => {
  const { gateway, client, notices } = await scripted(['BTC'], { bufferedFrames: 50 })
  for (let n = 0; n < 400; n++) gateway.publish('BTC')
  gateway.answer = ({ id, after }, send) => {
    const ticks = gateway.ticks('BTC').filter((tick) => tick.id > (after?.BTC ?? 0))
    send({ type: 'subscribed', id, channel: 'ticks', symbols: ['BTC'], streams: { BTC: 'binance:BTCUSDT' } })
    for (let at = 0; at < ticks.length; at += 10) {
      const part = ticks.slice(at, at + 10)
      const more = at + 10 < ticks.length
      send({ type: 'ws_history', channel: 'ticks', symbol: 'BTC', cursor: part.at(-1)!.id, ticks: part, more })
    }
    return true
  }
  const seen: ClientTick[] = []
  for await (const tick of client.ticks(['BTC'], { after: { BTC: 0 } })) {
    seen.push(tick)
    if (seen.length === 1) await expect.poll(() => gateway.connections).toBe(0)
    if (seen.length === 400) break
  }
  expect(ids(seen)).toEqual(ids(gateway.ticks('BTC')))
  expect(notices.find((notice) => notice.type === 'disconnected')?.reason).toMatch('the consumer is slower')
})

test('gap and lost frames reach the consumer as notices, in stream order', async () => {
  const { gateway, client, notices } = await scripted(['BTC'])
  gateway.publish('BTC')
  const gap = { type: 'gap', symbol: 'BTC', from: 2, to: 4, count: 3, status: 'open' }
  await read(client.ticks(['BTC'], { history: 1 }), 2, (tick) => {
    if (tick.prev !== null) return
    gateway.send('ticks', 'BTC', gap)
    gateway.publish('BTC')
  })
  expect(notices.at(-1)).toEqual(gap)
})
