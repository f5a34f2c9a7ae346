import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createHub } from '../../src/hub/hub.ts'
import { createDelivery } from '../../src/ingest.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import { ConnectedClient } from '../fakes/connected-client.ts'
import { BTC } from '../fakes/exchange-feed.ts'

const NOON = Date.UTC(2026, 10, 18, 12)
const MINUTE = 60_000
const open: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

/** Memory and hub, joined as the gateway joins them. */
async function startPath() {
  const memory = new MemoryTier()
  const stream = memory.prepare(BTC)
  memory.adopt(stream)
  const source = {
    stream: (symbol: string) => memory.stream(symbol),
    awaited: () => [],
    symbols: () => memory.symbols(),
    ticksAfter: async () => [],
    candlesBefore: async () => ({ candles: [], isWhole: true }),
    storeCandles: async () => undefined,
    idFrom: async () => undefined,
    ticksBefore: async () => [],
  }
  const hub = createHub({ source, heartbeatMs: 60_000 })
  const server = createServer()
  hub.attach(server, { ready: () => true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(async () => {
    await hub.close()
    await new Promise((resolve) => server.close(resolve))
  })
  const deliver = createDelivery({
    remember: (update) => stream.append(update),
    publish: (update) => hub.publish(update),
    store: () => undefined,
  })
  let id = 0
  const { port } = server.address() as AddressInfo
  return {
    trade(time: number) {
      id += 1
      const fields = { symbol: 'BTC', id, prev: id === 1 ? null : id - 1, price: 1, size: 1, trades: 1, time }
      deliver({ ...fields, side: 'buy', received: time, backfilled: false })
    },
    /** Fills a tick in behind the stream. */
    fill(time: number) {
      const fields = { symbol: 'BTC', id: 0, price: 1, size: 1, trades: 1, time, received: time } as const
      stream.history.foldLate({ ...fields, side: 'buy' })
      hub.revise('BTC', time)
    },
    /** The timer's part: the candles that ended before `until` become final. */
    close(until: number) {
      stream.history.close(until, (timeframe, time) => hub.candle('BTC', timeframe, stream.candleAt(timeframe, time)!))
    },
    async connect(interval: number) {
      const client = await ConnectedClient.open(
        `ws://127.0.0.1:${port}/ws?symbols=BTC&timeframe=1m&interval=${interval}`,
      )
      await client.nextOfType('ws_history')
      return client
    },
  }
}

const candlesOf = async (client: ConnectedClient) =>
  (await client.drain()).flatMap((frame) => (frame.type === 'candle' ? [frame] : []))

describe('a final candle that late trades revise', () => {
  it('is sent once per interval, with the newest revision', async () => {
    const { trade, close, connect } = await startPath()
    trade(NOON)
    const client = await connect(100)
    close(NOON + MINUTE)
    expect(await client.nextOfType('candle')).toMatchObject({ final: true, revision: 0, trades: 1 })
    for (let count = 0; count < 1_000; count += 1) trade(NOON + 30_000)
    expect(await client.nextOfType('candle')).toMatchObject({ final: true, revision: 1_000, trades: 1_001 })
    trade(NOON + 30_000)
    trade(NOON + 30_000)
    expect(await client.nextOfType('candle')).toMatchObject({ final: true, revision: 1_002, trades: 1_003 })
    expect(await candlesOf(client)).toEqual([])
  })

  it('is sent once per late trade and flush at interval 0', async () => {
    const { trade, close, connect } = await startPath()
    trade(NOON)
    close(NOON + MINUTE)
    const client = await connect(0)
    for (const revision of [1, 2]) {
      trade(NOON + 30_000)
      expect(await candlesOf(client)).toMatchObject([{ time: NOON, final: true, revision }])
    }
  })

  it('goes out as final at once, whatever waits for its interval, and is not sent again without a revision', async () => {
    const { trade, close, connect } = await startPath()
    const [slow, quick] = [await connect(60_000), await connect(50)]
    trade(NOON)
    trade(NOON + MINUTE)
    close(NOON + MINUTE)
    expect(await candlesOf(slow)).toMatchObject([{ time: NOON, final: true, revision: 0 }])
    const frames = [await quick.nextOfType('candle'), await quick.nextOfType('candle')]
    expect(frames).toMatchObject([
      { time: NOON, final: true, revision: 0 },
      { time: NOON + MINUTE, final: false },
    ])
    expect(await candlesOf(quick)).toEqual([])
  })

  it('is sent once per interval too when its ticks were filled in behind the stream', async () => {
    const { trade, close, fill, connect } = await startPath()
    trade(NOON)
    close(NOON + MINUTE)
    trade(NOON + MINUTE)
    const client = await connect(50)
    for (let count = 0; count < 100; count += 1) fill(NOON + 30_000)
    expect(await client.nextOfType('candle')).toMatchObject({ time: NOON, final: true, revision: 100, trades: 101 })
    expect(await candlesOf(client)).toEqual([])
  })

  it('waits its turn beside the open candle, oldest first', async () => {
    const { trade, close, connect } = await startPath()
    trade(NOON)
    close(NOON + MINUTE)
    const client = await connect(50)
    trade(NOON + MINUTE)
    trade(NOON + 30_000)
    expect([await client.nextOfType('candle'), await client.nextOfType('candle')]).toMatchObject([
      { time: NOON, final: true, revision: 1 },
      { time: NOON + MINUTE, final: false },
    ])
  })
})
