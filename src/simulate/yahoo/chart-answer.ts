import { type ChartRange, type ChartRow, dayRows, intradayRows, longRows } from './chart-rows.ts'
import type { Session } from './exchange-hours.ts'
import { dollars, float32, seconds, zoneName } from './quote-answer.ts'
import type { Dividend } from './splits.ts'
import { splitRatio } from './splits.ts'
import type { StockMarket } from './stock-market.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** Minutes of an interval, and how many days back and at once it can be asked for. Source: Yahoo's refusals. */
const INTRADAY: Readonly<Record<string, readonly [minutes: number, daysBack: number, daysAtOnce: number]>> = {
  '1m': [1, 30, 8],
  '2m': [2, 60, 60],
  '5m': [5, 60, 60],
  '15m': [15, 60, 60],
  '30m': [30, 60, 60],
  '60m': [60, 730, 730],
  '90m': [90, 60, 60],
  '1h': [60, 730, 730],
}

const LONG: Readonly<Record<string, 'day' | 'week' | 'month'>> = { '1d': 'day', '1wk': 'week', '1mo': 'month' }

/** A refusal in Yahoo's words. */
export class ChartRefusal extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, description: string) {
    super(description)
    this.name = 'ChartRefusal'
    this.status = status
    this.code = code
  }
}

export interface ChartQuery {
  readonly interval: string
  /** Unix seconds. */
  readonly period1: number
  readonly period2: number
  readonly includePrePost: boolean
  /** `div|split|earn` */
  readonly events: string
}

export interface ChartSource {
  readonly market: StockMarket
  readonly dividends: readonly (Dividend & { readonly time: number })[]
  /** Before that there is nothing (Unix ms). */
  readonly listed: number
  /** The newest so many are told. */
  readonly mostRows: number
}

/** What Yahoo answers a chart at a moment of the market's clock (Unix ms). @throws ChartRefusal */
export function chartResult(source: ChartSource, query: ChartQuery, now: number): object {
  const { market, listed, mostRows } = source
  const known = now - market.spec.delayMinutes * MINUTE
  const asked = { from: query.period1 * 1000, to: query.period2 * 1000 }
  if (!(asked.from < asked.to)) {
    const pair = `startDate = ${query.period1}, endDate = ${query.period2}`
    throw new ChartRefusal(400, 'Bad Request', `Invalid input - start date cannot be after end date. ${pair}`)
  }
  if (asked.to <= listed) {
    const pair = `startDate = ${query.period1}, endDate = ${query.period2}`
    throw new ChartRefusal(400, 'Bad Request', `Data doesn't exist for ${pair}`)
  }
  const range = { from: Math.max(asked.from, listed), to: asked.to, known }
  const rows = rowsOf(market, range, query, now).slice(-mostRows)
  const events = eventsOf(source, query, Math.min(asked.to, known))
  const quote = rows.length === 0 ? {} : columnsOf(rows)
  return {
    meta: metaOf(source, query, { now, known, first: rows[0] }),
    ...(rows.length === 0 ? {} : { timestamp: rows.map(({ time }) => seconds(time)) }),
    ...(Object.keys(events).length === 0 ? {} : { events }),
    indicators: {
      quote: [quote],
      ...(LONG[query.interval] ? { adjclose: [rows.length === 0 ? {} : { adjclose: columnsOf(rows).close }] } : {}),
    },
  }
}

function rowsOf(market: StockMarket, range: ChartRange, query: ChartQuery, now: number): readonly ChartRow[] {
  const { interval, includePrePost: extended } = query
  const intraday = INTRADAY[interval]
  if (intraday) {
    const [stepMinutes, daysBack, daysAtOnce] = intraday
    refuseTooMuch(query, now, { daysBack, daysAtOnce })
    return intradayRows(market, range, { stepMinutes, extended })
  }
  const unit = LONG[interval]
  if (unit === undefined) {
    const valid = '[1m, 2m, 5m, 15m, 30m, 60m, 90m, 1h, 4h, 1d, 5d, 1wk, 1mo, 3mo]'
    throw new ChartRefusal(
      422,
      'Unprocessable Entity',
      `Invalid input - interval=${interval} is not supported. Valid intervals: ${valid}`,
    )
  }
  return unit === 'day' ? dayRows(market, range) : longRows(market, range, unit)
}

function refuseTooMuch(
  { interval, period1, period2 }: ChartQuery,
  now: number,
  { daysBack, daysAtOnce }: { readonly daysBack: number; readonly daysAtOnce: number },
): void {
  const what = `${interval} data not available for startTime=${period1} and endTime=${period2}.`
  if ((period2 - period1) * 1000 > daysAtOnce * DAY) {
    const rule = `Only ${daysAtOnce} days worth of ${interval} granularity data are allowed to be fetched per request.`
    throw new ChartRefusal(422, 'Unprocessable Entity', `${what} ${rule}`)
  }
  if (period1 * 1000 < now - daysBack * DAY) {
    const rule = `The requested range must be within the last ${daysBack} days.`
    throw new ChartRefusal(422, 'Unprocessable Entity', `${what} ${rule}`)
  }
}

function columnsOf(rows: readonly ChartRow[]) {
  const prices = (field: 'open' | 'high' | 'low' | 'close') =>
    rows.map(({ bar, ratio }) => (bar ? float32(bar[field] / ratio / 100) : null))
  const volume = rows.map(({ bar, ratio }) => (bar ? Math.round(bar.volume * ratio) : null))
  return { open: prices('open'), high: prices('high'), low: prices('low'), close: prices('close'), volume }
}

function eventsOf({ market, dividends }: ChartSource, { period1, events }: ChartQuery, until: number): object {
  const isIn = ({ time }: { readonly time: number }) => time >= period1 * 1000 && time < until
  const keyed = <T extends { readonly date: number }>(rows: readonly T[]) =>
    Object.fromEntries(rows.map((row) => [String(row.date), row]))
  const paid = dividends.filter(isIn).map(({ amount, time }) => ({ amount, date: seconds(time) }))
  const split = market.splits.filter(isIn).map(({ numerator, denominator, time }) => ({
    ...{ date: seconds(time), numerator, denominator },
    splitRatio: `${numerator}:${denominator}`,
  }))
  return {
    ...(events.includes('div') && paid.length > 0 ? { dividends: keyed(paid) } : {}),
    ...(events.includes('split') && split.length > 0 ? { splits: keyed(split) } : {}),
  }
}

interface MetaMoment {
  readonly now: number
  readonly known: number
  readonly first: ChartRow | undefined
}

function metaOf({ market, listed }: ChartSource, { interval, includePrePost }: ChartQuery, moment: MetaMoment): object {
  const { spec, calendar } = market
  const { now, known, first } = moment
  const regular = market.regularAt(known)
  const zone = { timezone: zoneName(calendar.local.timeZone, now), gmtoffset: calendar.local.offsetAt(now) / 1000 }
  const period = (start: number, end: number) => ({ ...zone, start: seconds(start), end: seconds(end) })
  const current = calendar.sessionFrom(calendar.local.dayOf(now))
  const regularPeriod = ({ open, close }: Session) => period(open, close)
  const before = calendar.sessionBefore(calendar.local.dayOf(first?.time ?? known))
  const previousClose = dollars(market.dayBar(before).close / splitRatio(market.splits, before.open, known))
  const intraday = { previousClose, scale: 3, tradingPeriods: [[regularPeriod(current)]] }
  return {
    currency: 'USD',
    symbol: spec.symbol,
    exchangeName: spec.exchange[0],
    fullExchangeName: spec.exchange[1],
    instrumentType: spec.quoteType,
    firstTradeDate: seconds(listed),
    regularMarketTime: seconds(regular.time),
    hasPrePostMarketData: spec.quoteType !== 'INDEX',
    ...{ gmtoffset: zone.gmtoffset, timezone: zone.timezone, exchangeTimezoneName: calendar.local.timeZone },
    regularMarketPrice: dollars(regular.cents),
    regularMarketDayHigh: dollars(regular.high),
    regularMarketDayLow: dollars(regular.low),
    regularMarketVolume: regular.volume,
    longName: spec.name,
    shortName: spec.name,
    chartPreviousClose: previousClose,
    ...(INTRADAY[interval] && !includePrePost ? intraday : {}),
    priceHint: 2,
    currentTradingPeriod: {
      pre: period(current.pre, current.open),
      regular: regularPeriod(current),
      post: period(current.close, current.post),
    },
    dataGranularity: interval,
    range: '',
    validRanges: ['1d', '5d', '1mo', '3mo', '6mo', '1y', '2y', '5y', '10y', 'ytd', 'max'],
  }
}
