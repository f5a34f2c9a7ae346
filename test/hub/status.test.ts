import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StatusRow } from '../../src/wire/messages.ts'
import { type HubServer, startHub } from '../fakes/hub-server.ts'

const BINANCE: StatusRow = { feed: 'binance', state: 'live', since: 1_000 }
const FRED: StatusRow = { feed: 'fred', state: 'off', since: 1, reason: 'FRED_API_KEY must be set, is not' }
const DATABASE: StatusRow = { tier: 'database', state: 'live', since: 2 }

let server: HubServer
let rows: readonly StatusRow[]
beforeEach(async () => {
  rows = [BINANCE, FRED, DATABASE]
  server = await startHub({ statuses: () => rows })
})
afterEach(() => server.close())

describe('the status channel', () => {
  it('is granted without symbols, and tells of every feed and tier at once, then of each change', async () => {
    const client = await server.connect()
    client.send({ op: 'subscribe', id: 7, channel: 'status' })
    expect(await client.next()).toEqual({ type: 'subscribed', id: 7, channel: 'status', symbols: [], streams: {} })
    for (const row of rows) expect(await client.next()).toEqual({ type: 'status', ...row })
    const down: StatusRow = { feed: 'binance', state: 'down', since: 5_000, reason: 'the line is cut' }
    server.hub.status(down)
    expect(await client.next()).toEqual({ type: 'status', ...down })
    expect(await client.drain()).toEqual([])
  })

  it('is had by connecting with a query, alone', async () => {
    const client = await server.connect('?channel=status')
    expect(await client.next()).toMatchObject({ type: 'subscribed', channel: 'status' })
    expect(await client.next()).toEqual({ type: 'status', ...BINANCE })
  })

  it('is listed and ended as any other, and can be had again', async () => {
    const client = await server.connect('?channel=status')
    await client.drain()
    client.send({ op: 'list', id: 1 })
    expect(await client.next()).toMatchObject({ subscriptions: [{ channel: 'status', symbol: '*' }] })
    client.send({ op: 'unsubscribe', id: 2, channel: 'status' })
    expect(await client.next()).toEqual({ type: 'unsubscribed', id: 2, channel: 'status', symbols: [] })
    server.hub.status(BINANCE)
    expect(await client.drain()).toEqual([])
    client.send({ op: 'subscribe', id: 3, channel: 'status', symbols: ['*'] })
    expect(await client.drain()).toHaveLength(1 + rows.length)
  })

  it('asked for twice tells of each change once', async () => {
    const client = await server.connect('?channel=status')
    client.send({ op: 'subscribe', id: 2, channel: 'status' })
    await client.drain()
    server.hub.status(BINANCE)
    expect(await client.drain()).toEqual([{ type: 'status', ...BINANCE }])
    expect(server.hub.stats.subscriptions).toBe(1)
  })

  it.each([
    [{ symbols: ['BTC'] }, "symbols do not belong to channel status, was 'BTC'"],
    [{ timeframe: '1m' }, 'timeframe does not belong to channel status'],
    [{ history: 5 }, 'history does not belong to channel status'],
  ])('refuses %j, which it does not have', async (fields, message) => {
    const client = await server.connect()
    client.send({ op: 'subscribe', id: 1, channel: 'status', ...fields })
    expect(await client.next()).toMatchObject({ type: 'error', id: 1, code: 'bad_parameter', message })
  })

  it('leaves nobody behind who has gone', async () => {
    const client = await server.connect('?channel=status')
    await client.drain()
    await client.close()
    server.hub.status(BINANCE)
    expect(server.hub.stats.subscriptions).toBe(0)
  })
})
