// https://developers.binance.com/docs/binance-spot-api-docs/rest-api/general-api-information
import type { z } from 'zod'
import { pause } from '../src/base/backoff.ts'
import { describeError, GatewayError } from '../src/base/errors.ts'
import type { Pace } from '../src/feed.ts'
import { type BinanceApi, createBinanceApi } from './binance-api.ts'
import { createBanMemory } from './binance-ban.ts'
import { type CallEnd, callWithin } from './binance-call.ts'
import { BinanceRefusals } from './binance-refusals.ts'
import { WeightBudget } from './binance-weight.ts'

/** Asks Binance's public REST API one question at a time, as often as the exchange lets us. */
export interface BinanceClient {
  /**
   * Waits for its turn, within the weight that the exchange grants a minute, and for the end of a 429.
   * @throws GatewayError feed_refused for a symbol that Binance does not have; feed_broken for everything that may be
   * better next time: a ban (at once), no answer in time, an error of the network or of Binance, an answer that does
   * not fit `schema`, and `signal` aborted.
   */
  ask<T>(question: Question, schema: z.ZodType<T>, signal: AbortSignal, pace?: Pace): Promise<T>
  /** What the exchange grants a minute. */
  limitWeight(aMinute: number): void
}

/** Which call, for the messages of errors, what it weighs, and the call itself. */
export interface Question {
  readonly name: string
  readonly weight: number
  readonly call: (api: BinanceApi) => Promise<unknown>
}

export interface ClientOptions {
  readonly restUrl: string
  readonly requestMs: number
  /** Where a ban is kept over restarts. */
  readonly dataDir: string | undefined
  /** Unix ms. */
  readonly now: () => number
}

/** Invalid symbol, and a symbol with characters that none has. */
const UNKNOWN_SYMBOL_CODES = [-1121, -1100]

const REASON_CHARACTERS = 200

/** Repeats the URL, in which there may be a password. */
const FETCH_PREAMBLE = /^request to \S+ failed, reason: /

/** Whoever waits looks again this often: an answer to somebody else may have changed everything, by a ban for one. */
const LOOK_AGAIN_MS = 250

/** Three minutes of the exchange's: others use up what it grants, or the clock stands. */
const LONGEST_WAIT_MS = 180_000

export function createBinanceClient({ restUrl, requestMs, dataDir, now }: ClientOptions): BinanceClient {
  const api = createBinanceApi(restUrl)
  const weights = new WeightBudget(now)
  const refusals = new BinanceRefusals(createBanMemory(dataDir, now), now)
  return {
    async ask({ name, weight, call }, schema, signal, pace = 'urgent') {
      await waitForTurn(name, () => weights.waitMs(weight, pace), refusals, signal)
      weights.begin(weight)
      const { result, head } = await callWithin(() => call(api), requestMs, signal)
      weights.end(weight, head?.headers)
      if ('error' in result) throw readError(name, { result, head }, refusals)
      const answer = schema.safeParse(result.body)
      if (answer.success) return answer.data
      const [issue] = answer.error.issues
      throw broken(name, `an answer with ${issue?.path.join('.')}: ${issue?.message}`)
    },
    limitWeight(aMinute) {
      weights.limit = aMinute
    },
  }
}

/** From its end to the question's being counted there MUST be no await: others are waiting for the same place. */
async function waitForTurn(
  name: string,
  forWeight: () => number,
  refusals: BinanceRefusals,
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now()
  for (;;) {
    if (refusals.ban !== undefined) throw broken(name, refusals.ban)
    const waitMs = Math.max(refusals.heldMs, forWeight())
    if (waitMs === 0 && !signal.aborted) return
    const seconds = Math.ceil(waitMs / 1_000)
    if (signal.aborted) throw broken(name, waitMs === 0 ? 'aborted' : `aborted, ${seconds} s before it could be asked`)
    if (performance.now() - began + waitMs > LONGEST_WAIT_MS) throw broken(name, `to be asked in ${seconds} s only`)
    await pause(Math.min(waitMs, LOOK_AGAIN_MS), signal)
  }
}

/** The package throws plain errors; only code and message leave here, shortened, for a proxy's page may be in it. */
function readError(name: string, { result, head }: CallEnd, refusals: BinanceRefusals): GatewayError {
  const error = 'error' in result ? result.error : undefined
  const { code, message = describeError(error) } = typeof error === 'object' && error ? (error as PackageError) : {}
  const reason = [code, message.replace(FETCH_PREAMBLE, '')].filter(Boolean).join(' ').slice(0, REASON_CHARACTERS)
  if (UNKNOWN_SYMBOL_CODES.includes(Number(code))) {
    return new GatewayError('feed_refused', `Binance must know the symbol in ${name}, was: ${reason}`)
  }
  const refusal = head === undefined ? undefined : refusals.note(head, message)
  return broken(name, refusal === undefined ? reason : `${reason} (${refusal})`)
}

function broken(name: string, what: string): GatewayError {
  return new GatewayError('feed_broken', `Binance must answer ${name}, was: ${what}`)
}

// --- the part of binance-api-node's errors that we use ---

/** A number is Binance's own code, a string the network's; json-bigint throws a plain object. */
interface PackageError {
  readonly code?: number | string
  readonly message?: string
}
