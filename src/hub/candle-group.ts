import type { Cursor, Update } from '../market/tick.ts'
import { bucketStart, type Timeframe } from '../market/timeframe.ts'
import { encodeCandle } from '../wire/encode.ts'
import { encodeFrame, type Frame } from '../wire/frame.ts'
import type { Cadence } from './cadence.ts'
import type { CandleSubscription } from './candle-subscription.ts'
import type { StreamView } from './source.ts'

/** Who gets one symbol's candles of one timeframe at one interval: a change is encoded once for all of them. */
export class CandleGroup {
  readonly members = new Set<CandleSubscription>()
  readonly timeframe: Timeframe
  readonly #interval: number
  readonly #cadence: Cadence
  readonly #view: () => StreamView | undefined
  /** The buckets that changed since the last frame, with the newest tick that changed them. */
  readonly #dirty = new Map<number, Cursor>()

  constructor(timeframe: Timeframe, interval: number, cadence: Cadence, view: () => StreamView | undefined) {
    this.timeframe = timeframe
    this.#interval = interval
    this.#cadence = cadence
    this.#view = view
  }

  /** Notes the change that a tick made, also to a candle that is final: a revision waits its turn as any change. */
  touch({ time, id }: Pick<Update, 'time' | 'id'>): void {
    if (this.#dirty.size === 0) this.#cadence.mark(this.#interval, this.#drain)
    this.#dirty.set(bucketStart(this.timeframe, time), id)
  }

  /** Sends a candle that became final, at once. What waited of its bucket is in it. */
  final(time: number, frame: Frame): void {
    this.#dirty.delete(time)
    for (const member of this.members) member.final(frame)
  }

  readonly #drain = (): void => {
    const view = this.#view()
    const changes = [...this.#dirty].sort(([left], [right]) => left - right)
    this.#dirty.clear()
    if (!view || this.members.size === 0) return
    for (const [time, changedBy] of changes) {
      const candle = view.candleAt(this.timeframe, time)
      if (!candle) continue
      const frame = encodeFrame(encodeCandle(view.instrument.symbol, this.timeframe, candle, view.cursor))
      for (const member of this.members) member.candle(frame, changedBy)
    }
  }
}
