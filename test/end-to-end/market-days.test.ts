import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createYahooFeed } from '../../feeds/yahoo.ts'
import { loadConfig } from '../../src/config.ts'
import { startGateway } from '../../src/gateway.ts'
import { quoteRow } from '../../src/simulate/yahoo/quote-answer.ts'
import { startYahooSimulator, type YahooSimulator } from '../../src/simulate/yahoo.ts'
import { ConnectedClient } from '../fakes/connected-client.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const DAYS = 24

/** A Monday before dawn. In the days that follow the clocks are set, a holiday and half a day come. */
const BEGIN = Date.parse('2025-10-27T03:00:00-04:00')
/** After the 24th trading day, the next one's pre-market trading: it shows that the last day is over. */
const END = Date.parse('2025-12-01T08:00:00-05:00')

const SYMBOLS = ['NVDA', 'SIM001'] as const

const STEPS: Readonly<Record<string, number>> = { REGULAR: HOUR / 2, PRE: HOUR, POST: HOUR }

type Priced = readonly [time: number, price: number]

/**
 * A market whose time moves on with each poll, so that neither a slow machine nor a fast one sees another day than this:
 * half an hour while it trades, more at night. It waits at each new market state until `isSeen`.
 */
async function startSteppedMarket(isSeen: (state: string) => boolean) {
  const polled: number[] = []
  let time = BEGIN
  let counted = 0
  const step = (simulator: YahooSimulator): number => {
    const polls = simulator.seen.requests.get('quote') ?? 0
    if (polls === counted) return time
    counted = polls
    const state = nameOf(simulator.calendar.stateAt(time))
    if (polled.length === 0 || isSeen(state)) time = Math.min(time + (STEPS[state] ?? 4 * HOUR), END)
    polled.push(time)
    return time
  }
  let running: YahooSimulator | undefined
  const simulator = await startYahooSimulator({
    symbols: 1,
    now: () => (running ? step(running) : BEGIN),
    start: BEGIN,
  })
  running = simulator
  onTestFinished(simulator.close)
  return { simulator, polled, isOver: () => time >= END }
}

/** As clients are told: before and after the hours of a trading day a market is closed as on any other. */
function nameOf(state: string): string {
  return state === 'PREPRE' || state === 'POSTPOST' ? 'CLOSED' : state
}

/** What each poll brought that the polls before it had not. */
function newsOf({ markets }: YahooSimulator, symbol: string, polled: readonly number[]): readonly Priced[] {
  const news: Priced[] = []
  for (const moment of polled) {
    const row = quoteRow(markets.get(symbol)!, moment)
    for (const kind of ['regular', 'pre', 'post']) {
      const time = Number(row[`${kind}MarketTime`]) * 1_000
      if (time > (news.at(-1)?.[0] ?? 0)) news.push([time, Number(row[`${kind}MarketPrice`])])
    }
  }
  return news
}

async function startGatewayOn(simulator: YahooSimulator) {
  const dataDir = await mkdtemp(join(tmpdir(), 'tickgate days '))
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }))
  const config = loadConfig({
    ...{ PORT: '0', DATA_DIR: dataDir, CRYPTO_SYMBOLS: '', MACRO_SERIES: '', STOCK_SYMBOLS: SYMBOLS.join(',') },
    ...{ TICK_RETENTION_DAYS: '36500' },
  })
  const feed = createYahooFeed({ symbols: config.stockSymbols, yahooUrl: simulator.url, pollMs: 2 })
  const gateway = await startGateway({ config, feeds: [feed], dashboardDirectory: dataDir, log: createLogRecorder() })
  onTestFinished(() => gateway.close())
  await gateway.ready
  return gateway
}

it('24 market days pass as one stream, and their candles are the days of the exchange', async () => {
  const states: string[] = []
  const { simulator, polled, isOver } = await startSteppedMarket((state) => states.at(-1) === state)
  const { url } = await startGatewayOn(simulator)
  const open = async (query: string) => {
    const client = await ConnectedClient.open(`${url.replace('http', 'ws')}/ws?${query}`)
    onTestFinished(() => client.ws.terminate())
    return client
  }
  const ticks = await open(`symbols=${SYMBOLS.join(',')}&channel=ticks&history=10`)
  const prices = await open('symbols=NVDA&channel=prices&interval=0')

  const stale: unknown[] = []
  const watch = async () => {
    while (!isOver() || states.at(-1) !== 'PRE') {
      const frame = await prices.nextOfType('price')
      if (frame.stale) stale.push(frame)
      if (frame.market !== undefined && frame.market !== states.at(-1)) states.push(frame.market)
    }
  }
  const told = new Map<string, (Priced & { readonly id?: number })[]>(SYMBOLS.map((symbol) => [symbol, []]))
  const lastIds = new Map<string, number>()
  const hear = (symbol: string, { id, prev, price, time }: Heard) => {
    if (lastIds.has(symbol)) expect(prev).toBe(lastIds.get(symbol))
    lastIds.set(symbol, id)
    told.get(symbol)!.push([time, price ?? Number.NaN])
  }
  const newest = () => SYMBOLS.map((symbol) => told.get(symbol)!.at(-1)?.[0])
  const expected = () => SYMBOLS.map((symbol) => newsOf(simulator, symbol, polled).at(-1)?.[0])
  const listen = async () => {
    while (!isOver() || JSON.stringify(newest()) !== JSON.stringify(expected())) {
      const frame = await ticks.next()
      if (frame.type === 'ws_history' && 'ticks' in frame) for (const tick of frame.ticks) hear(frame.symbol, tick)
      if (frame.type === 'tick') hear(frame.symbol, frame)
    }
  }
  await Promise.all([watch(), listen()])

  for (const symbol of SYMBOLS) {
    const heard = told.get(symbol)!
    expect(heard.length).toBeGreaterThan(DAYS * 10)
    expect(heard).toEqual(newsOf(simulator, symbol, polled).filter(([time]) => time >= heard[0]![0]))
  }
  expect(states).toEqual(statesOf(simulator, polled))
  expect(stale).toEqual([])
  for (const symbol of SYMBOLS) {
    const days = daysOf(simulator, symbol)
    expect(days).toHaveLength(DAYS)
    const chart = async () => {
      const answer = await fetch(`${url}/api/v1/chart/${symbol}?timeframe=1D&limit=${DAYS}`)
      return (await answer.json()).candles
    }
    // The last day is asked for when it is seen to be over.
    await expect.poll(chart, { timeout: 60_000 }).toEqual(days)
  }
}, 300_000)

interface Heard {
  readonly id: number
  readonly prev: number | null
  readonly price: number | null
  readonly time: number
}

/** The market states of the polls, each once. */
function statesOf({ calendar }: YahooSimulator, polled: readonly number[]): readonly string[] {
  const states = polled.map((time) => nameOf(calendar.stateAt(time)))
  return states.filter((state, at) => state !== states[at - 1])
}

/** The trading days as rows of candles: `time` is 00:00 UTC of the exchange's date. */
function daysOf({ markets, calendar }: YahooSimulator, symbol: string): readonly (readonly number[])[] {
  const days: (readonly number[])[] = []
  const market = markets.get(symbol)!
  for (let day = calendar.local.dayOf(BEGIN); day < calendar.local.dayOf(END); day += 1) {
    const session = calendar.sessionOf(day)
    if (!session) continue
    const { open, high, low, close, volume } = market.dayBar(session)
    days.push([day * DAY, open / 100, high / 100, low / 100, close / 100, volume])
  }
  return days
}
