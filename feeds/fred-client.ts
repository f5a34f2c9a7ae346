// https://fred.stlouisfed.org/docs/api/fred/errors.html
import { z } from 'zod'
import { GatewayError } from '../src/base/errors.ts'
import { getText, type HttpAnswer, type HttpBounds } from './fred-http.ts'
import type { Pace } from './fred-pace.ts'
import type { Redaction } from './fred-redaction.ts'

/** Asks FRED's API one question at a time, as often as it lets us. */
export interface FredClient {
  /**
   * Waits for its turn. `refusal`: FRED will not answer this question, in its words; the key is good.
   * @throws GatewayError feed_refused for a key that FRED does not take; feed_broken for everything that may be better
   * next time: no answer in time, too many questions, an error of the network or of FRED, an answer that does not fit
   * `schema`, and `signal` aborted. The key is in none of them.
   */
  ask<T>(question: FredQuestion, schema: z.ZodType<T>, signal: AbortSignal): Promise<FredAnswer<T>>
}

export type FredAnswer<T> = { readonly body: T } | { readonly refusal: string }

/** Which call, `series/observations`, and its parameters. */
export interface FredQuestion {
  readonly path: string
  readonly parameters: Readonly<Record<string, string | number>>
}

export interface FredClientOptions extends HttpBounds {
  /** Origin. */
  readonly url: string
  readonly apiKey: string
  readonly clean: Redaction
  readonly pace: Pace
}

/** Nobody means more. */
const LONGEST_WAIT_MS = 3_600_000

export function createFredClient({ url, apiKey, clean, pace, ...bounds }: FredClientOptions): FredClient {
  return {
    async ask({ path, parameters }, schema, signal) {
      if (!(await pace.turn(signal))) throw broken(path, 'aborted')
      const query = Object.entries({ ...parameters, file_type: 'json', api_key: apiKey }).map(
        ([name, value]) => [name, String(value)] as [string, string],
      )
      const answer = await getText(`${url}/fred/${path}?${new URLSearchParams(query)}`, bounds, signal)
      if ('reason' in answer) throw broken(path, clean(answer.reason))
      const body = readJson(answer.text)
      if (answer.status !== 200) return refuse(path, answer, body, clean)
      if (body === undefined) throw broken(path, `no JSON (${clean(answer.headers.get('content-type') ?? 'nothing')})`)
      const read = schema.safeParse(body)
      if (read.success) return { body: read.data }
      const [issue] = read.error.issues
      throw broken(path, clean(`an answer with ${issue?.path.join('.')}: ${issue?.message}`))
    },
  }
}

/** @throws GatewayError unless FRED refuses just this question */
function refuse(path: string, { status, headers }: HttpAnswer, body: unknown, clean: Redaction) {
  const said = FredError.safeParse(body)
  const reason = said.success ? clean(said.data.error_message) : ''
  const isAboutUs = (status === 400 || status === 404) && said.success
  if (isAboutUs && /\bapi_key\b/.test(reason)) {
    throw new GatewayError('feed_refused', `FRED_API_KEY must be a key that FRED knows, was: ${reason}`)
  }
  if (isAboutUs) return { refusal: reason }
  const retryAfterMs = readRetryAfter(headers.get('retry-after'))
  throw broken(path, `status ${status} ${reason}`.trim(), retryAfterMs === undefined ? {} : { retryAfterMs })
}

/** Seconds, or a date; undefined for neither. */
function readRetryAfter(text: string | null): number | undefined {
  if (text === null) return undefined
  const ms = /^\d+$/.test(text.trim()) ? Number(text) * 1_000 : Date.parse(text) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.min(LONGEST_WAIT_MS, Math.max(0, ms))
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    // A page, or half an answer: the caller says so.
    return undefined
  }
}

function broken(path: string, what: string, options: { readonly retryAfterMs?: number } = {}): GatewayError {
  return new GatewayError('feed_broken', `FRED must answer ${path}, was: ${what}`, options)
}

// --- the part of FRED's errors that we use ---

const FredError = z.object({ error_code: z.number(), error_message: z.string() })
