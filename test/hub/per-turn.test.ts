import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { PerTurn } from '../../src/hub/per-turn.ts'
import { startHub } from '../fakes/hub-server.ts'

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

it('so much is done in a turn, in the order of asking, and as much in the next', async () => {
  const turns = new PerTurn(2)
  const done: number[] = []
  for (let n = 0; n < 7; n += 1) {
    const wait = turns.take()
    if (wait) void wait.then(() => done.push(n))
    else done.push(n)
  }
  expect(done).toEqual([0, 1])
  await nextTurn()
  expect(done).toEqual([0, 1, 2, 3])
  expect(turns.take()).toBeInstanceOf(Promise)
  for (let turn = 0; turn < 2; turn += 1) await nextTurn()
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6])
  await nextTurn()
  expect(turns.take()).toBeUndefined()
})

it('clients that connect together are all let in, and one that breaks off while it waits harms nobody', async () => {
  const server = await startHub({ limits: { entriesPerTurn: 1 } })
  server.publish('BTC', 3)
  const rude = Array.from({ length: 20 }, () => {
    const socket = connect(server.port, '127.0.0.1')
    const head = 'Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
    socket.write(`GET /ws HTTP/1.1\r\n${head}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`)
    setImmediate(() => socket.resetAndDestroy())
    return socket
  })
  const clients = await Promise.all(Array.from({ length: 20 }, () => server.connect('?symbols=BTC&channel=ticks')))
  for (const client of clients) expect(await client.nextOfType('ws_history')).toMatchObject({ cursor: 102 })
  expect(rude.every(({ destroyed }) => destroyed)).toBe(true)
  await server.close()
})
