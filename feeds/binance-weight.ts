// https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
import type { IncomingHttpHeaders } from 'node:http'
import type { Pace } from '../src/feed.ts'

const MINUTE = 60_000

/** No answer is on its way for so long. */
const CLOCK_SET_MS = 15_000

/** Until exchangeInfo has told the real one. */
const USUAL_LIMIT = 6_000

/** How much of a minute's weight may be used up after a question; what is left is for other programs of this address. */
const SHARES: Readonly<Record<Pace, number>> = { urgent: 0.9, polite: 0.5 }

/**
 * The request weight of the running minute. The exchange counts by the minutes of its own clock, for everybody behind
 * one address, and tells the count with every answer; what is under way is counted here before that.
 */
export class WeightBudget {
  readonly #now: () => number
  /** Weight a minute. */
  limit = USUAL_LIMIT
  #minute = 0
  #used = 0
  #underWay = 0
  /** From our clock to the exchange's: that tells whole seconds, so up to one too low, and never early in a minute. */
  #offsetMs = Number.NEGATIVE_INFINITY

  /** @param now Unix ms */
  constructor(now: () => number) {
    this.#now = now
  }

  /** How long a question of this weight has to wait; 0 when it may be asked now, and then `begin` counts it. */
  waitMs(weight: number, pace: Pace): number {
    this.#turn()
    const used = this.#used + this.#underWay
    // One that is too heavy for its share is asked alone.
    if (used === 0 || used + weight <= this.limit * SHARES[pace]) return 0
    return MINUTE - (this.#exchangeTime() % MINUTE)
  }

  begin(weight: number): void {
    this.#underWay += weight
  }

  /** @param headers of the answer; undefined when there was none */
  end(weight: number, headers: IncomingHttpHeaders | undefined): void {
    const told = Number(headers?.['x-mbx-used-weight-1m'])
    const date = Date.parse(headers?.date ?? '')
    this.#setClock(date)
    this.#turn()
    this.#underWay -= weight
    if (Number.isNaN(told)) this.#used += weight
    // One that was long on its way may tell of the minute before.
    else if (Number.isNaN(date) || minuteOf(date) === this.#minute) this.#used = Math.max(this.#used, told)
  }

  /** The answer that was on its way for the shortest time knows the clock best; far behind it, a clock was set. */
  #setClock(date: number): void {
    const offsetMs = date - this.#now()
    if (offsetMs > this.#offsetMs || offsetMs < this.#offsetMs - CLOCK_SET_MS) this.#offsetMs = offsetMs
  }

  #turn(): void {
    const minute = minuteOf(this.#exchangeTime())
    if (minute !== this.#minute) this.#used = 0
    this.#minute = minute
  }

  #exchangeTime(): number {
    return this.#now() + (Number.isFinite(this.#offsetMs) ? this.#offsetMs : 0)
  }
}

function minuteOf(time: number): number {
  return Math.floor(time / MINUTE)
}
