import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { BinanceTimeouts } from '../../feeds/binance.ts'
import { createGate } from '../../src/base/gate.ts'
import type { Received } from '../../src/feed.ts'
import { type BinanceSimulator, startBinanceSimulator } from '../../src/simulate/binance.ts'
import { binanceFeed, binanceInstruments, type Listening, listen, madeUp } from '../fakes/binance-listener.ts'
import { type StreamSource, startStreamSource } from '../fakes/stream-source.ts'
import { aggTradeFrame } from '../fixtures/binance/frames.ts'

const SHUTDOWN = { stream: '!serverShutdown', data: { e: 'serverShutdown', E: 1_732_250_000_000 } }
const QUICK = { overlapMs: 100, replace: { firstMs: 20, maxMs: 50 } }

let controller: AbortController

beforeEach(() => {
  controller = new AbortController()
})
afterEach(() => controller.abort())

describe('under full flow', () => {
  const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'BNBUSDT', 'XRPUSDT']
  let exchange: BinanceSimulator
  beforeEach(async () => {
    exchange = await startBinanceSimulator({ rate: 5_000 })
  })
  afterEach(() => exchange.close())

  test('sockets that grow old are replaced and nothing is lost', async () => {
    const listening = await follow({ ...QUICK, rotateMs: 150, rotateSpreadMs: 50 })
    await expect.poll(() => exchange.seen.connects, { timeout: 10_000 }).toBeGreaterThan(6)
    expectWhole(listening)
    expect(listening.overlaps.length).toBeGreaterThanOrEqual(6)
    expect(exchange.seen.chattyConnections).toBe(0)
  })

  test('an announced shutdown loses nothing, and costs one connect', async () => {
    const listening = await follow(QUICK)
    exchange.faults.serverShutdown({ graceMs: 400 })
    await soon(() => listening.overlaps).toEqual([true, false])
    const count = listening.heard.length
    // Longer than the grace.
    await expect.poll(() => listening.heard.length, { timeout: 5_000 }).toBeGreaterThan(count + 3_000)
    expectWhole(listening)
    expect(exchange.seen.connects).toBe(2)
  })

  test('a shutdown whose successor is refused keeps the old socket, and tries again until one is let in', async () => {
    const listening = await follow(QUICK)
    exchange.faults.refuseConnects(503)
    exchange.faults.serverShutdown({ graceMs: 60_000 })
    await soon(() => exchange.seen.refusedConnects).toBeGreaterThanOrEqual(3)
    expect(listening.overlaps).toEqual([])
    exchange.faults.refuseConnects(false)
    await soon(() => listening.overlaps).toEqual([true, false])
    expectWhole(listening)
  })

  test('a shutdown whose successor is refused until the end breaks the feed then', async () => {
    const listening = await follow(QUICK)
    exchange.faults.refuseConnects('reset')
    exchange.faults.serverShutdown({ graceMs: 200 })
    await expect(listening.ended).rejects.toMatchObject({ code: 'feed_broken' })
    expectWhole(listening)
  })

  async function follow(timeouts: Partial<BinanceTimeouts>): Promise<Listening> {
    const symbols = SYMBOLS.map((sourceSymbol) => ({ symbol: sourceSymbol, sourceSymbol }))
    const feed = binanceFeed(exchange.streamUrl, { symbols, timeouts })
    const listening = listen(feed, binanceInstruments(...SYMBOLS), controller.signal)
    await listening.connected
    await soon(() => listening.heard.length).toBeGreaterThan(500)
    return listening
  }

  /** Without a hole from the first to the last, and what is doubled falls out by id. */
  function expectWhole({ heard, connects }: Listening): void {
    for (const symbol of SYMBOLS) {
      const ids = [...new Set(idsOf(heard, symbol))].sort((a, b) => a - b)
      expect(ids.length).toBeGreaterThan(0)
      expect(ids.length).toBe(ids.at(-1)! - ids[0]! + 1)
    }
    expect(connects()).toBe(1)
  }
})

describe('with a source that does as it is told', () => {
  let source: StreamSource
  beforeEach(async () => {
    source = await startStreamSource()
  })
  afterEach(() => source.close())

  test.each([
    ['bare', SHUTDOWN.data],
    ['combined', SHUTDOWN],
  ])(
    'an announced shutdown (%s) opens the next socket, and leaves the old one with a close frame',
    async (_, frame) => {
      const listening = start()
      const old = await source.nextPeer()
      await listening.connected
      const closed = new Promise((resolve) => old.socket.once('close', resolve))
      old.send(frame)
      const next = await source.nextPeer()
      // Both are read.
      old.send(aggTradeFrame({ a: 1 }))
      next.send(aggTradeFrame({ a: 1 }))
      next.send(aggTradeFrame({ a: 2 }))
      expect(await closed).toBe(1000)
      await expect.poll(() => idsOf(listening.heard, 'BTCUSDT').sort()).toEqual([1, 1, 2])
      next.send(aggTradeFrame({ a: 3 }))
      await expect.poll(() => idsOf(listening.heard, 'BTCUSDT')).toContain(3)
      expect([listening.connects(), listening.overlaps]).toEqual([1, [true, false]])
    },
  )

  test('a socket that is lost while the next one opens ends nothing: that one is told as a new connection', async () => {
    const gate = createGate()
    let asked = 0
    const guarded = await startStreamSource({
      verifyClient: (_, answer) => void (++asked === 1 ? Promise.resolve() : gate.opened).then(() => answer(true)),
    })
    const listening = start(guarded)
    const old = await guarded.nextPeer()
    await listening.connected
    old.send(SHUTDOWN)
    await soon(() => asked).toBe(2)
    old.socket.terminate()
    await soon(listening.misses).toBe(1)
    expect(listening.connects()).toBe(1)
    gate.open()
    const next = await guarded.nextPeer()
    await soon(listening.connects).toBe(2)
    next.send(aggTradeFrame({ a: 7 }))
    await expect.poll(() => idsOf(listening.heard, 'BTCUSDT')).toEqual([7])
    controller.abort()
    await listening.ended
    await guarded.close()
  })

  test('a successor that dies young is replaced, and the old socket stays until then', async () => {
    const listening = start()
    const old = await source.nextPeer()
    await listening.connected
    old.send(SHUTDOWN)
    const young = await source.nextPeer()
    await soon(() => listening.overlaps).toEqual([true])
    young.socket.terminate()
    await source.nextPeer()
    await soon(() => listening.overlaps).toEqual([true, false, true, false])
    await soon(source.connections).toBe(1)
    expect(listening.connects()).toBe(1)
  })

  test('of two sockets, the one that is told to go is replaced, and the other stays', async () => {
    const listening = start(source, madeUp(1_025))
    const peers = [await source.nextPeer(), await source.nextPeer()]
    const long = peers.find(({ path }) => path === '/stream')!
    const short = peers.find(({ path }) => path !== '/stream')!
    for (let id = 1; id <= 6; id++) {
      await long.nextMessage()
      long.send({ result: null, id })
    }
    await listening.connected
    short.send(SHUTDOWN)
    expect((await source.nextPeer()).path).toBe(short.path)
    await soon(() => listening.overlaps).toEqual([true, false])
    await soon(source.connections).toBe(2)
    expect(listening.connects()).toBe(1)
  })

  test('an abort in an overlap leaves no socket', async () => {
    const listening = start()
    const old = await source.nextPeer()
    await listening.connected
    old.send(SHUTDOWN)
    await source.nextPeer()
    controller.abort()
    await listening.ended
    await soon(source.connections).toBe(0)
  })

  function start(at: StreamSource = source, venueSymbols: readonly string[] = ['BTCUSDT']): Listening {
    return listen(binanceFeed(at.url, { timeouts: QUICK }), binanceInstruments(...venueSymbols), controller.signal)
  }
})

function idsOf(heard: readonly Received<string>[], venueSymbol: string): number[] {
  return heard.flatMap(({ raw }) => {
    const { data } = JSON.parse(raw)
    return data?.s === venueSymbol ? [data.a as number] : []
  })
}

/** On a busy machine, too. */
function soon<T>(read: () => T) {
  return expect.poll(read, { timeout: 10_000 })
}
