import type { Cursor } from '../../market/tick.ts'
import type { ChartTimeframe } from '../../market/timeframe.ts'
import type { Frame } from '../../wire/frame.ts'
import type { StreamView } from '../source.ts'
import type { PartOutlet, Subscription } from '../subscription.ts'
import type { Topics } from '../topics.ts'
import { CandleHistory, type CandleHistoryParts } from './candle-history.ts'

export interface CandleSubscriptionParts extends CandleHistoryParts {
  readonly interval: number
  readonly topics: Topics
}

/** The newest candles of a symbol, then their changes, conflated. */
export class CandleSubscription implements Subscription {
  readonly channel = 'candles'
  readonly symbol: string
  readonly timeframe: ChartTimeframe
  readonly interval: number
  readonly fill: boolean
  readonly #parts: CandleSubscriptionParts
  readonly #history: CandleHistory
  #source: string | undefined
  /** What the snapshot holds: changes up to here are not sent again. */
  #since: Cursor = -1

  constructor(parts: CandleSubscriptionParts) {
    this.#parts = parts
    this.#history = new CandleHistory(parts, (view) => this.#join(view))
    this.symbol = parts.symbol
    this.timeframe = parts.timeframe
    this.interval = parts.interval
    this.fill = parts.fill
  }

  /** Whose client it is. */
  get outlet(): PartOutlet {
    return this.#parts.outlet
  }

  /** The source of its stream; undefined until its snapshot is out. */
  get source(): string | undefined {
    return this.#source
  }

  granted(): void {
    this.#parts.topics.intervals.expect(this)
  }

  start(): void | Promise<void> {
    return this.#history.start()
  }

  stop(): void {
    this.#history.stop()
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

  /** In the turn of the snapshot's last part. */
  #join({ cursor, instrument }: StreamView): void {
    this.#since = cursor ?? -1
    this.#source = instrument.source
    this.#parts.topics.joinCandles(this)
  }
}
