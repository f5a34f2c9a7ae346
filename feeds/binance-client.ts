// https://github.com/ccxt/binance-api-node
import http from 'node:http'
import https from 'node:https'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { z } from 'zod'
import { describeError, GatewayError } from '../src/base/errors.ts'

/** Asks Binance's public REST API one question at a time, with what the package leaves out: an end to every wait. */
export interface BinanceClient {
  /**
   * @throws GatewayError feed_refused for a symbol that Binance does not have; feed_broken for everything that may be
   * better next time: no answer in time, an error of the network or of Binance, an answer that does not fit `schema`,
   * and `signal` aborted.
   */
  ask<T>(question: Question, schema: z.ZodType<T>, signal: AbortSignal): Promise<T>
}

/** Which call, for the messages of errors, and the call itself. */
export interface Question {
  readonly name: string
  readonly call: (api: BinanceApi) => Promise<unknown>
}

/** Invalid symbol, and a symbol with characters that none has. */
const UNKNOWN_SYMBOL_CODES = [-1121, -1100]

const REASON_CHARACTERS = 200

/** Repeats the URL, in which there may be a password. */
const FETCH_PREAMBLE = /^request to \S+ failed, reason: /

export function createBinanceClient(restUrl: string, requestMs: number): BinanceClient {
  const api = loadPackage()({ httpBase: restUrl.replace(/\/+$/, '') })
  return {
    async ask({ name, call }, schema, signal) {
      const body = await withinTime(name, () => call(api), requestMs, signal)
      const answer = schema.safeParse(body)
      if (answer.success) return answer.data
      const [issue] = answer.error.issues
      throw broken(name, `an answer with ${issue?.path.join('.')}: ${issue?.message}`)
    },
  }
}

/**
 * The package is CommonJS with a `default`: Node's `import` gives the namespace and Vitest's gives the function, but
 * `require` gives the same thing everywhere.
 */
function loadPackage(): (options: { readonly httpBase: string }) => BinanceApi {
  return createRequire(import.meta.url)('binance-api-node').default
}

async function withinTime(name: string, call: () => Promise<unknown>, requestMs: number, signal: AbortSignal) {
  if (signal.aborted) throw broken(name, 'aborted')
  const { answer, abandon } = start(call)
  let stopWaiting = () => {}
  const end = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(broken(name, `silent for ${requestMs / 1_000} s`)), requestMs)
    const aborted = () => reject(broken(name, 'aborted'))
    signal.addEventListener('abort', aborted)
    stopWaiting = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', aborted)
    }
  })
  try {
    return await Promise.race([answer, end])
  } catch (error) {
    abandon()
    throw readError(name, error)
  } finally {
    stopWaiting()
  }
}

/**
 * Starts a call so that it can be given up. The package takes no signal, and a request that is merely no longer
 * awaited keeps its socket (and this process) for as long as the peer likes. But its request is made while it is
 * called, so the socket that Node's agents have gained by then is the one to cut.
 */
function start(call: () => Promise<unknown>) {
  const others = new Set(socketsInUse())
  // An async function makes a rejection of what the package throws at once, too.
  const answer = (async () => call())()
  const socket = socketsInUse().find((candidate) => !others.has(candidate))
  return { answer, abandon: () => socket?.destroy() }
}

function socketsInUse(): readonly Socket[] {
  const lists = [http.globalAgent, https.globalAgent].flatMap(({ sockets }) => Object.values(sockets))
  return lists.flatMap((list) => list ?? [])
}

/** The package throws plain errors; only code and message leave here, shortened, for a proxy's page may be in it. */
function readError(name: string, error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  const { code, message = describeError(error) } = typeof error === 'object' && error ? (error as PackageError) : {}
  const reason = [code, message.replace(FETCH_PREAMBLE, '')].filter(Boolean).join(' ').slice(0, REASON_CHARACTERS)
  if (UNKNOWN_SYMBOL_CODES.includes(Number(code))) {
    return new GatewayError('feed_refused', `Binance must know the symbol in ${name}, was: ${reason}`)
  }
  return broken(name, reason)
}

function broken(name: string, what: string): GatewayError {
  return new GatewayError('feed_broken', `Binance must answer ${name}, was: ${what}`)
}

// --- the part of binance-api-node that we use; its own types promise more than it does ---

export interface BinanceApi {
  /** `symbols`: a JSON array. */
  exchangeInfo(payload: { readonly symbols: string }): Promise<unknown>
  time(): Promise<unknown>
  aggTrades(payload: AggTradesQuery): Promise<unknown>
  candles(payload: CandlesQuery): Promise<unknown>
}

/** Ascending. Without `fromId` and `startTime` the newest; both are inclusive. */
export interface AggTradesQuery {
  readonly symbol: string
  readonly limit: number
  readonly fromId?: number
  readonly startTime?: number
}

/** Ascending; the newest of those that open at or before `endTime` (Unix ms). */
export interface CandlesQuery {
  readonly symbol: string
  readonly interval: string
  readonly limit: number
  readonly endTime?: number
}

/** A number is Binance's own code, a string the network's; json-bigint throws a plain object. */
interface PackageError {
  readonly code?: number | string
  readonly message?: string
}
