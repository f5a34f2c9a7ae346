// https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
import { describeError } from '../src/base/errors.ts'
import type { BanMemory } from './binance-ban.ts'
import type { ResponseHead } from './binance-call.ts'

/** When the exchange says 429 without `Retry-After`: the minute in which the weight was used up is over by then. */
const USUAL_WAIT_MS = 60_000

/** When it says 418 without an end. */
const SHORTEST_BAN_MS = 120_000

/** What the exchange said about asking too much: a 429 holds every question back for a while, a 418 is a ban. */
export class BinanceRefusals {
  readonly #ban: BanMemory
  readonly #now: () => number
  /** By the monotonic clock. */
  #heldUntil = 0

  /** @param now Unix ms */
  constructor(ban: BanMemory, now: () => number) {
    this.#ban = ban
    this.#now = now
  }

  /** How long nothing may be asked after a 429. */
  get heldMs(): number {
    return Math.max(0, this.#heldUntil - performance.now())
  }

  /** Says until when there is a ban; undefined when there is none. */
  get ban(): string | undefined {
    const until = this.#ban.until()
    return this.#now() < until ? `banned until ${new Date(until).toISOString()}` : undefined
  }

  /** Takes note of an answer. Returns what has to be said beside its own words. */
  note({ status, headers }: ResponseHead, message: string): string | undefined {
    const retryAfterMs = Number(headers['retry-after'] ?? Number.NaN) * 1_000
    if (status === 429) {
      const waitMs = Number.isNaN(retryAfterMs) ? USUAL_WAIT_MS : retryAfterMs
      this.#heldUntil = Math.max(this.#heldUntil, performance.now() + waitMs)
      return `the next question in ${Math.ceil(waitMs / 1_000)} s`
    }
    if (status !== 418) return undefined
    const told = Number(/banned until (\d+)/.exec(message)?.[1] ?? Number.NaN)
    // The exchange's clock may be another than ours.
    const end = Number.isNaN(retryAfterMs) ? told : this.#now() + retryAfterMs
    return this.#remember(Number.isNaN(end) ? this.#now() + SHORTEST_BAN_MS : end)
  }

  /** The ban holds in this process, whatever becomes of its file. */
  #remember(until: number): string | undefined {
    try {
      this.#ban.remember(until)
      return this.ban
    } catch (error) {
      return `${this.ban}, and not kept for the next start: ${describeError(error)}`
    }
  }
}
