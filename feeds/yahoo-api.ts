// https://github.com/gadicc/yahoo-finance2

/** The part of yahoo-finance2 that we use. What it answers is not checked by it, so it is `unknown`. */
export interface YahooApi {
  /** Rows in any order; symbols that Yahoo does not have are left out. */
  quote(symbols: readonly string[], fetch: YahooFetch): Promise<unknown>
  chart(symbol: string, query: ChartQuery, fetch: YahooFetch): Promise<unknown>
  /** Forgets the cookies and gets new ones with a new crumb, the secret that `quote` must bring. */
  renewCrumb(fetch: YahooFetch): Promise<string>
}

export type YahooFetch = (url: string | URL | Request, init?: RequestInit) => Promise<Response>

/** Rows that begin from `from` to `to` (Unix ms). */
export interface ChartQuery {
  readonly interval: '1m' | '5m' | '15m' | '30m' | '1d'
  readonly from: number
  readonly to: number
}

/** The package prints crumbs, survey notices and warnings about the version of Node. */
const SILENT = { info() {}, warn() {}, error() {}, debug() {}, dir() {} }

/** Who asks, as the package says it: one that Yahoo answers, and that is true. */
const HEADERS = { 'User-Agent': 'Mozilla/5.0 (compatible; yahoo-finance2/3.15.4)' }

/** Its queue is one for the process; ours is before it. */
const CONCURRENCY = 64

/**
 * Loaded when it is first needed: it takes a tenth of a second, and most commands never ask Yahoo.
 *
 * The package has one crumb for the whole process and keeps one that Yahoo no longer takes. So crumbs are fetched
 * through here, past its memory, and whoever calls puts its own into the requests.
 */
export async function loadYahooApi(): Promise<YahooApi> {
  const [
    { default: createYahooFinance },
    { default: quote },
    { default: chart },
    { _getCrumb },
    { ExtendedCookieJar },
  ] = await Promise.all([
    import('yahoo-finance2/createYahooFinance'),
    import('yahoo-finance2/modules/quote'),
    import('yahoo-finance2/modules/chart'),
    import('yahoo-finance2/lib/getCrumb'),
    import('yahoo-finance2/lib/cookieJar'),
  ])
  const cookieJar = new ExtendedCookieJar()
  const YahooFinance = createYahooFinance({ modules: { quote, chart } })
  const yahoo = new YahooFinance({
    cookieJar,
    logger: SILENT,
    queue: { concurrency: CONCURRENCY },
    fetchOptions: { headers: HEADERS },
    versionCheck: false,
    suppressNotices: ['yahooSurvey'],
    validation: { logErrors: false, logOptionsErrors: false },
  })
  return {
    quote: (symbols, fetch) => yahoo.quote([...symbols], {}, { fetch, validateResult: false }),
    chart: (symbol, { interval, from, to }, fetch) =>
      yahoo.chart(
        symbol,
        // Numbers are seconds. Events are no prices; the package's other form prints rows that it does not understand.
        {
          ...{ period1: Math.floor(from / 1_000), period2: Math.ceil(to / 1_000), interval },
          ...{ includePrePost: false, events: '', return: 'object' },
        },
        { fetch, validateResult: false },
      ),
    async renewCrumb(fetch) {
      await cookieJar.removeAllCookies()
      return (await _getCrumb(cookieJar, fetch, { headers: HEADERS }, SILENT, undefined, undefined, true)) ?? ''
    },
  }
}
