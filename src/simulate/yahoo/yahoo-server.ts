import type { IncomingMessage, ServerResponse } from 'node:http'
import { describeError } from '../../base/errors.ts'
import { type ChartQuery, ChartRefusal, type ChartSource, chartResult } from './chart-answer.ts'
import { type QuoteRow, quoteRow } from './quote-answer.ts'
import { CONSENT_PAGE, sendPage, type YahooFaultDesk, type YahooOrder, type YahooRoute } from './yahoo-faults.ts'

/** What a simulated Yahoo has seen its clients do since it started, for tests that count it. */
export interface YahooSeen {
  /** By kind, however they were answered. */
  readonly requests: ReadonlyMap<YahooRoute, number>
  /** Most symbols in one request for quotes. */
  readonly largestBatch: number
}

export type YahooSeenCounters = { requests: Map<YahooRoute, number>; largestBatch: number }

export interface YahooPorts {
  readonly sources: ReadonlyMap<string, ChartSource>
  readonly faults: YahooFaultDesk
  readonly seen: YahooSeenCounters
  /** Market time, Unix ms. */
  readonly clock: () => number
}

/** The public host is the first part of the path; of the query hosts each serves all of it. */
const ROUTES: readonly (readonly [RegExp, YahooRoute | 'consent'])[] = [
  [/^\/finance\.yahoo\.com\/quote\/[^/]+$/, 'page'],
  [/^\/query[12]\.finance\.yahoo\.com\/v1\/test\/getcrumb$/, 'crumb'],
  [/^\/query[12]\.finance\.yahoo\.com\/v7\/finance\/quote$/, 'quote'],
  [/^\/query[12]\.finance\.yahoo\.com\/v8\/finance\/chart\/[^/]+$/, 'chart'],
  [/^\/(?:guce|consent)\.yahoo\.com\//, 'consent'],
]

const COOKIE = 'A3=d=AQABBSimulated&S=AQAAAsimulated'

/** The first crumb is the same in every simulator: the library keeps one per process, not one per server. */
const crumbOf = (turn: number) => (turn === 0 ? 'simulated.crumb' : `simulated.crumb.${turn}`)

/** An answer other than 200. */
class Refused extends Error {
  readonly status: number

  constructor(status: number, body: object) {
    super(JSON.stringify(body))
    this.name = 'Refused'
    this.status = status
  }
}

export function createYahooHandler({ sources, faults, seen, clock }: YahooPorts) {
  let crumbTurn = 0

  /** The crumb is checked before anything else, like the visitor's ticket that it is. @throws Refused */
  const checkCrumb = (parameters: URLSearchParams, request: IncomingMessage, order: YahooOrder | undefined) => {
    if (order?.kind === 'bad-crumb') crumbTurn += 1
    const isKnown = parameters.get('crumb') === crumbOf(crumbTurn) && hasCookie(request)
    if (!isKnown) throw new Refused(401, finance('Unauthorized', 'Invalid Crumb'))
  }

  const quotes = (parameters: URLSearchParams, order: YahooOrder | undefined): string => {
    const symbols = (parameters.get('symbols') ?? '').split(',').filter((symbol) => symbol !== '')
    seen.largestBatch = Math.max(seen.largestBatch, symbols.length)
    const now = clock()
    const result = [...new Set(symbols)].flatMap((symbol) => {
      const source = sources.get(symbol.toUpperCase())
      return source ? [troubledRow(quoteRow(source.market, now), order)] : []
    })
    return JSON.stringify({ quoteResponse: { result, error: null } })
  }

  const chart = (path: string, parameters: URLSearchParams, order: YahooOrder | undefined): string => {
    const source = sources.get(decodeURIComponent(path.split('/').at(-1) ?? '').toUpperCase())
    if (!source) throw new Refused(404, noChart('Not Found', 'No data found, symbol may be delisted'))
    const result = chartResult(source, readChartQuery(parameters, clock()), clock())
    return JSON.stringify({ chart: { result: [order?.kind === 'null-rows' ? nulled(result) : result], error: null } })
  }

  const answer = (route: YahooRoute, request: IncomingMessage, response: ServerResponse): void => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://simulator')
    const order = faults.take(route)
    let body = ''
    if (route === 'page') {
      response.setHeader('Set-Cookie', `${COOKIE}; Max-Age=31557600; Domain=.yahoo.com; Path=/; Secure; HttpOnly`)
      body = '<!DOCTYPE html><html><head><title>Quote</title></head><body></body></html>'
    } else if (route === 'crumb') {
      if (!hasCookie(request)) throw new Refused(401, finance('Unauthorized', 'Invalid Cookie'))
      body = crumbOf(crumbTurn)
    } else if (route === 'quote') {
      if (order === undefined || !isAtTheDoor(order)) checkCrumb(searchParams, request, order)
      body = quotes(searchParams, order)
    } else {
      body = chart(pathname, searchParams, order)
    }
    if (order && faults.befall(order, response, body)) return
    response.writeHead(200, { 'Content-Type': CONTENT_TYPES[route] }).end(body)
  }

  return (request: IncomingMessage, response: ServerResponse): void => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    const route = ROUTES.find(([shape]) => shape.test(path))?.[1]
    if (route === undefined) {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('Not Found')
      return
    }
    if (route === 'consent') {
      sendPage(response, CONSENT_PAGE)
      return
    }
    // Its clock is the only one that the one who asks can see.
    response.setHeader('Date', new Date(clock()).toUTCString())
    seen.requests.set(route, (seen.requests.get(route) ?? 0) + 1)
    try {
      answer(route, request, response)
    } catch (error) {
      const { status, text } = refusalOf(error)
      response.writeHead(status, { 'Content-Type': 'application/json;charset=utf-8' }).end(text)
    }
  }
}

const CONTENT_TYPES: Readonly<Record<YahooRoute, string>> = {
  page: 'text/html; charset=utf-8',
  crumb: 'text/plain',
  quote: 'application/json;charset=utf-8',
  chart: 'application/json;charset=utf-8',
}

function hasCookie(request: IncomingMessage): boolean {
  return request.headers.cookie?.includes(COOKIE) ?? false
}

/** Refused before anybody looks at the crumb. */
function isAtTheDoor({ kind }: YahooOrder): boolean {
  return typeof kind === 'number' || kind === 'html' || kind === 'consent-page' || kind === 'hang'
}

function troubledRow(row: QuoteRow, order: YahooOrder | undefined): QuoteRow {
  if (order?.symbol !== undefined && order.symbol !== row.symbol) return row
  if (order?.kind === 'odd-state') return { ...row, marketState: 'OVERNIGHT' }
  if (order?.kind === 'null-rows') return { ...row, regularMarketPrice: null, regularMarketTime: null }
  return row
}

function nulled(result: object): object {
  const chart = result as { timestamp?: readonly number[]; indicators: object }
  const column = chart.timestamp?.map(() => null)
  const quote = column ? { open: column, high: column, low: column, close: column, volume: column } : {}
  return { ...chart, indicators: { ...chart.indicators, quote: [quote] } }
}

function readChartQuery(parameters: URLSearchParams, now: number): ChartQuery {
  const number = (name: string, standard: number) => {
    const value = Number(parameters.get(name) ?? Number.NaN)
    return Number.isFinite(value) ? value : standard
  }
  return {
    interval: parameters.get('interval') ?? '1d',
    period1: number('period1', 0),
    period2: number('period2', Math.ceil(now / 1000)),
    includePrePost: parameters.get('includePrePost') === 'true',
    events: parameters.get('events') ?? '',
  }
}

function refusalOf(error: unknown): { readonly status: number; readonly text: string } {
  if (error instanceof Refused) return { status: error.status, text: error.message }
  if (error instanceof ChartRefusal)
    return { status: error.status, text: JSON.stringify(noChart(error.code, error.message)) }
  // A fault of the simulator's own; the one who asked is told, as there is nobody else.
  return { status: 500, text: JSON.stringify(finance('Internal Server Error', describeError(error))) }
}

function finance(code: string, description: string): object {
  return { finance: { result: null, error: { code, description } } }
}

function noChart(code: string, description: string): object {
  return { chart: { result: null, error: { code, description } } }
}
