/**
 * What can happen to a REST request: refused for its weight (429), banned (418), an error of the exchange's (500, 503),
 * a right answer that is late, half an answer and a reset, none at all, or the page of a server in between.
 */
export const REST_FAULTS = [429, 418, 500, 503, 'slow', 'cut', 'hang', 'html'] as const
export type RestFault = (typeof REST_FAULTS)[number]

export interface RestFaultOptions {
  /** Requests; without it, all until `clear`. */
  readonly count?: number | undefined
  /** Only requests of this path: `/api/v3/aggTrades`. */
  readonly path?: string | undefined
  /** Of a 429, default 1; of a 418, default 120. */
  readonly retryAfterS?: number | undefined
  /** How late a slow answer is. Default 3000. */
  readonly delayMs?: number | undefined
}

/** "From 2 minutes to 3 days." */
export const SHORTEST_BAN_S = 120
