import { type HttpAnswer, type HttpSource, startHttpSource } from './http-source.ts'

export type YahooRoute = 'page' | 'crumb' | 'quote' | 'chart' | 'consent'

/** A Yahoo that says what a test has told it to; its hosts are folders of `url`. */
export interface FakeYahoo extends Pick<HttpSource, 'url' | 'close'> {
  /** By symbol, as `quote` gives them. */
  readonly rows: Map<string, Readonly<Record<string, unknown>>>
  /** The crumb that is good, which the next visitor gets. */
  crumb: string
  chart: (symbol: string, query: URLSearchParams) => HttpAnswer
  /** Put before the right answers: undefined leaves them, `silence` is none. */
  trouble: (route: YahooRoute, request: URL) => HttpAnswer | 'silence' | undefined
  /** How often a kind was asked. */
  asked(route: YahooRoute): number
}

const ROUTES: readonly (readonly [RegExp, YahooRoute])[] = [
  [/^\/finance\.yahoo\.com\/quote\//, 'page'],
  [/^\/query1\.finance\.yahoo\.com\/v1\/test\/getcrumb$/, 'crumb'],
  [/^\/query2\.finance\.yahoo\.com\/v7\/finance\/quote$/, 'quote'],
  [/^\/query2\.finance\.yahoo\.com\/v8\/finance\/chart\//, 'chart'],
  [/^\/(guce|consent)\.yahoo\.com\//, 'consent'],
]

export async function startFakeYahoo(): Promise<FakeYahoo> {
  const counts = new Map<YahooRoute, number>()
  const source = await startHttpSource((request) => {
    const route = ROUTES.find(([shape]) => shape.test(request.pathname))?.[1]
    if (route === undefined) return { status: 404, body: 'Not Found' }
    counts.set(route, (counts.get(route) ?? 0) + 1)
    const trouble = fake.trouble(route, request)
    if (trouble !== undefined) return trouble === 'silence' ? undefined : trouble
    return answer(route, request)
  })
  const answer = (route: YahooRoute, { pathname, searchParams }: URL): HttpAnswer => {
    if (route === 'page') return { body: '<html></html>', headers: { 'Set-Cookie': 'A3=x; Domain=.yahoo.com; Path=/' } }
    if (route === 'crumb') return { body: fake.crumb }
    if (route === 'chart') return fake.chart(decodeURIComponent(pathname.split('/').at(-1) ?? ''), searchParams)
    if (searchParams.get('crumb') !== fake.crumb) return { status: 401, body: INVALID_CRUMB }
    const result = (searchParams.get('symbols') ?? '').split(',').flatMap((symbol) => fake.rows.get(symbol) ?? [])
    return { body: { quoteResponse: { result, error: null } } }
  }
  const fake: FakeYahoo = {
    url: source.url,
    close: source.close,
    rows: new Map(),
    crumb: 'a.good/crumb',
    chart: () => ({ body: chartOf([]) }),
    trouble: () => undefined,
    asked: (route) => counts.get(route) ?? 0,
  }
  return fake
}

const INVALID_CRUMB = { finance: { result: null, error: { code: 'Unauthorized', description: 'Invalid Crumb' } } }

/** A row of `quote`, of a session that is open; times are seconds. */
export function quoteRow(
  symbol: string,
  row: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return {
    symbol,
    quoteType: 'EQUITY',
    marketState: 'REGULAR',
    regularMarketPrice: 100,
    regularMarketTime: 1_709_565_000,
    regularMarketVolume: 1_000,
    regularMarketPreviousClose: 99,
    regularMarketDayHigh: 101,
    regularMarketDayLow: 98,
    exchangeDataDelayedBy: 0,
    exchangeTimezoneName: 'America/New_York',
    longName: `${symbol} Inc.`,
    currency: 'USD',
    priceHint: 2,
    ...row,
  }
}

/** Seconds, open, high, low, close, volume. */
export type ChartRow = readonly [number, number | null, number | null, number | null, number | null, number | null]

export function chartOf(rows: readonly ChartRow[], meta: Readonly<Record<string, unknown>> = {}): object {
  const column = (n: number) => rows.map((row) => row[n])
  const quote =
    rows.length === 0 ? {} : { open: column(1), high: column(2), low: column(3), close: column(4), volume: column(5) }
  const timestamp = rows.length === 0 ? {} : { timestamp: column(0) }
  return { chart: { result: [{ meta, ...timestamp, indicators: { quote: [quote] } }], error: null } }
}
