import { quoteOf } from '../market/quote.ts'
import { encodeFrame, type Frame } from '../wire/frame.ts'
import type { Cadence } from './cadence.ts'
import type { HubSource, StreamView } from './source.ts'
import type { Outlet, Subscription } from './subscription.ts'
import type { Topics } from './topics.ts'

export interface PriceSubscriptionParts {
  readonly symbol: string
  readonly interval: number
  readonly source: HubSource
  readonly topics: Topics
  readonly outlet: Outlet
  /** Unix ms. */
  readonly now: () => number
}

/** The latest price of a symbol: at once, then at most one per interval. */
export class PriceSubscription implements Subscription {
  readonly channel = 'prices'
  readonly symbol: string
  readonly interval: number
  readonly #parts: PriceSubscriptionParts
  /** The quote that this client has got. */
  #quote = ''
  /** The group's count of ticks then. */
  #countThen = 0

  constructor(parts: PriceSubscriptionParts) {
    this.#parts = parts
    this.symbol = parts.symbol
    this.interval = parts.interval
  }

  start(): void {
    const { source, topics, outlet, now } = this.#parts
    this.#countThen = topics.joinPrices(this)
    const quote = encodeQuote(source.stream(this.symbol), now())
    if (quote === undefined) return
    this.#quote = quote
    outlet.send(priceFrame(quote, 0))
  }

  stop(): void {
    this.#parts.topics.leavePrices(this)
  }

  /** Sends a quote, if it is news, after the group's `count`th tick; `frameFor` adds the number of ticks skipped. */
  price(quote: string, count: number, frameFor: (skipped: number) => Frame): void {
    if (quote === this.#quote) return
    this.#parts.outlet.send(frameFor(Math.max(0, count - this.#countThen - 1)))
    this.#quote = quote
    this.#countThen = count
  }
}

/** Who gets one symbol's price at one interval. */
export class PriceGroup {
  readonly members = new Set<PriceSubscription>()
  readonly #interval: number
  readonly #cadence: Cadence
  readonly #view: () => StreamView | undefined
  readonly #now: () => number
  #count = 0
  #isMarked = false

  constructor(interval: number, cadence: Cadence, view: () => StreamView | undefined, now: () => number) {
    this.#interval = interval
    this.#cadence = cadence
    this.#view = view
    this.#now = now
  }

  /** Ticks seen since the group exists. */
  get count(): number {
    return this.#count
  }

  touch(): void {
    this.#count += 1
    this.requote()
  }

  /** What is told beside the price may have changed. */
  requote(): void {
    if (this.#isMarked) return
    this.#isMarked = true
    this.#cadence.mark(this.#interval, this.#drain)
  }

  readonly #drain = (): void => {
    this.#isMarked = false
    const quote = encodeQuote(this.#view(), this.#now())
    if (quote === undefined) return
    // Only a client that joined since the last drain has skipped another number than the rest.
    const frames = new Map<number, Frame>()
    const frameFor = (skipped: number): Frame => {
      const frame = frames.get(skipped) ?? priceFrame(quote, skipped)
      frames.set(skipped, frame)
      return frame
    }
    for (const member of this.members) member.price(quote, this.#count, frameFor)
  }
}

/** Undefined before the first price. */
function encodeQuote(view: StreamView | undefined, now: number): string | undefined {
  const quote = view && quoteOf(view, now)
  return quote && JSON.stringify(quote)
}

/** A `price`; what is encoded once is told to everyone with a number of their own. */
function priceFrame(quote: string, skipped: number): Frame {
  return encodeFrame(`{"type":"price",${quote.slice(1, -1)},"skipped":${skipped}}`)
}
