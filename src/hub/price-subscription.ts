import { quoteOf } from '../market/quote.ts'
import type { Cursor } from '../market/tick.ts'
import { encode } from '../wire/encode.ts'
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
  #lastId: Cursor = -1
  /** The group's counts when this client last got a price. */
  #countThen = 0
  #versionThen = 0

  constructor(parts: PriceSubscriptionParts) {
    this.#parts = parts
    this.symbol = parts.symbol
    this.interval = parts.interval
  }

  start(): void {
    const { source, topics, outlet, now } = this.#parts
    const { count, version } = topics.joinPrices(this)
    this.#countThen = count
    this.#versionThen = version
    const view = source.stream(this.symbol)
    if (!view?.latest) return
    this.#lastId = view.latest.id
    outlet.send(encodePrice(view, 0, now()))
  }

  stop(): void {
    this.#parts.topics.leavePrices(this)
  }

  /**
   * Sends the price of tick `id` if it is news: the group's `count`th, with the `version`th of what is told beside it.
   * `frameFor` encodes it with the number of ticks skipped.
   */
  price(id: Cursor, group: Pick<PriceGroup, 'count' | 'version'>, frameFor: (skipped: number) => Frame): void {
    const { count, version } = group
    if (id === this.#lastId && version === this.#versionThen) return
    this.#parts.outlet.send(frameFor(Math.max(0, count - this.#countThen - 1)))
    this.#lastId = id
    this.#countThen = count
    this.#versionThen = version
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
  #version = 0
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

  /** How often what is told beside the price has changed since then. */
  get version(): number {
    return this.#version
  }

  touch(): void {
    this.#count += 1
    this.#mark()
  }

  requote(): void {
    this.#version += 1
    this.#mark()
  }

  #mark(): void {
    if (this.#isMarked) return
    this.#isMarked = true
    this.#cadence.mark(this.#interval, this.#drain)
  }

  readonly #drain = (): void => {
    this.#isMarked = false
    const view = this.#view()
    if (!view?.latest) return
    // Only a client that joined since the last drain has skipped another number than the rest.
    const frames = new Map<number, Frame>()
    const frameFor = (skipped: number): Frame => {
      const frame = frames.get(skipped) ?? encodePrice(view, skipped, this.#now())
      frames.set(skipped, frame)
      return frame
    }
    for (const member of this.members) member.price(view.latest.id, this, frameFor)
  }
}

/** Of a stream that has had a tick. */
function encodePrice(view: StreamView, skipped: number, now: number): Frame {
  return encodeFrame(encode({ type: 'price', ...quoteOf(view, now)!, skipped }))
}
