import type { ServerResponse } from 'node:http'
import { createTroubledAnswers } from '../faults/troubled-answers.ts'

/** What a request is for: a cookie, a crumb, quotes, a chart. */
export const YAHOO_ROUTES = ['page', 'crumb', 'quote', 'chart'] as const
export type YahooRoute = (typeof YAHOO_ROUTES)[number]

/** What can happen to a request, and to which kind of request when the order does not say. */
const BEFALLS = {
  /** Too many requests. */
  429: 'quote',
  500: 'quote',
  503: 'quote',
  /** A right answer that is late; half an answer and a reset; none at all. */
  slow: 'quote',
  cut: 'quote',
  hang: 'quote',
  /** Somebody's page with status 200. */
  html: 'quote',
  /** Sent on to the page that asks for consent to cookies. */
  consent: 'page',
  /** That page itself in the place of data, with status 200. */
  'consent-page': 'quote',
  /** "Invalid Crumb", to this request and to all that come with the same crumb. */
  'bad-crumb': 'quote',
  /** The text "Too Many Requests" as the crumb, with status 200. */
  'crumb-refused': 'crumb',
  /** Rows of nulls. */
  'null-rows': 'quote',
  /** A market state that nobody has heard of. */
  'odd-state': 'quote',
} as const satisfies Readonly<Record<string, YahooRoute>>

export type YahooFault = keyof typeof BEFALLS
export const YAHOO_FAULTS = [429, 500, 503, ...namesOf(BEFALLS)] as const satisfies readonly YahooFault[]

export interface YahooFaultOptions {
  /** Requests; without it, all until `clear`. */
  readonly count?: number | undefined
  /** The kind of request, when it is not the usual one of the fault. */
  readonly on?: YahooRoute | undefined
  /** Of a refusal by status; without it, none is told. */
  readonly retryAfterS?: number | undefined
  /** How late a slow answer is. Default 3000. */
  readonly delayMs?: number | undefined
  /** Of `null-rows` and `odd-state`: only this symbol's rows. */
  readonly symbol?: string | undefined
}

/** What can be made to go wrong with a simulated Yahoo, while it runs. */
export interface YahooFaults {
  /** Befalls the next requests; of the faults that fit a request, the one ordered first goes first. */
  order(kind: YahooFault, options?: YahooFaultOptions): void
  /** Ends every fault. Slow answers leave at once; requests that hang are cut. */
  clear(): void
}

export interface YahooOrder extends YahooFaultOptions {
  readonly kind: YahooFault
}

export interface YahooFaultDesk extends YahooFaults {
  /** The fault that befalls this request; undefined: none. */
  take(route: YahooRoute): YahooOrder | undefined
  /** Answers in the place of a right answer; false for a fault that leaves one, of other contents. */
  befall(order: YahooOrder, response: ServerResponse, body: string): boolean
}

export function createYahooFaults(): YahooFaultDesk {
  const answers = createTroubledAnswers()
  let orders: readonly (YahooOrder & { readonly route: YahooRoute; left: number })[] = []
  return {
    order(kind, options = {}) {
      const left = options.count ?? Number.POSITIVE_INFINITY
      orders = [...orders, { ...options, kind, route: options.on ?? BEFALLS[kind], left }]
    },
    take(route) {
      const order = orders.find((candidate) => candidate.route === route)
      if (order === undefined) return undefined
      order.left -= 1
      if (order.left <= 0) orders = orders.filter((other) => other !== order)
      return order
    },
    befall({ kind, retryAfterS, delayMs }, response, body) {
      switch (kind) {
        case 429:
        case 500:
        case 503:
          if (retryAfterS !== undefined) response.setHeader('Retry-After', retryAfterS)
          response.writeHead(kind, { 'Content-Type': 'text/plain' }).end(REASONS[kind])
          return true
        case 'slow':
        case 'cut':
        case 'hang':
          answers[kind](response, body, delayMs)
          return true
        case 'html':
          sendPage(response, ERROR_PAGE)
          return true
        case 'consent':
          response.writeHead(302, { Location: CONSENT_URL }).end()
          return true
        case 'consent-page':
          sendPage(response, CONSENT_PAGE)
          return true
        case 'crumb-refused':
          response.writeHead(200, { 'Content-Type': 'text/plain' }).end(REASONS[429])
          return true
        default:
          return false
      }
    },
    clear() {
      orders = []
      answers.end()
    },
  }
}

const REASONS = { 429: 'Too Many Requests', 500: 'Internal Server Error', 503: 'Service Unavailable' } as const

const CONSENT_URL = 'https://guce.yahoo.com/consent?brandType=nonEu&done=https%3A%2F%2Ffinance.yahoo.com%2Fquote%2FAAPL'

/** Where a visitor is asked before the site is shown; what follows on a consent is not simulated. */
export const CONSENT_PAGE = `<!DOCTYPE html>
<html lang="en-US"><head><title>Yahoo is part of the Yahoo family of brands</title></head>
<body><form method="post" class="consent-form"><button name="agree" value="agree">Accept all</button></form></body></html>`

const ERROR_PAGE = `<!DOCTYPE html>
<html lang="en-us"><head><title>Yahoo</title></head><body><h1>Our engineers are working quickly to resolve the issue.</h1></body></html>`

export function sendPage(response: ServerResponse, page: string): void {
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page)
}

function namesOf<T extends object>(table: T): readonly Exclude<Extract<keyof T, string>, `${number}`>[] {
  return Object.keys(table).filter((name): name is never => Number.isNaN(Number(name)))
}
