import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createBinanceFeed } from '../../feeds/binance.ts'
import { WeightBudget } from '../../feeds/binance-weight.ts'
import type { Pace } from '../../src/feed.ts'
import { createWeightMeter } from '../../src/simulate/weight-meter.ts'
import { createFakeBinance } from '../fakes/binance-rest.ts'
import { type HttpSource, startHttpSource } from '../fakes/http-source.ts'

/** A minute's beginning. */
const NOW = 1_732_249_980_000
const LIMIT = 100
const BTC = { symbol: 'BTC', sourceSymbol: 'BTCUSDT' }
const INSTRUMENT = { ...BTC, assetClass: 'crypto', source: 'binance', priceDigits: 2, sizeDigits: 5 } as const

test('whatever is asked when, however late it is answered, and whatever our clock says, a minute holds 90 %', () => {
  const asks = fc.array(
    fc.record({
      waitMs: fc.oneof(fc.nat(5), fc.nat(500)),
      weight: fc.constantFrom(1, 2, 4, 20),
      thereMs: fc.oneof(fc.nat(10), fc.nat(3_000)),
      backMs: fc.oneof(fc.nat(10), fc.nat(3_000)),
    }),
    { minLength: 200, maxLength: 800, size: 'max' },
  )
  const skew = fc.integer({ min: -90_000, max: 90_000 })
  fc.assert(
    fc.property(asks, skew, (script, skewMs) => {
      const source = createClocks(skewMs)
      // The first answer tells the clock.
      source.ask(1, 0, 0)
      source.pass(1)
      for (const { waitMs, weight, thereMs, backMs } of script) {
        source.pass(waitMs)
        source.ask(weight, thereMs, backMs)
      }
      expect(source.most()).toBeLessThanOrEqual(LIMIT * 0.9)
    }),
    { numRuns: 300 },
  )
})

describe('a backfill of 100 pages with a low limit', () => {
  test('takes the minutes that it needs, and is never refused', async () => {
    const exchange = await startExchange(60)
    const feed = feedOf(exchange)
    await feed.resolve(AbortSignal.timeout(10_000))
    expect(await idsOf(feed, 'urgent')).toEqual(Array.from({ length: 100_000 }, (_, n) => n))
    expect(exchange.refused()).toBe(0)
    expect(exchange.most()).toBeLessThanOrEqual(54)
    await exchange.source.close()
  })

  test('leaves half of each minute to urgent questions when it is polite', async () => {
    const exchange = await startExchange(LIMIT, 30_000)
    const feed = feedOf(exchange)
    await feed.resolve(AbortSignal.timeout(10_000))
    let isDone = false
    const filling = idsOf(feed, 'polite').finally(() => {
      isDone = true
    })
    const waits: number[] = []
    while (!isDone) {
      const began = performance.now()
      await feed.newest(INSTRUMENT, AbortSignal.timeout(10_000))
      waits.push(performance.now() - began)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(await filling).toHaveLength(30_000)
    // None waits for the next minute and the one after it.
    expect(Math.max(...waits)).toBeLessThan(500)
    expect(exchange.refused()).toBe(0)
    await exchange.source.close()
  })
})

test('an answer that tells of the minute before holds nobody in the next', () => {
  const budget = new WeightBudget(() => NOW)
  const answer = (used: number, time: number) => {
    budget.begin(4)
    budget.end(4, { 'x-mbx-used-weight-1m': String(used), date: new Date(time).toUTCString() })
  }
  answer(4, NOW)
  answer(5_999, NOW - 5_000)
  expect(budget.waitMs(4, 'urgent')).toBe(0)
})

test('where nothing is limited, nothing waits', () => {
  const budget = new WeightBudget(() => NOW)
  budget.limit = 2_147_483_647
  budget.begin(1_000_000)
  expect(budget.waitMs(4, 'polite')).toBe(0)
})

/** Our clock and the exchange's, in a model: questions get there and come back after a while. */
function createClocks(skewMs: number) {
  let time = NOW
  let under: { at: number; run: () => void }[] = []
  const budget = new WeightBudget(() => time)
  budget.limit = LIMIT
  const used = new Map<number, number>()
  const later = (ms: number, run: () => void) => void under.push({ at: time + ms, run })
  return {
    pass(ms: number) {
      const end = time + ms
      for (;;) {
        under = under.sort((a, b) => a.at - b.at)
        if (under[0] === undefined || under[0].at > end) break
        const { at, run } = under.shift()!
        time = at
        run()
      }
      time = end
    },
    ask(weight: number, thereMs: number, backMs: number) {
      if (budget.waitMs(weight, 'urgent') > 0) return
      budget.begin(weight)
      later(thereMs, () => {
        const date = time + skewMs
        const minute = Math.floor(date / 60_000)
        const told = (used.get(minute) ?? 0) + weight
        used.set(minute, told)
        const headers = { 'x-mbx-used-weight-1m': String(told), date: new Date(date).toUTCString() }
        later(backMs, () => budget.end(weight, headers))
      })
    },
    most: () => Math.max(...used.values()),
  }
}

/** A minute of its clock takes a quarter of a second. */
async function startExchange(limit: number, trades = 100_000) {
  const began = performance.now()
  const now = () => NOW + (performance.now() - began) * 240
  const binance = createFakeBinance(NOW)
  binance.list('BTCUSDT')
  binance.trade(trades)
  const meter = createWeightMeter(limit)
  let most = 0
  let refused = 0
  const rateLimits = [{ rateLimitType: 'REQUEST_WEIGHT', interval: 'MINUTE', intervalNum: 1, limit }]
  const source: HttpSource = await startHttpSource((request) => {
    const isInfo = request.pathname.endsWith('exchangeInfo')
    const { used, refusal } = meter.take(isInfo ? 20 : 4, now())
    most = Math.max(most, used)
    if (refusal !== undefined) refused++
    const headers = { 'x-mbx-used-weight-1m': used, date: new Date(now()).toUTCString() }
    const answer = binance.answer(request)
    const body = isInfo ? { ...(answer?.body as object), rateLimits } : answer?.body
    return refusal === undefined
      ? { headers, body }
      : { headers, status: refusal.status, body: { code: -1003, msg: '' } }
  })
  return { source, now, most: () => most, refused: () => refused }
}

function feedOf({ source, now }: { readonly source: HttpSource; readonly now: () => number }) {
  return createBinanceFeed({ symbols: [BTC], streamUrl: 'ws://127.0.0.1:1', restUrl: source.url, now })
}

async function idsOf(feed: ReturnType<typeof createBinanceFeed>, pace: Pace): Promise<readonly number[]> {
  const ids: number[] = []
  for await (const page of feed.trades(INSTRUMENT, { after: -1 }, AbortSignal.timeout(20_000), pace)) {
    for (const { id } of page) ids.push(id)
  }
  return ids
}
