import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { type BinanceSimulator, startBinanceSimulator } from '../../../src/simulate/binance.ts'
import { connectStream } from '../stream-client.ts'

let simulator: BinanceSimulator
let wall: number
beforeEach(async () => {
  wall = Date.UTC(2026, 10, 22, 8, 0, 30)
  simulator = await startBinanceSimulator({ now: () => wall, rate: 500 })
})
afterEach(() => simulator.close())

const RAW = 'ws/btcusdt@aggTrade'
const COMBINED = 'stream?streams=btcusdt@aggTrade'

const connect = (path = RAW) => connectStream(`${simulator.streamUrl}/${path}`)

/** Why a connection is refused; undefined when it is not. */
async function refusal(): Promise<string | undefined> {
  const webSocket = new WebSocket(`${simulator.streamUrl}/${RAW}`)
  const refused = once(webSocket, 'error').then(([error]) => (error as Error).message)
  const reason = await Promise.race([refused, once(webSocket, 'open').then(() => undefined)])
  webSocket.terminate()
  return reason
}

describe('connections', () => {
  test('can be closed with a code and a reason, or cut', async () => {
    const told = await connect()
    const reason = once(told.webSocket, 'close')
    simulator.faults.closeAll({ code: 1012, reason: 'maintenance' })
    const [code, text] = (await reason) as [number, Buffer]
    expect([code, String(text)]).toEqual([1012, 'maintenance'])
    const cut = await connect()
    simulator.faults.closeAll()
    expect(await cut.closed).toBe(1006)
  })

  test('can be refused with a reset or a status, until they are let in again', async () => {
    simulator.faults.refuseConnects('reset')
    expect(await refusal()).toMatch(/ECONNRESET|socket hang up/)
    simulator.faults.refuseConnects(503)
    expect(await refusal()).toContain('503')
    simulator.faults.refuseConnects(false)
    expect(await refusal()).toBeUndefined()
    expect(simulator.seen).toMatchObject({ connects: 3, refusedConnects: 2 })
  })

  test('that are open stay so while others are refused', async () => {
    const client = await connect()
    simulator.faults.refuseConnects(503)
    wall += 1_000
    await client.received(1)
    expect(await refusal()).toContain('503')
    client.webSocket.terminate()
  })

  test('can go silent and come back', async () => {
    const client = await connect()
    simulator.faults.stall(true)
    client.webSocket.ping()
    let pongs = 0
    client.webSocket.on('pong', () => {
      pongs += 1
    })
    // Whoever comes meanwhile is let in and hears nothing either.
    const other = await connect()
    expect(pongs).toBe(0)
    simulator.faults.clear()
    await once(client.webSocket, 'pong')
    wall += 1_000
    await Promise.all([client.received(1), other.received(1)])
    for (const { webSocket } of [client, other]) webSocket.terminate()
  })

  test('are told of a shutdown in the words of the exchange, go on until it comes, and are closed', async () => {
    const clients = await Promise.all([connect(), connect(COMBINED)])
    const announced = performance.now()
    simulator.faults.serverShutdown({ graceMs: 80 })
    const event = { e: 'serverShutdown', E: wall }
    expect(await clients[0].received(1)).toEqual([event])
    expect(await clients[1].received(1)).toEqual([{ stream: '!serverShutdown', data: event }])
    const next = await connect()
    wall += 500
    await Promise.all(clients.map((client) => client.received(2)))
    expect(await Promise.all(clients.map(({ closed }) => closed))).toEqual([1001, 1001])
    expect(performance.now() - announced).toBeGreaterThanOrEqual(79)
    expect(next.webSocket.readyState).toBe(WebSocket.OPEN)
    next.webSocket.terminate()
  })

  test('stay when a shutdown was announced and everything is cleared', async () => {
    const client = await connect()
    simulator.faults.refuseConnects('reset')
    simulator.faults.serverShutdown({ graceMs: 10 })
    simulator.faults.clear()
    simulator.faults.serverShutdown({ graceMs: 40 })
    const late = await connect()
    expect(await client.closed).toBe(1001)
    // The first announcement would have come before the second and for both.
    expect(client.messages).toHaveLength(2)
    expect(late.webSocket.readyState).toBe(WebSocket.OPEN)
    late.webSocket.terminate()
  })
})

describe('the rules of the exchange', () => {
  test('allow an address 300 connects in five minutes, attempts included', async () => {
    simulator.faults.refuseConnects('reset')
    for (let attempt = 0; attempt < 299; attempt += 1) await refusal()
    simulator.faults.clear()
    expect(await refusal()).toBeUndefined()
    expect(await refusal()).toContain('429')
    wall += 5 * 60_000
    expect(await refusal()).toBeUndefined()
  })

  test('end a connection soon after its life', async () => {
    const lifeMs = 300
    const mortal = await startBinanceSimulator({ rules: { lifeMs } })
    const client = await connectStream(`${mortal.streamUrl}/${RAW}`)
    const connected = performance.now()
    expect(await client.closed).toBe(1006)
    const age = performance.now() - connected
    expect(age).toBeGreaterThan(lifeMs - 50)
    expect(age).toBeLessThan(lifeMs * 1.5)
    await mortal.close()
  })

  test('close who sends more than five messages in a second, which is counted', async () => {
    const client = await connectStream(`${simulator.streamUrl}/${RAW}`, { autoPong: false })
    for (let n = 0; n < 6; n += 1) client.webSocket.ping()
    expect(await client.closed).toBe(1008)
    expect(simulator.seen).toMatchObject({ messages: 6, chattyConnections: 1 })
  })
})
