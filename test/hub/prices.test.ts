import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { MarketState } from '../../src/market/market-state.ts'
import { type HubServer, startHub } from '../fakes/hub-server.ts'

const CLOSED: MarketState = {
  ...{ market: 'CLOSED', delayMs: 900_000 },
  day: { previousClose: undefined, high: undefined, low: undefined, volume: undefined },
}

let server: HubServer
beforeEach(async () => {
  server = await startHub()
})
afterEach(() => server.close())

describe('channel prices', () => {
  it('sends the latest at once, then at most one per interval with the number of ticks skipped', async () => {
    server.publish('BTC', 2, { price: 3 })
    const { time } = server.source.of('BTC').latest!
    const client = await server.connect('?symbols=*&channel=prices&interval=50')
    expect(await client.next()).toMatchObject({ type: 'subscribed', symbols: ['BTC', 'ETH'], interval: 50 })
    expect(await client.next()).toEqual({
      ...{ type: 'price', symbol: 'BTC', id: 101, price: 3, time, stale: false, skipped: 0 },
      ...{ change24h: 0, high24h: 3, low24h: 3, volume24h: 4 },
    })
    server.publish('BTC', 5, { price: 4 })
    expect(await client.next()).toMatchObject({ symbol: 'BTC', id: 106, price: 4, skipped: 4, change24h: 1, low24h: 3 })
    expect(await client.drain()).toEqual([])
    server.publish('ETH')
    expect(await client.next()).toMatchObject({ symbol: 'ETH', id: 100, skipped: 0 })
  })

  it('counts for each client what that client skipped', async () => {
    const early = await server.connect('?symbols=BTC&channel=prices&interval=500')
    await early.nextOfType('subscribed')
    server.publish('BTC', 3)
    const late = await server.connect('?symbols=BTC&channel=prices&interval=500')
    expect(await late.nextOfType('price')).toMatchObject({ id: 102, skipped: 0 })
    server.publish('BTC', 2)
    expect(await early.nextOfType('price')).toMatchObject({ id: 104, skipped: 4 })
    expect(await late.nextOfType('price')).toMatchObject({ id: 104, skipped: 1 })
  })

  it('sends the price again, though no tick came, when its market has closed or it is stale', async () => {
    server.publish('BTC')
    const client = await server.connect('?symbols=BTC&channel=prices&interval=0')
    expect(await client.nextOfType('price')).not.toHaveProperty('market')
    server.source.of('BTC').market = CLOSED
    server.hub.requote('BTC')
    const price = await client.nextOfType('price')
    expect(price).toMatchObject({ id: 100, market: 'CLOSED', delay: 900_000, stale: false, skipped: 0 })
    server.source.of('BTC').stale = true
    server.hub.requote('BTC')
    expect(await client.nextOfType('price')).toMatchObject({ id: 100, market: 'CLOSED', stale: true, skipped: 0 })
    server.hub.requote('BTC')
    expect(await client.drain()).toEqual([])
  })

  it('sends one price for a tick and what else changed within the interval, and none to who has it all', async () => {
    server.publish('BTC')
    const client = await server.connect('?symbols=BTC&channel=prices&interval=500')
    await client.nextOfType('price')
    server.hub.requote('BTC')
    server.publish('BTC', 2)
    server.hub.requote('BTC')
    const late = await server.connect('?symbols=BTC&channel=prices&interval=500')
    expect(await late.nextOfType('price')).toMatchObject({ id: 102 })
    expect(await client.nextOfType('price')).toMatchObject({ id: 102, skipped: 1 })
    expect([await client.drain(), await late.drain()]).toEqual([[], []])
  })

  it('sends nothing of a symbol that has changed but has no price yet', async () => {
    const client = await server.connect('?symbols=BTC&channel=prices&interval=0')
    server.hub.requote('BTC')
    expect(await client.drain()).toMatchObject([{ type: 'subscribed' }])
  })
})

describe('the prices of all symbols', () => {
  const appear = (symbol: string) => {
    server.source.add(symbol)
    server.hub.appeared(symbol)
  }

  it('are those of a symbol that appears later too, which is granted first', async () => {
    const client = await server.connect('?symbols=*&channel=prices&interval=100&id=1')
    expect(await client.next()).toMatchObject({ type: 'subscribed', id: 1, symbols: ['BTC', 'ETH'] })
    appear('SOL')
    const streams = { SOL: 'binance:SOLUSDT' }
    const granted = { type: 'subscribed', channel: 'prices', symbols: ['SOL'], streams, interval: 100 }
    expect(await client.next()).toEqual(granted)
    server.publish('SOL')
    expect(await client.next()).toMatchObject({ type: 'price', symbol: 'SOL', id: 100 })
  })

  it('are not sent to who named their symbols, nor any more to who has ended it', async () => {
    const named = await server.connect('?symbols=BTC,ETH&channel=prices')
    const ended = await server.connect('?symbols=*&channel=prices')
    ended.send({ op: 'unsubscribe', channel: 'prices' })
    for (const client of [named, ended]) await client.drain()
    appear('SOL')
    server.publish('SOL')
    expect([await named.drain(), await ended.drain()]).toEqual([[], []])
  })
})
