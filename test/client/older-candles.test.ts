import { describe, expect, test } from 'vitest'
import type { CandleEvent } from '../../src/client/candles.ts'
import { ChartBars } from '../../src/client/chart.ts'
import { connect } from '../../src/client/node.ts'
import type { OlderCandles } from '../../src/client/older-candles.ts'
import type { OhlcvRow } from '../../src/market/candle.ts'
import { startHttpSource } from '../fakes/http-source.ts'

const row = (minute: number, close = 1): OhlcvRow => [minute * 60_000, 1, 9, 1, close, 1]
const snapshot = (...minutes: readonly number[]): CandleEvent => ({
  ...{ type: 'snapshot', symbol: 'BTC', timeframe: '1m', cursor: 1 },
  candles: minutes.map((minute) => row(minute, 2)),
})

/** A chart of these snapshots, one step at a time, and a past that is served in pages of three minutes. */
function chartOf(first: number, ...events: readonly CandleEvent[]) {
  const asked: number[] = []
  const readOlder = async (before: number): Promise<OlderCandles> => {
    const to = before / 60_000
    asked.push(to)
    const from = Math.max(first, to - 3)
    const candles = Array.from({ length: Math.max(0, to - from) }, (_, n) => row(from + n))
    // Buckets without a trade: no rows, and not the end.
    return { candles: from === 4 ? [] : candles, before: from > first ? from * 60_000 : null, complete: true }
  }
  async function* feed() {
    yield* events
  }
  const bars = new ChartBars(feed(), readOlder)
  const steps = bars[Symbol.asyncIterator]()
  const minutesOf = (change: unknown) =>
    (change as { readonly bars?: readonly { readonly time: number }[] } | undefined)?.bars?.map(({ time }) => time / 60)
  return {
    asked,
    older: async () => minutesOf(await bars.older()),
    next: async () => minutesOf((await steps.next()).value),
  }
}

const candle = (minute: number): CandleEvent => {
  const [time, open, high, low, close, volume] = row(minute, 3)
  const sums = { quoteVolume: 1, buyVolume: 1, trades: 1, final: true, revision: 1, cursor: 9 }
  return { type: 'candle', symbol: 'BTC', timeframe: '1m', time, open, high, low, close, volume, ...sums }
}

describe('a chart that is scrolled back', () => {
  test('gets older bars page by page, over pages without any, until there are none', async () => {
    const chart = chartOf(2, snapshot(10, 11))
    expect(await chart.next()).toEqual([10, 11])
    expect(await chart.older()).toEqual([7, 8, 9, 10, 11])
    expect(await chart.older()).toEqual([2, 3, 7, 8, 9, 10, 11])
    expect(await chart.older()).toBeUndefined()
    expect(chart.asked).toEqual([10, 7, 4])
  })

  test('keeps them when a new connection begins where the last one had been, and not across a hole', async () => {
    const chart = chartOf(0, snapshot(10, 11), snapshot(11, 12), snapshot(20, 21))
    await chart.next()
    await chart.older()
    expect(await chart.next()).toEqual([7, 8, 9, 10, 11, 12])
    expect(await chart.next()).toEqual([20, 21])
    expect(await chart.older()).toEqual([17, 18, 19, 20, 21])
  })

  test('draws no correction of a bar that lies before those it has, until it has the bars between', async () => {
    const chart = chartOf(2, snapshot(10, 11), candle(5), snapshot(10, 11), candle(3))
    await chart.next()
    expect(await chart.next()).toEqual([10, 11])
    await chart.older()
    expect(await chart.older()).toEqual([2, 3, 7, 8, 9, 10, 11])
    expect(await chart.older()).toBeUndefined()
    expect(chart.asked).toEqual([10, 7, 4])
  })

  test('asks once for all who want older bars now, and for nothing before there are any', async () => {
    const chart = chartOf(0, snapshot(10, 11))
    expect(await chart.older()).toBeUndefined()
    await chart.next()
    const [one, other] = await Promise.all([chart.older(), chart.older()])
    expect(other).toEqual(one)
    expect(chart.asked).toEqual([10])
  })
})

describe('older candles over HTTP', () => {
  test('are asked for at the gateway that any address names', async () => {
    const body = { candles: [row(1)], before: 60_000, complete: true }
    const source = await startHttpSource(() => ({ body }))
    try {
      const client = connect(`${source.url.replace('http', 'ws')}/ws`)
      expect(await client.olderCandles('BTC', { timeframe: '4h', before: 90_000, limit: 7 })).toEqual(body)
      await connect(source.url).olderCandles('BTC')
      expect(source.requests).toEqual([
        '/api/v1/chart/BTC?timeframe=4h&to=90000&limit=7',
        '/api/v1/chart/BTC?timeframe=1m',
      ])
    } finally {
      await source.close()
    }
  })

  test('that are refused, or that nobody answers for, reject with a code', async () => {
    const problem = { status: 404, code: 'unknown_symbol', detail: 'no such symbol' }
    const source = await startHttpSource(() => ({ status: 404, body: problem }))
    const refused = connect(source.url).olderCandles('NOPE')
    await expect(refused).rejects.toMatchObject({ code: 'unknown_symbol', message: 'no such symbol' })
    await source.close()
    await expect(connect(source.url).olderCandles('BTC')).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('that the gateway cannot know all of now are not drawn', async () => {
    const bars = new ChartBars(
      (async function* () {
        yield snapshot(10)
      })(),
      async () => ({ candles: [row(2)], before: 60_000, complete: false }),
    )
    for await (const _ of bars) await expect(bars.older()).rejects.toMatchObject({ code: 'unavailable' })
  })
})
