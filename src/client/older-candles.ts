import { describeError, type ErrorCode, GatewayError } from '../base/errors.ts'
import type { OhlcvRow } from '../market/candle.ts'
import type { ChartTimeframe } from '../market/timeframe.ts'
import { httpUrl } from './endpoint.ts'

export interface OlderOptions {
  /** `1m` unless told. */
  readonly timeframe?: ChartTimeframe
  /** Candles that begin before it (Unix ms); unset: the newest. */
  readonly before?: number
  /** At most; 500 unless told, 5,000 at most. */
  readonly limit?: number
}

/** One page of a chart, on the way back in time. */
export interface OlderCandles {
  /** Ascending, no doubles. There may be fewer than asked for, or none, and older ones all the same. */
  readonly candles: readonly OhlcvRow[]
  /** `before` of the next page; null: there is nothing older. */
  readonly before: number | null
  /** False: the gateway could not find out in time what else there is. Ask again later. */
  readonly complete: boolean
}

/** @throws GatewayError what the gateway says; `unavailable` when it does not answer, or `signal` aborts */
export async function readOlderCandles(
  address: string | URL,
  token: string | undefined,
  symbol: string,
  { timeframe = '1m', before, limit }: OlderOptions,
  signal: AbortSignal,
): Promise<OlderCandles> {
  const url = httpUrl(address, `api/v1/chart/${encodeURIComponent(symbol)}`)
  url.searchParams.set('timeframe', timeframe)
  if (before !== undefined) url.searchParams.set('to', String(before))
  if (limit !== undefined) url.searchParams.set('limit', String(limit))
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  try {
    const response = await fetch(url, { headers, signal })
    const body: Partial<OlderCandles> & Partial<Problem> = await response.json()
    const { candles, before: next = null, complete = true } = body
    if (response.ok && candles !== undefined) return { candles, before: next, complete }
    throw new GatewayError(body.code ?? 'unavailable', body.detail ?? `the gateway answered with ${response.status}`)
  } catch (error) {
    if (error instanceof GatewayError) throw error
    throw new GatewayError('unavailable', `the gateway must answer ${url.pathname}, was: ${describeError(error)}`)
  }
}

// --- the part of RFC 9457 that we use ---

interface Problem {
  readonly code: ErrorCode
  readonly detail: string
}
