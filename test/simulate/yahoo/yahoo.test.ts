import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startYahooSimulator, type YahooSimulator, type YahooSimulatorOptions } from '../../../src/simulate/yahoo.ts'
import { pointsOf, yahooCaller } from './yahoo-caller.ts'

const DAY = 24 * 60 * 60_000
const OPEN = Date.parse('2026-11-19T09:30:00-05:00')

let wall: number
let simulator: YahooSimulator
let caller: ReturnType<typeof yahooCaller>

async function start(options: YahooSimulatorOptions = {}): Promise<void> {
  simulator = await startYahooSimulator({ now: () => wall, ...options })
  caller = yahooCaller(simulator)
  await caller.enter()
}

beforeEach(() => {
  wall = OPEN + 3_600_000
})
afterEach(() => simulator.close())

describe('quotes', () => {
  test('are told of the symbols that there are, in the order asked; others are silently absent', async () => {
    await start()
    const rows = await caller.quotes('SPY,NOPE,^GSPC,BRK-B')
    expect(rows.map(({ symbol }) => symbol)).toEqual(['SPY', '^GSPC', 'BRK-B'])
    expect(await caller.quotes('NOPE')).toEqual([])
    expect(simulator.seen.largestBatch).toBe(4)
  })

  test('need the cookie and the crumb', async () => {
    await start()
    const stranger = yahooCaller(simulator)
    const answer = await stranger.quoteAnswer('SPY')
    expect(answer.status).toBe(401)
    expect(await answer.json()).toEqual({
      finance: { result: null, error: { code: 'Unauthorized', description: 'Invalid Crumb' } },
    })
    expect((await stranger.get('query1.finance.yahoo.com/v1/test/getcrumb')).status).toBe(401)
  })

  test('show prices around the session while they are made, and the last ones through the night', async () => {
    await start()
    const at = async (time: string) => {
      wall = Date.parse(time)
      const [row] = await caller.quotes('AAPL')
      return {
        state: row!.marketState,
        pre: row!.preMarketTime,
        post: row!.postMarketTime,
        regular: row!.regularMarketTime,
      }
    }
    const pre = await at('2026-11-20T08:00:00-05:00')
    expect(pre).toMatchObject({ state: 'PRE', post: undefined })
    expect(pre.pre).toBeGreaterThan(pre.regular as number)
    expect(await at('2026-11-20T12:00:00-05:00')).toMatchObject({ state: 'REGULAR', pre: undefined, post: undefined })
    const post = await at('2026-11-20T18:00:00-05:00')
    expect(post).toMatchObject({ state: 'POST', pre: undefined })
    expect(post.post).toBeGreaterThan(post.regular as number)
    const closed = await at('2026-11-21T18:00:00-05:00')
    expect(closed).toMatchObject({ state: 'CLOSED', pre: undefined, regular: post.regular })
    const morning = await at('2026-11-23T03:00:00-05:00')
    expect(morning).toEqual({ ...closed, state: 'PREPRE' })
  })

  test('of some symbols are told late, and say so', async () => {
    await start({ symbols: 3 })
    const [row] = await caller.quotes('SIM003')
    expect(row!.exchangeDataDelayedBy).toBe(15)
    expect(row!.regularMarketTime).toBeLessThanOrEqual((wall - 15 * 60_000) / 1000)
  })

  test('come faster on a fast clock, whose time is in the Date header', async () => {
    await start({ speed: 3600, start: OPEN })
    wall += 1_000
    expect(simulator.clock()).toBe(OPEN + 3_600_000)
    const answer = await caller.quoteAnswer('SPY')
    expect(Date.parse(answer.headers.get('date')!)).toBe(OPEN + 3_600_000)
  })
})

describe('charts', () => {
  const day = (date: string) => Date.parse(`${date}T00:00:00Z`) / 1000

  test('of an unknown symbol are 404, of a time before the listing 400', async () => {
    await start({ listed: Date.parse('2026-01-02T00:00:00Z') })
    const unknown = await caller.chartAnswer('NOPE', { interval: '1d', period1: 0, period2: 1 })
    expect(unknown.status).toBe(404)
    expect(await unknown.json()).toMatchObject({ chart: { result: null, error: { code: 'Not Found' } } })
    const early = await caller.chartAnswer('SPY', { interval: '1d', period1: 0, period2: 1_000 })
    expect(early.status).toBe(400)
  })

  test('give minutes of eight days at once and of thirty days back, no more', async () => {
    await start()
    const now = Math.floor(wall / 1000)
    const ask = async (from: number, to: number) =>
      (await caller.chartAnswer('SPY', { interval: '1m', period1: now - from * 86_400, period2: now - to * 86_400 }))
        .status
    expect(await ask(8, 0)).toBe(200)
    expect(await ask(9, 0)).toBe(422)
    expect(await ask(31, 30)).toBe(422)
  })

  test('can be cut to their newest rows', async () => {
    await start()
    const range = { interval: '1m', period1: OPEN / 1000, period2: OPEN / 1000 + 3_600 }
    const all = pointsOf(await caller.chart('SPY', range))
    await simulator.close()
    await start({ mostRows: 7 })
    expect(pointsOf(await caller.chart('SPY', range))).toEqual(all.slice(-7))
  })

  test('of a range without trading have no timestamps', async () => {
    await start()
    const weekend = { interval: '1m', period1: day('2026-11-14'), period2: day('2026-11-15') }
    const chart = await caller.chart('SPY', weekend)
    expect(chart.timestamp).toBeUndefined()
    expect(chart.indicators.quote).toEqual([{}])
  })

  test('have prices around the session when they are asked for', async () => {
    await start()
    const range = { interval: '1m', period1: OPEN / 1000 - 86_400, period2: OPEN / 1000 }
    const regular = pointsOf(await caller.chart('SPY', { ...range, includePrePost: 'false' }))
    const all = pointsOf(await caller.chart('SPY', { ...range, includePrePost: 'true' }))
    expect(regular).toHaveLength(390)
    expect(all.length).toBeGreaterThan(600)
    expect(all.filter(({ time }) => regular.some((row) => row.time === time))).toEqual(regular)
  })

  test('are divided by a split since then, which quotes of before were not', async () => {
    const splits = [{ symbol: 'NVDA', date: '2026-11-20', numerator: 4, denominator: 1 }]
    const dividends = [{ symbol: 'NVDA', date: '2026-11-18', amount: 0.01 }]
    await start({ splits, dividends })
    const [before] = await caller.quotes('NVDA')
    const range = { interval: '1m', period1: OPEN / 1000, period2: OPEN / 1000 + 3_600, events: 'div|split' }
    const first = pointsOf(await caller.chart('NVDA', range))
    wall += DAY
    const [after] = await caller.quotes('NVDA')
    const chart = await caller.chart('NVDA', {
      interval: '1d',
      period1: day('2026-11-15'),
      period2: day('2026-11-21'),
      events: 'div|split',
    })
    expect(Object.values(chart.events!.splits!)).toMatchObject([{ numerator: 4, splitRatio: '4:1' }])
    expect(Object.values(chart.events!.dividends!)).toMatchObject([{ amount: 0.01 }])
    const later = pointsOf(await caller.chart('NVDA', range))
    later.forEach((row, at) => {
      if (row.close !== null) expect(row.close * 4).toBeCloseTo(first[at]!.close!, 1)
    })
    expect(after!.regularMarketPrice).toBeLessThan((before!.regularMarketPrice as number) / 2)
    expect(Math.abs(after!.regularMarketChangePercent as number)).toBeLessThan(40)
  })
})

test('bad options and a taken port are refused in plain words', async () => {
  await start()
  await expect(startYahooSimulator({ printsPerMinute: 7 })).rejects.toMatchObject({ code: 'config_invalid' })
  await expect(startYahooSimulator({ speed: 0 })).rejects.toMatchObject({ code: 'config_invalid' })
  await expect(startYahooSimulator({ port: simulator.port })).rejects.toMatchObject({ code: 'port_taken' })
  const splits = [{ symbol: 'NVDA', date: '2026-11-22', numerator: 4, denominator: 1 }]
  await expect(startYahooSimulator({ splits })).rejects.toMatchObject({ code: 'config_invalid' })
})
