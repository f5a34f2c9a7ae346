import type { YahooSimulator } from '../../../src/simulate/yahoo.ts'

export interface ChartAnswer {
  readonly meta: Readonly<Record<string, unknown>>
  readonly timestamp?: readonly number[]
  readonly events?: {
    readonly splits?: Readonly<Record<string, object>>
    readonly dividends?: Readonly<Record<string, object>>
  }
  readonly indicators: { readonly quote: readonly [Readonly<Record<string, readonly (number | null)[]>>] }
}

interface QuoteBody {
  readonly quoteResponse: { readonly result: readonly Readonly<Record<string, unknown>>[] }
}

interface ChartBody {
  readonly chart: { readonly result: readonly [ChartAnswer] }
}

/** A row of a chart with prices rounded to cents; nulls are left as they are. */
export interface ChartPoint {
  readonly time: number
  readonly open: number | null
  readonly high: number | null
  readonly low: number | null
  readonly close: number | null
  readonly volume: number | null
}

/** Asks a simulated Yahoo as its site does: for a cookie, a crumb, then the rest. */
export function yahooCaller({ url }: Pick<YahooSimulator, 'url'>) {
  let cookie = ''
  let crumb = ''
  const get = (path: string) => fetch(`${url}/${path}`, { headers: { cookie }, redirect: 'manual' })
  const enter = async () => {
    const page = await get('finance.yahoo.com/quote/AAPL')
    cookie = (page.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
    crumb = await (await get('query1.finance.yahoo.com/v1/test/getcrumb')).text()
  }
  const quoteAnswer = (symbols: string) =>
    get(`query2.finance.yahoo.com/v7/finance/quote?symbols=${encodeURIComponent(symbols)}&crumb=${crumb}`)
  const chartAnswer = (symbol: string, parameters: Readonly<Record<string, string | number>>) => {
    const all = new URLSearchParams(Object.entries(parameters).map(([name, value]) => [name, String(value)]))
    return get(`query2.finance.yahoo.com/v8/finance/chart/${encodeURIComponent(symbol)}?${all}`)
  }
  return {
    enter,
    get,
    quoteAnswer,
    chartAnswer,
    async quotes(symbols: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
      const body: QuoteBody = JSON.parse(await (await quoteAnswer(symbols)).text())
      return body.quoteResponse.result
    },
    async chart(symbol: string, parameters: Readonly<Record<string, string | number>>): Promise<ChartAnswer> {
      const body: ChartBody = JSON.parse(await (await chartAnswer(symbol, parameters)).text())
      return body.chart.result[0]
    },
  }
}

export function pointsOf({ timestamp = [], indicators }: ChartAnswer): readonly ChartPoint[] {
  const { open, high, low, close, volume } = indicators.quote[0]
  const cents = (value: number | null | undefined) => (typeof value === 'number' ? Math.round(value * 100) / 100 : null)
  return timestamp.map((time, at) => ({
    time: time * 1000,
    open: cents(open?.[at]),
    high: cents(high?.[at]),
    low: cents(low?.[at]),
    close: cents(close?.[at]),
    volume: volume?.[at] ?? null,
  }))
}

/** What several rows make together, those of nulls left out; `time` is the first one's. */
export function foldPoints(points: readonly ChartPoint[]): ChartPoint | undefined {
  const traded = points.filter(({ close }) => close !== null)
  const [first] = traded
  if (!first) return undefined
  return {
    time: points[0]!.time,
    open: first.open,
    high: Math.max(...traded.map(({ high }) => high!)),
    low: Math.min(...traded.map(({ low }) => low!)),
    close: traded.at(-1)!.close,
    volume: traded.reduce((sum, { volume }) => sum + volume!, 0),
  }
}
