import type { YahooFetch } from './yahoo-api.ts'
import { askPage } from './yahoo-page.ts'
import { findRefusal, type Route, YahooRefusal } from './yahoo-refusal.ts'

export interface YahooFetchOptions {
  /** Origin in place of the public hosts, whose names become the first part of the path; undefined: the public ones. */
  readonly yahooUrl: string | undefined
  /** Longest time for one answer, body and all. */
  readonly requestMs: number
  /** Told of every answer, with Yahoo's own clock (Unix ms). */
  readonly onDate: (date: number) => void
  /** Unix ms; for a `Retry-After` that is a date, where the answer has none itself. */
  readonly now: () => number
}

/** One call of the package: what it may fetch with, and until when. */
export interface YahooCall {
  /** Put in place of the package's, which is one for the whole process. */
  readonly crumb: string | undefined
  readonly signal: AbortSignal
}

/** The consent takes six requests; more is a circle. */
const MOST_REQUESTS = 12
const MOST_BYTES = 16 * 2 ** 20
const LONGEST_RETRY_AFTER_MS = 86_400_000

/** Fetches for the package with what it leaves out: a bound to time and size, other hosts, and a look at refusals. */
export function createYahooFetch(options: YahooFetchOptions): (call: YahooCall) => YahooFetch {
  return ({ crumb, signal }) => {
    let requests = 0
    return async (input, init) => {
      if (++requests > MOST_REQUESTS) throw new YahooRefusal('consent', 'consent pages without an end')
      const asked = new URL(input instanceof Request ? input.url : input)
      if (asked.searchParams.has('crumb')) asked.searchParams.set('crumb', crumb ?? '')
      return await within(options.requestMs, signal, (ended) => answer(asked, { ...init, signal: ended }, options))
    }
  }
}

async function answer(asked: URL, init: RequestInit & { signal: AbortSignal }, options: YahooFetchOptions) {
  const route = routeOf(asked)
  const url = standIn(asked, options.yahooUrl)
  // By hand: a redirect names a public host, which `yahooUrl` stands in for.
  const fetched = route === 'page' ? undefined : await fetch(url, { ...init, redirect: 'manual' })
  const { status, statusText, headers, ok } = fetched ?? (await askPage(url, init.headers, init.signal))
  const date = Date.parse(headers.get('date') ?? '')
  if (!Number.isNaN(date)) options.onDate(date)
  const body = fetched === undefined ? '' : await readBody(fetched)
  const location = headers.get('location') ?? undefined
  const retryAfterMs = readRetryAfter(headers.get('retry-after'), Number.isNaN(date) ? options.now() : date)
  const refusal = findRefusal({ route, status, location, retryAfterMs, body: body.trimStart() })
  if (refusal !== undefined) throw refusal
  // A `Response` of our own would lose the cookies: this is what the package reads of one.
  const read: Pick<Response, 'status' | 'statusText' | 'headers' | 'ok' | 'text'> = {
    ...{ status, statusText, headers, ok },
    text: async () => body,
  }
  return read as Response
}

export function routeOf({ hostname, pathname }: URL): Route {
  if (/^(guce|consent)\./.test(hostname)) return pathname.includes('collectConsent') ? 'consent-form' : 'consent'
  if (pathname.endsWith('/getcrumb')) return 'crumb'
  return /^query\d*\./.test(hostname) ? 'data' : 'page'
}

function standIn(asked: URL, yahooUrl: string | undefined): string {
  if (yahooUrl === undefined) return asked.href
  return `${yahooUrl.replace(/\/+$/, '')}/${asked.host}${asked.pathname}${asked.search}`
}

async function readBody({ body }: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength
    if (bytes > MOST_BYTES) throw new YahooRefusal('broken', `an answer of more than ${MOST_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** Seconds, or a date. */
function readRetryAfter(header: string | null, date: number): number | undefined {
  if (header === null) return undefined
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - date
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), LONGEST_RETRY_AFTER_MS)
}

/** Ends the work when `signal` aborts or the time is over. */
async function within<T>(ms: number, signal: AbortSignal, work: (ended: AbortSignal) => Promise<T>): Promise<T> {
  const end = new AbortController()
  const timer = setTimeout(() => end.abort(new YahooRefusal('broken', `silent for ${ms / 1_000} s`)), ms)
  const aborted = () => end.abort(new YahooRefusal('broken', 'aborted'))
  signal.addEventListener('abort', aborted)
  try {
    if (signal.aborted) aborted()
    return await work(end.signal)
  } catch (error) {
    throw end.signal.aborted ? end.signal.reason : error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', aborted)
  }
}
