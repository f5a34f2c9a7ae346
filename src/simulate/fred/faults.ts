import type { ServerResponse } from 'node:http'
import { createTroubledAnswers } from '../faults/troubled-answers.ts'
import { FredRefusal } from './query.ts'

/**
 * What can happen to a request: refused for asking too often (429), an error of the server's (500, 503), a right answer
 * that is late, half an answer and a reset, none at all, a page with status 200, a key that is none, and rows among the
 * good ones that cannot be read.
 */
export const FRED_FAULTS = [429, 500, 503, 'slow', 'cut', 'hang', 'html', 'bad-key', 'odd-rows'] as const
export type FredFault = (typeof FRED_FAULTS)[number]

/** What was asked: the last part of the path. */
export type FredQuestion = 'series' | 'observations' | 'vintagedates' | 'updates'

export interface FredFaultOptions {
  /** Requests; without it, all until `clear`. */
  readonly count?: number | undefined
  /** Only requests of this kind. */
  readonly on?: FredQuestion | undefined
  /** Of a 429 or 503; default: it does not say. */
  readonly retryAfterS?: number | undefined
  /** How late a slow answer is. Default 3000. */
  readonly delayMs?: number | undefined
}

export interface FredFaults {
  /** Befalls the next requests; of the faults that fit a request, the one ordered first goes first. */
  order(kind: FredFault, options?: FredFaultOptions): void
  /** Ends every fault. Slow answers leave at once; requests that hang are cut. */
  clear(): void
}

/** The faults, and what they do to a request. */
export interface FredTroubles extends FredFaults {
  /**
   * Deals with a question whose right answer is `body`; false when nothing befalls it.
   * @throws FredRefusal for a fault that is an answer of FRED's
   */
  befall(question: string, response: ServerResponse, body: Body): boolean
}

type Body = Readonly<Record<string, unknown>>
type Order = FredFaultOptions & { readonly kind: FredFault; left: number }

const PAGE = '<!DOCTYPE html><html><head><title>FRED is being maintained</title></head><body>Soon.</body></html>'

/** The message is FRED's own. */
export const BAD_KEY =
  'Bad Request.  The value for variable api_key is not registered.  Read https://fred.stlouisfed.org/docs/api/api_key.html for more information.'

export const TOO_MANY = 'Too Many Requests.  Exceeded Rate Limit'

const ODD_ROWS: readonly unknown[] = [
  null,
  { realtime_start: '2024-01-10', realtime_end: '9999-12-31', date: '2024-13-45', value: '1.5' },
  { realtime_start: '2024-01-10', realtime_end: '9999-12-31', date: '2024-01-01', value: 'n/a' },
  { realtime_start: 20240110, date: '2024-01-01', value: '1.5' },
]

export function createFredFaults(): FredTroubles {
  const answers = createTroubledAnswers()
  let orders: readonly Order[] = []

  const take = (question: string): Order | undefined => {
    const order = orders.find(({ on }) => on === undefined || on === question)
    if (order === undefined) return undefined
    order.left -= 1
    if (order.left <= 0) orders = orders.filter((other) => other !== order)
    return order
  }
  return {
    order(kind, options = {}) {
      orders = [...orders, { ...options, kind, left: options.count ?? Number.POSITIVE_INFINITY }]
    },
    befall(question, response, body) {
      const order = take(question)
      if (order === undefined) return false
      const { kind, retryAfterS, delayMs } = order
      if (kind === 429) throw new FredRefusal(TOO_MANY, 429, retryAfterS)
      if (kind === 500 || kind === 503) throw new FredRefusal('Internal Server Error', kind, retryAfterS)
      if (kind === 'bad-key') throw new FredRefusal(BAD_KEY)
      if (kind === 'odd-rows') sendJson(response, withOddRows(body))
      else if (kind === 'html') response.writeHead(200, { 'Content-Type': 'text/html' }).end(PAGE)
      else answers[kind](response, JSON.stringify(body), delayMs)
      return true
    },
    clear() {
      orders = []
      answers.end()
    },
  }
}

export function sendJson(response: ServerResponse, body: Body): void {
  response.writeHead(200, { 'Content-Type': 'application/json; charset=UTF-8' }).end(JSON.stringify(body))
}

function withOddRows(body: Body): Body {
  return Array.isArray(body.observations) ? { ...body, observations: [...ODD_ROWS, ...body.observations] } : body
}
