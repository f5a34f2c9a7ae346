import { GatewayError } from '../src/base/errors.ts'
import { createSlots } from '../src/base/slots.ts'
import type { Pace } from '../src/feed.ts'
import { type ChartQuery, loadYahooApi, type YahooApi, type YahooFetch } from './yahoo-api.ts'
import { type Asked, type CoolDown, YahooBreaker } from './yahoo-breaker.ts'
import { YahooCrumb } from './yahoo-crumb.ts'
import { createYahooFetch, routeOf } from './yahoo-fetch.ts'
import { toRefusal, YahooRefusal } from './yahoo-refusal.ts'

/**
 * Asks Yahoo, a few questions at a time, and none while it refuses us.
 *
 * All throw GatewayError feed_refused for a symbol that Yahoo does not have; feed_broken for everything that may be
 * better next time: a refusal (with `retryAfterMs`), no answer in time, an error of the network, and `signal` aborted.
 */
export interface YahooClient {
  /** At most 50 symbols. What Yahoo does not have is left out; rows are not checked. */
  quote(symbols: readonly string[], signal: AbortSignal): Promise<readonly unknown[]>
  /** Undefined when there is nothing in the range. */
  chart(symbol: string, query: ChartQuery, signal: AbortSignal, pace?: Pace): Promise<unknown>
  /** Yahoo's clock at its last answer (Unix ms); ours before the first. */
  clock(): number
}

export interface YahooClientOptions {
  readonly yahooUrl: string | undefined
  readonly requestMs: number
  readonly coolDown: CoolDown
  /** Unix ms. */
  readonly now: () => number
}

/** The most symbols of one question: reading the answer holds up everything else, 10 ms for so many. */
export const SYMBOLS_PER_QUOTE = 50

/** Questions under way at once, in all and of those behind the stream. */
const QUESTIONS = 2
const POLITE_QUESTIONS = 1

/** Which question, for the messages of errors. */
interface Question<T> {
  readonly name: string
  /** A quote needs a crumb. */
  readonly asks: Asked
  readonly pace: Pace
  readonly call: (api: YahooApi, fetch: YahooFetch) => Promise<T>
}

export function createYahooClient({ yahooUrl, requestMs, coolDown, now }: YahooClientOptions): YahooClient {
  let api: Promise<YahooApi> | undefined
  const load = () => {
    api ??= loadYahooApi()
    return api
  }
  let date: number | undefined
  const onDate = (told: number) => {
    date = told
  }
  const fetching = createYahooFetch({ yahooUrl, requestMs, onDate, now })
  const crumb = new YahooCrumb(async (signal) =>
    renewCrumb(await load(), fetching({ crumb: undefined, signal }), signal),
  )
  const breaker = new YahooBreaker(coolDown)
  const slots = createSlots(QUESTIONS)
  const politeSlots = createSlots(POLITE_QUESTIONS)

  async function tryOnce<T>({ name, asks, call }: Question<T>, isLast: boolean, signal: AbortSignal): Promise<T> {
    let secret: string | undefined
    try {
      if (asks === 'quote') secret = await crumb.get(signal)
      const answer = await call(await load(), fetching({ crumb: secret, signal }))
      breaker.close(asks)
      return answer
    } catch (error) {
      const refusal = toRefusal(error, secret)
      if (refusal.kind === 'crumb') crumb.drop(secret)
      if (refusal.kind === 'crumb' && !isLast) throw refusal
      if (signal.aborted) throw broken(name, 'aborted')
      throw toError({ name, asks }, refusal, breaker)
    }
  }

  async function ask<T>(question: Question<T>, signal: AbortSignal): Promise<T> {
    // Whoever waited for a place looks anew: meanwhile everything may have changed.
    if (breaker.openMs > 0) throw broken(question.name, 'no question: it refuses us', breaker.openMs)
    if (signal.aborted) throw broken(question.name, 'aborted')
    try {
      return await tryOnce(question, false, signal)
    } catch (error) {
      if (!(error instanceof YahooRefusal)) throw error
      return await tryOnce(question, true, signal)
    }
  }

  function inTurn<T>(question: Question<T>, signal: AbortSignal): Promise<T> {
    const work = () => slots.run(() => ask(question, signal))
    const answer = question.pace === 'polite' ? politeSlots.run(work) : work()
    return unlessAborted(answer, question.name, signal)
  }

  return {
    async quote(symbols, signal) {
      const name = symbols.length === 1 ? `quote of ${symbols[0]}` : `quote of ${symbols.length} symbols`
      const call: Question<unknown>['call'] = (yahoo, fetch) => yahoo.quote(symbols, fetch)
      const rows = await inTurn({ name, asks: 'quote', pace: 'urgent', call }, signal)
      if (!Array.isArray(rows)) throw broken(name, 'no rows')
      return rows
    },
    async chart(symbol, query, signal, pace = 'urgent') {
      const call: Question<unknown>['call'] = (yahoo, fetch) => orNothing(yahoo.chart(symbol, query, fetch))
      return await inTurn({ name: `chart of ${symbol}`, asks: 'chart', pace, call }, signal)
    },
    clock: () => date ?? now(),
  }
}

/** The package walks through the pages that ask for consent; where that does not end with a crumb, they are why. */
async function renewCrumb(api: YahooApi, fetch: YahooFetch, signal: AbortSignal): Promise<string> {
  let isConsentAsked = false
  try {
    return await api.renewCrumb((input, init) => {
      isConsentAsked ||= routeOf(new URL(input instanceof Request ? input.url : input)).startsWith('consent')
      return fetch(input, init)
    })
  } catch (error) {
    const refusal = toRefusal(error, undefined)
    if (!isConsentAsked || refusal.kind === 'throttled' || signal.aborted) throw refusal
    throw new YahooRefusal('consent', 'a consent page', refusal.retryAfterMs)
  }
}

async function orNothing(chart: Promise<unknown>): Promise<unknown> {
  try {
    return await chart
  } catch (error) {
    if (error instanceof YahooRefusal && error.kind === 'no_data') return undefined
    throw error
  }
}

/** What is done about a refusal: one that is meant for this address opens the breaker. */
function toError(
  { name, asks }: Pick<Question<unknown>, 'name' | 'asks'>,
  { kind, message, retryAfterMs }: YahooRefusal,
  breaker: YahooBreaker,
): GatewayError {
  if (kind === 'unknown')
    return new GatewayError('feed_refused', `Yahoo must know the symbol in ${name}, was: ${message}`)
  if (kind !== 'throttled' && kind !== 'consent') return broken(name, message, retryAfterMs)
  breaker.open(asks, retryAfterMs)
  return broken(name, message, breaker.openMs)
}

function broken(name: string, what: string, retryAfterMs?: number): GatewayError {
  const wait = retryAfterMs === undefined ? '' : ` (the next question in ${Math.ceil(retryAfterMs / 1_000)} s)`
  return new GatewayError(
    'feed_broken',
    `Yahoo must answer ${name}, was: ${what}${wait}`,
    retryAfterMs === undefined ? {} : { retryAfterMs },
  )
}

/** Ends the wait at once; what is under way ends by the same signal. */
async function unlessAborted<T>(answer: Promise<T>, name: string, signal: AbortSignal): Promise<T> {
  let leave = () => {}
  const aborted = new Promise<never>((_, reject) => {
    leave = () => reject(broken(name, 'aborted'))
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave)
  })
  try {
    return await Promise.race([answer, aborted])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}
