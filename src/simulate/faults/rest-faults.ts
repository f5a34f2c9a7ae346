import type { ServerResponse } from 'node:http'
import { banned, tooManyRequests } from '../rate-refusals.ts'
import { Refusal } from '../rest-query.ts'
import { type RestFault, type RestFaultOptions, SHORTEST_BAN_S } from './rest-fault.ts'
import { createTroubledAnswers } from './troubled-answers.ts'

/** What befalls REST requests that the rules let pass. */
export interface RestFaults {
  /** Befalls the next requests; of the faults that fit a request, the one ordered first goes first. */
  order(kind: RestFault, options?: RestFaultOptions): void
  /**
   * Deals with a request whose right answer is `body`; false when nothing befalls it.
   * @throws Refusal for a fault that is an answer of the exchange's
   */
  befall(path: string, response: ServerResponse, body: string, now: number): boolean
  /** Forgets what was ordered. Slow answers leave at once; requests that hang are cut. */
  clear(): void
}

interface RestOrder extends RestFaultOptions {
  readonly kind: RestFault
  left: number
  /** Of the ban that this fault began, Unix ms: the requests that follow are banned until the same moment. */
  bannedUntil: number
}

/** @param weightLimit for the message of a 429 */
export function createRestFaults(weightLimit: number): RestFaults {
  const answers = createTroubledAnswers()
  let orders: readonly RestOrder[] = []

  const take = (path: string): RestOrder | undefined => {
    const order = orders.find((candidate) => candidate.path === undefined || candidate.path === path)
    if (order === undefined) return undefined
    order.left -= 1
    if (order.left <= 0) orders = orders.filter((other) => other !== order)
    return order
  }

  return {
    order(kind, options = {}) {
      const left = options.count ?? Number.POSITIVE_INFINITY
      orders = [...orders, { ...options, kind, left, bannedUntil: Number.NEGATIVE_INFINITY }]
    },
    befall(path, response, body, now) {
      const order = take(path)
      if (order === undefined) return false
      if (typeof order.kind === 'number') throw refusalOf(order, weightLimit, now)
      answers[order.kind](response, body, order.delayMs)
      return true
    },
    clear() {
      orders = []
      answers.end()
    },
  }
}

/** Codes and sentences are the exchange's own. Source: its errors.md */
function refusalOf(order: RestOrder, weightLimit: number, now: number): Refusal {
  switch (order.kind) {
    case 429:
      return tooManyRequests(weightLimit, now + (order.retryAfterS ?? 1) * 1_000)
    case 418:
      if (now >= order.bannedUntil) order.bannedUntil = now + (order.retryAfterS ?? SHORTEST_BAN_S) * 1_000
      return banned(order.bannedUntil)
    case 503:
      return new Refusal(-1008, 'Server is currently overloaded with other requests. Please try again later.', {
        status: 503,
      })
    default:
      return new Refusal(-1000, 'An unknown error occurred while processing the request.', { status: 500 })
  }
}
