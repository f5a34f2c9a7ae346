import type { CandleSubscription } from './candle-subscription.ts'
import type { Ends } from './interval-ends.ts'

/** The buckets that are over for one connection and timeframe, as the start of the first and of the first that is not. */
export interface Advance {
  readonly from: number
  readonly to: number
}

const NOTHING: Advance = { from: 0, to: 0 }
/** No snapshot says what is over: the first end that shows is where it begins. */
const UNKNOWN = Number.POSITIVE_INFINITY

/** Everything one connection is subscribed to in one timeframe, and up to where it was told that all is over. */
export class IntervalWatch {
  readonly #members = new Map<string, CandleSubscription>()
  /** How many of them have no snapshot yet. */
  #pending = 0
  /** How many of the others each source has. */
  readonly #sources = new Map<string, number>()
  /** Buckets that start before it are not told any more. */
  #told = UNKNOWN
  #hasTold = false

  get isEmpty(): boolean {
    return this.#members.size === 0
  }

  expect(member: CandleSubscription): void {
    this.#members.set(member.symbol, member)
    this.#pending += 1
  }

  has(member: CandleSubscription): boolean {
    return this.#members.get(member.symbol) === member
  }

  /** Its snapshot of `source` has gone out, in which the buckets that start before `end` are over. */
  join(source: string, end: number): void {
    this.#pending -= 1
    this.#sources.set(source, (this.#sources.get(source) ?? 0) + 1)
    // The snapshot of a stream whose clock is not known says nothing of it: the others' do.
    if (!this.#hasTold && Number.isFinite(end)) this.#told = Math.min(this.#told, end)
  }

  leave(member: CandleSubscription): void {
    if (!this.has(member)) return
    this.#members.delete(member.symbol)
    const { source } = member
    if (source === undefined) {
      this.#pending -= 1
      return
    }
    const left = this.#sources.get(source)! - 1
    if (left === 0) this.#sources.delete(source)
    else this.#sources.set(source, left)
  }

  /** Takes what is over by now, each bucket once. */
  advance(ends: Ends): Advance {
    if (this.#pending > 0) return NOTHING
    const to = this.#endOfAll(ends)
    const from = this.#told
    if (!Number.isFinite(to) || to <= from) {
      if (from === UNKNOWN && Number.isFinite(to)) this.#told = to
      return NOTHING
    }
    this.#told = to
    this.#hasTold = true
    return { from, to }
  }

  /** The end that every member has reached; or one that is no news, as soon as a member holds the others up. */
  #endOfAll({ bySource, behind }: Ends): number {
    let end = Number.POSITIVE_INFINITY
    for (const source of this.#sources.keys()) end = Math.min(end, bySource.get(source) ?? Number.NEGATIVE_INFINITY)
    const noNews = this.#told === UNKNOWN ? Number.NEGATIVE_INFINITY : this.#told
    const candidates = behind.size < this.#members.size ? behind.keys() : this.#members.keys()
    for (const symbol of candidates) {
      if (end <= noNews) break
      if (this.#members.has(symbol)) end = Math.min(end, behind.get(symbol) ?? end)
    }
    return end
  }
}
