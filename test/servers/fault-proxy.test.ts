import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FaultProxy, openFaultProxy } from './fault-proxy.ts'

let proxy: FaultProxy
const clients: Socket[] = []
const echo = createServer((socket) => {
  socket.on('error', () => undefined)
  socket.pipe(socket)
})

beforeAll(async () => {
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
})
afterAll(() => {
  echo.close()
})
beforeEach(async () => {
  proxy = await openFaultProxy((echo.address() as AddressInfo).port)
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await proxy.close()
})

async function dial(): Promise<Socket> {
  const socket = connect(proxy.port, '127.0.0.1')
  clients.push(socket)
  await once(socket, 'connect')
  return socket
}

/** What comes back of what is said, and after how many ms. */
async function say(socket: Socket, text: string): Promise<{ readonly back: string; readonly ms: number }> {
  const start = performance.now()
  socket.write(text)
  let back = ''
  for await (const bytes of socket.iterator({ destroyOnReturn: false })) {
    back += bytes
    if (back.length >= text.length) break
  }
  return { back, ms: performance.now() - start }
}

test('a proxy passes bytes both ways and counts them, and gives URLs that lead through it', async () => {
  const socket = await dial()
  expect((await say(socket, 'x'.repeat(100_000))).back).toHaveLength(100_000)
  expect(proxy.counters).toMatchObject({ connections: 1, open: 1, bytesToServer: 100_000, bytesToClients: 100_000 })
  expect(proxy.through('redis://user:word@somewhere:1/0?x=1')).toBe(`redis://user:word@127.0.0.1:${proxy.port}/0?x=1`)
})

test('one that refuses resets what is open, and passes again on the same port when told', async () => {
  const socket = await dial()
  const failed = once(socket, 'error')
  await proxy.set('refuse')
  expect(String(await failed.catch(String))).toContain('ECONNRESET')
  await expect(dial()).rejects.toThrow('ECONNREFUSED')
  await proxy.set('pass')
  expect((await say(await dial(), 'again')).back).toBe('again')
})

test('one that resets does so to open connections and to each new one', async () => {
  const open = await dial()
  const closed = once(open, 'close').catch(String)
  await proxy.set('reset')
  await closed
  const socket = connect(proxy.port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'close').catch(String)
  expect(proxy.counters).toMatchObject({ connections: 2, resets: 2, open: 0 })
})

test('a black hole keeps connections open and silent for ever; new ones work when it is gone', async () => {
  const before = await dial()
  await proxy.set('black-hole')
  const during = await dial()
  for (const socket of [before, during]) {
    socket.on('data', () => expect.unreachable('nothing may come back'))
    socket.write('lost')
  }
  await delay(50)
  await proxy.set('pass')
  before.write('lost')
  expect((await say(await dial(), 'heard')).back).toBe('heard')
  expect(proxy.counters).toMatchObject({ open: 3, resets: 0, bytesLost: 12, bytesToServer: 5 })
})

test('a stalled wire delivers everything, in order, when the stall is over', async () => {
  const socket = await dial()
  await proxy.set('stall')
  const said = say(socket, 'one two three')
  await delay(50)
  expect(proxy.counters.bytesToServer).toBe(0)
  await proxy.set('pass')
  expect((await said).back).toBe('one two three')
})

test('a delay holds for each way, a throttle for the bytes of a second', async () => {
  const socket = await dial()
  await proxy.set({ kind: 'delay', ms: 60 })
  expect((await say(socket, 'late')).ms).toBeGreaterThanOrEqual(118)
  await proxy.set({ kind: 'throttle', bytesPerSecond: 10_000 })
  const { ms } = await say(socket, 'x'.repeat(3_000))
  expect(ms).toBeGreaterThan(250)
  expect(ms).toBeLessThan(1_500)
})
