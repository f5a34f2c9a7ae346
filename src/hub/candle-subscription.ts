import type { Cursor } from '../market/tick.ts'
import type { Timeframe } from '../market/timeframe.ts'
import { encodeCandleHistory } from '../wire/encode.ts'
import { encodeFrame, type Frame } from '../wire/frame.ts'
import type { HubSource } from './source.ts'
import type { Outlet, Subscription } from './subscription.ts'
import type { Topics } from './topics.ts'

export interface CandleSubscriptionParts {
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly interval: number
  readonly history: number
  readonly source: HubSource
  readonly topics: Topics
  readonly outlet: Outlet
}

/** The newest candles of a symbol, then their changes, conflated. */
export class CandleSubscription implements Subscription {
  readonly channel = 'candles'
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly interval: number
  readonly #parts: CandleSubscriptionParts
  /** What the snapshot holds: changes up to here are not sent again. */
  #since: Cursor = -1
  #stopped = false

  constructor(parts: CandleSubscriptionParts) {
    this.#parts = parts
    this.symbol = parts.symbol
    this.timeframe = parts.timeframe
    this.interval = parts.interval
  }

  start(): void | Promise<void> {
    const wait = this.#parts.outlet.room()
    return wait ? wait.then(() => this.#join()) : this.#join()
  }

  stop(): void {
    this.#stopped = true
    this.#parts.topics.leaveCandles(this)
  }

  /** Sends a frame that tells of changes up to the tick `changedBy`. */
  candle(frame: Frame, changedBy: Cursor): void {
    if (changedBy > this.#since) this.#parts.outlet.send(frame)
  }

  /** Sends a candle that became final: news at any cursor. */
  final(frame: Frame): void {
    this.#parts.outlet.send(frame)
  }

  /** The snapshot is a synchronous read of memory, and the subscription is live in the same turn. */
  #join(): void {
    const { source, symbol, timeframe, history, outlet, topics } = this.#parts
    const view = source.stream(symbol)
    if (this.#stopped || !view) return
    const cursor = view.cursor
    const head = { symbol, cursor, tier: 'memory', more: false, truncated: false } as const
    const candles = history === 0 ? [] : view.candles(timeframe, history)
    outlet.send(encodeFrame(encodeCandleHistory(head, timeframe, candles)))
    this.#since = cursor ?? -1
    topics.joinCandles(this)
  }
}
