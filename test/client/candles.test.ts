import { afterEach, expect, test } from 'vitest'
import type { CandleEvent } from '../../src/client/candles.ts'
import { ChartBars } from '../../src/client/chart.ts'
import type { CandleMessage } from '../../src/client/messages.ts'
import { connect } from '../../src/client/node.ts'
import { ScriptedGateway } from '../fakes/scripted-gateway.ts'

const open: { close(): unknown }[] = []

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function scripted(symbols: readonly string[]) {
  const gateway = new ScriptedGateway(symbols)
  const client = connect(await gateway.listen(), { backoff: { firstMs: 1, maxMs: 5 } })
  open.push(gateway, client)
  for (const symbol of symbols) gateway.publish(symbol)
  return { gateway, client }
}

test('candles begin with a snapshot per symbol and begin anew after a cut', async () => {
  const { gateway, client } = await scripted(['BTC', 'ETH'])
  const seen: string[] = []
  for await (const event of client.candles(['BTC', 'ETH'])) {
    seen.push('symbol' in event ? `${event.type} ${event.symbol}` : event.type)
    if (seen.length === 2) gateway.publish('ETH')
    if (seen.length === 3) gateway.cut()
    if (seen.length === 5) break
  }
  expect(seen).toEqual(['snapshot BTC', 'snapshot ETH', 'candle ETH', 'snapshot BTC', 'snapshot ETH'])
})

test('a snapshot that comes in parts is yielded whole', async () => {
  const { gateway, client } = await scripted(['BTC'])
  gateway.answer = (_, send) => {
    const part = { type: 'ws_history', channel: 'candles', symbol: 'BTC', timeframe: '1m' }
    send({ ...part, cursor: 1, candles: [[0, 1, 1, 1, 1, 1]], more: true })
    send({ ...part, cursor: 2, candles: [[60_000, 2, 2, 2, 2, 2]], more: false })
    return true
  }
  for await (const event of client.candles(['BTC'])) {
    expect(event).toMatchObject({ type: 'snapshot', cursor: 2, candles: [{ 0: 0 }, { 0: 60_000 }] })
    break
  }
})

test('prices of all symbols come at once, and come again after a cut', async () => {
  const { gateway, client } = await scripted(['BTC', 'ETH'])
  const seen: string[] = []
  for await (const { symbol } of client.prices(['*'])) {
    seen.push(symbol)
    if (seen.length === 2) gateway.cut()
    if (seen.length === 4) break
  }
  expect(seen).toEqual(['BTC', 'ETH', 'BTC', 'ETH'])
})

const candle = (time: number, close: number): CandleMessage => ({
  ...{ type: 'candle', symbol: 'BTC', timeframe: '1m', time, open: 1, high: 9, low: 1, close },
  ...{ volume: 1, quoteVolume: 1, buyVolume: 1, trades: 1, final: false, revision: 0, cursor: 1 },
})

const nothingOlder = async () => ({ candles: [], before: null, complete: true })

async function* feed(events: readonly CandleEvent[]) {
  yield* events
}

test('a chart gets its bars in seconds; amended, appended and corrected bars as it can take them', async () => {
  const candles = [
    [60_000, 1, 1, 1, 1, 1],
    [180_000, 2, 2, 2, 2, 2],
  ] as const
  const events: CandleEvent[] = [
    { type: 'snapshot', symbol: 'BTC', timeframe: '1m', cursor: 1, candles },
    candle(180_000, 3),
    candle(240_000, 4),
    candle(60_000, 5),
    candle(120_000, 6),
    { type: 'interval_end', timeframe: '1m', time: 180_000 },
  ]
  const changes: unknown[] = []
  for await (const change of new ChartBars(feed(events), nothingOlder)) {
    changes.push(
      change.type === 'set'
        ? change.bars.map((bar) => bar.time)
        : [change.bar.time, change.bar.close, change.historical],
    )
  }
  expect(changes).toEqual([
    [60, 180],
    [180, 3, false],
    [240, 4, false],
    [60, 5, true],
    // A bucket that was empty until now: no chart can insert it, so all bars are set anew.
    [60, 120, 180, 240],
  ])
})

test('filled candles are asked for, and the ends of buckets are yielded in their place', async () => {
  const { gateway, client } = await scripted(['BTC'])
  gateway.answer = (_, send) => {
    const head = { type: 'ws_history', channel: 'candles', symbol: 'BTC', timeframe: '1m' }
    send({ ...head, cursor: 1, candles: [], more: false })
    send({ ...candle(60_000, 2), trades: 0, final: true })
    send({ type: 'interval_end', timeframe: '1m', time: 60_000 })
    return true
  }
  const seen: string[] = []
  for await (const event of client.candles(['BTC'], { fill: true })) {
    seen.push(event.type)
    if (seen.length === 3) break
  }
  expect(seen).toEqual(['snapshot', 'candle', 'interval_end'])
  expect(gateway.subscribes).toMatchObject([{ channel: 'candles', fill: true }])
})
