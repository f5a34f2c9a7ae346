// https://github.com/gadicc/yahoo-finance2/blob/devel/docs/modules/chart.md
import type { Feed, Pace } from '../src/feed.ts'
import { calendarOf } from '../src/market/calendar.ts'
import type { Candle } from '../src/market/candle.ts'
import { TIMEFRAME_MS, type Timeframe } from '../src/market/timeframe.ts'
import type { ChartQuery } from './yahoo-api.ts'
import { composeCandles, isOnGrid } from './yahoo-candles.ts'
import type { YahooClient } from './yahoo-client.ts'
import { type ChartRow, readChart, type YahooChart } from './yahoo-rows.ts'

/** The part of the feed that looks back. */
export type YahooHistory = Required<Pick<Feed, 'candles'>>

type Interval = ChartQuery['interval']

/** Rows from `from` on, and Yahoo's clock at the answer (Unix ms). */
interface Answer extends YahooChart {
  readonly from: number
  readonly asOf: number
}

type Ask = (interval: Interval, from: number, to: number) => Promise<Answer>

const MINUTE = 60_000
const DAY = 86_400_000

/** What candles are made of: the first of these intervals whose rows lie on the grid of our buckets. */
const INTERVALS: Readonly<Record<Timeframe, readonly Interval[]>> = {
  '1s': [],
  '1m': ['1m'],
  '5m': ['5m'],
  '15m': ['15m', '5m'],
  '30m': ['30m', '15m', '5m'],
  // Yahoo's own hours begin with the session, at half past.
  '1h': ['30m', '15m', '5m'],
  '4h': ['30m', '15m', '5m'],
  '1D': ['1d'],
  '1W': ['1d'],
}

const LENGTHS = { '1m': MINUTE, '5m': 5 * MINUTE, '15m': 15 * MINUTE, '30m': 30 * MINUTE, '1d': '1D' } as const

/** How far back Yahoo has an interval (30 and 60 days; one less, as its first day is partly gone). */
const REACH_MS = { '1m': 29 * DAY, '5m': 59 * DAY, '15m': 59 * DAY, '30m': 59 * DAY, '1d': Number.POSITIVE_INFINITY }

/** How much it gives at once: of minutes a week. */
const AT_ONCE_MS = { ...REACH_MS, '1m': 7 * DAY }

/** Sessions are the shorter part of a day, and weekends and holidays have none: so much longer is what has to be asked. */
const SESSION_MS = 6.5 * 60 * MINUTE
const STRETCH = 1.5
const MOST_CLOSED_MS = 6 * DAY

/** A bucket may still change for so long after its end, beside the delay of its exchange's prices. */
const SETTLES_MS = MINUTE

/** @param delayOf by how much Yahoo's prices of a symbol (its own) are late (ms) */
export function createYahooHistory(client: YahooClient, delayOf: (sourceSymbol: string) => number): YahooHistory {
  const newest = new NewestCharts(client.clock)
  return {
    async candles(instrument, timeframe, { before, limit }, signal, pace) {
      const { sourceSymbol } = instrument
      const calendar = calendarOf(instrument)
      const ask: Ask = (interval, from, to) =>
        newest.orAsk(`${sourceSymbol} ${interval}`, from, to > client.clock(), () =>
          askChart(client, sourceSymbol, { interval, from, to }, signal, pace),
        )
      const compose = (answer: Answer, interval: Interval): readonly Candle[] => {
        const settled = answer.asOf - delayOf(sourceSymbol) - SETTLES_MS
        const all = composeCandles(answer, LENGTHS[interval], timeframe, calendar, (end) => end <= settled)
        // The first bucket may have begun before what was asked for.
        const isCut = ({ time }: Candle) =>
          calendar.beginOf(timeframe, time) < answer.from && calendar.endOf(timeframe, time) > answer.from
        return all.filter((candle) => !isCut(candle) && (before === undefined || candle.time < before))
      }
      for (const interval of limit > 0 ? INTERVALS[timeframe] : []) {
        const isEnough = (answer: Answer) => compose(answer, interval).length >= limit
        const askAsOf = (now: number) => {
          const to = before === undefined ? now : Math.min(now, before + TIMEFRAME_MS[timeframe])
          return askBack(ask, interval, { to: to + DAY, span: spanOf(timeframe, limit), now }, isEnough)
        }
        const now = client.clock()
        let answer = await askAsOf(now)
        // Its clock was not known before its first answer, and may show another day than ours.
        if (Math.abs(client.clock() - now) > DAY) answer = await askAsOf(client.clock())
        const length = LENGTHS[interval]
        const isFit = length === '1D' || isOnGrid(answer.rows, length) || interval === INTERVALS[timeframe].at(-1)
        if (isFit) return compose(answer, interval).slice(-limit)
      }
      return []
    },
  }
}

/** What has to be asked for to get `limit` candles, mostly. */
function spanOf(timeframe: Timeframe, limit: number): number {
  const length = TIMEFRAME_MS[timeframe]
  if (length > DAY) return (limit + 2) * length
  const days = length === DAY ? limit : Math.ceil((limit * length) / SESSION_MS)
  return days * DAY * STRETCH + MOST_CLOSED_MS
}

/** Asks backwards from `to` until it is enough, or there is no more. */
async function askBack(
  ask: Ask,
  interval: Interval,
  { to, span, now }: { readonly to: number; readonly span: number; readonly now: number },
  isEnough: (answer: Answer) => boolean,
): Promise<Answer> {
  const reach = now - REACH_MS[interval]
  const nothing: Answer = { rows: [], session: undefined, firstTime: undefined, from: to, asOf: now }
  if (to - DAY <= reach) return nothing
  let answer = await ask(interval, Math.max(reach, to - Math.min(span, AT_ONCE_MS[interval])), to)
  for (;;) {
    // Of days the rest comes at once: from a week before the first, so that its week is whole.
    const oldest = interval === '1d' ? (answer.firstTime ?? answer.from) - 8 * DAY : reach
    if (isEnough(answer) || answer.from <= oldest || (interval === '1d' && answer.firstTime === undefined))
      return answer
    const older = await ask(interval, Math.max(oldest, answer.from - AT_ONCE_MS[interval]), answer.from)
    answer = { ...answer, from: older.from, rows: joinRows(older.rows, answer.rows) }
  }
}

/** By time; a source that does not heed the range says the same again. */
function joinRows(older: readonly ChartRow[], newer: readonly ChartRow[]): readonly ChartRow[] {
  const rowsByTime = new Map([...older, ...newer].map((row) => [row.time, row]))
  return [...rowsByTime.values()].sort((a, b) => a.time - b.time)
}

async function askChart(
  client: YahooClient,
  symbol: string,
  query: ChartQuery,
  signal: AbortSignal,
  pace: Pace | undefined,
): Promise<Answer> {
  const chart = await client.chart(symbol, query, signal, pace)
  const read = chart === undefined ? { rows: [], session: undefined, firstTime: undefined } : readChart(chart)
  return { ...read, from: query.from, asOf: client.clock() }
}

/** A start asks for all timeframes, and several are made of one chart: the newest ones serve for moments, here and there. */
class NewestCharts {
  readonly #answers = new Map<string, { readonly answer: Answer; readonly until: number }>()
  readonly #clock: () => number

  /** @param clock Yahoo's (Unix ms), which may be a fast one */
  constructor(clock: () => number) {
    this.#clock = clock
  }

  async orAsk(key: string, from: number, isNewest: boolean, ask: () => Promise<Answer>): Promise<Answer> {
    const isOver = ({ answer, until }: { readonly answer: Answer; readonly until: number }) =>
      until <= performance.now() || this.#clock() - answer.asOf >= SERVES_MS
    for (const [other, kept] of this.#answers) if (isOver(kept)) this.#answers.delete(other)
    const known = this.#answers.get(key)?.answer
    if (isNewest && known !== undefined && known.from <= from) return known
    const answer = await ask()
    if (isNewest) this.#answers.set(key, { answer, until: performance.now() + SERVES_MS })
    return answer
  }
}

/** No longer than the package's answer takes, and polls are apart. */
const SERVES_MS = 5_000
