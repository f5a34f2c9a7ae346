import type { Candle } from '../../market/candle.ts'
import type { Cursor, Update } from '../../market/tick.ts'
import type { ChartTimeframe } from '../../market/timeframe.ts'
import { encodeCandle } from '../../wire/encode.ts'
import { encodeFrame, type Frame } from '../../wire/frame.ts'
import type { Cadence } from '../cadence.ts'
import type { StreamView } from '../source.ts'
import { CandleFill } from './candle-fill.ts'
import type { CandleSubscription } from './candle-subscription.ts'

/** News to everyone, whatever tick their snapshot was as of. */
const TO_ALL: Cursor = Number.POSITIVE_INFINITY

/**
 * Who gets one symbol's candles of one timeframe at one interval: a change is encoded once for all of them. Those who
 * want empty buckets filled get more frames, not others.
 */
export class CandleGroup {
  readonly timeframe: ChartTimeframe
  readonly #interval: number
  readonly #cadence: Cadence
  readonly #view: () => StreamView | undefined
  readonly #members = new Set<CandleSubscription>()
  readonly #fillers = new Set<CandleSubscription>()
  #fill: CandleFill | undefined
  /** The buckets that changed since the last frame, with the newest tick that changed them. */
  readonly #dirty = new Map<number, Cursor>()
  /** Buckets that start before it are over. */
  #closed: number

  constructor(timeframe: ChartTimeframe, interval: number, cadence: Cadence, view: () => StreamView | undefined) {
    this.timeframe = timeframe
    this.#interval = interval
    this.#cadence = cadence
    this.#view = view
    this.#closed = this.#closedNow()
  }

  get size(): number {
    return this.#members.size
  }

  /** Takes a member whose snapshot is of this moment. */
  add(member: CandleSubscription): void {
    this.#members.add(member)
    if (!member.fill) return
    this.#fillers.add(member)
    // Observations have no empty buckets between them.
    if (this.timeframe !== 'native') this.#fill ??= new CandleFill(this.timeframe, this.#view())
  }

  remove(member: CandleSubscription): void {
    this.#members.delete(member)
    this.#fillers.delete(member)
    if (this.#fillers.size === 0) this.#fill = undefined
  }

  /** Notes the change that a tick made, also to a candle that is final: a revision waits its turn as any change. */
  touch(tick: Pick<Update, 'time' | 'id' | 'period'>): void {
    const view = this.#view()
    if (!view) return
    if (this.#dirty.size === 0) this.#cadence.mark(this.#interval, this.#drain)
    this.#dirty.set(view.bucketOf(this.timeframe, tick), tick.id)
  }

  /** Notes a change behind the stream. */
  revise(time: number): void {
    this.touch({ time, id: TO_ALL })
  }

  /** Sends a candle that became final, at once. What waited of its bucket is in it. */
  final(time: number, frame: Frame): void {
    this.#dirty.delete(time)
    this.#sendFilled((fill, view) => fill.finalUpTo(time, view))
    for (const member of this.#members) member.final(frame)
  }

  /** Buckets are over: what waits of them goes out, and the empty ones are final for those who want them. */
  close(): void {
    const [from, to] = [this.#closed, this.#closedNow()]
    if (to <= from) return
    this.#closed = to
    // Candles that became final otherwise than by the clock: as the source's own, or by a trade that came just now.
    const over = [...this.#dirty].filter(([time]) => time >= from && time < to)
    for (const [time] of over) this.#dirty.delete(time)
    this.#send(over)
    this.#sendFilled((fill, view) => fill.finalUpTo(to, view))
  }

  readonly #drain = (): void => {
    const changes = [...this.#dirty]
    this.#dirty.clear()
    this.#send(changes)
  }

  #send(changes: [time: number, changedBy: Cursor][]): void {
    const view = this.#view()
    if (!view || this.#members.size === 0) return
    for (const [time, changedBy] of changes.sort(([left], [right]) => left - right)) {
      const candle = view.candleAt(this.timeframe, time)
      if (!candle) continue
      this.#sendFilled((fill) => fill.upTo(time, view), changedBy)
      const frame = this.#encode(view, candle)
      for (const member of this.#members) member.candle(frame, changedBy)
      this.#sendFilled((fill) => fill.after(time, view), changedBy)
    }
  }

  #sendFilled(candlesOf: (fill: CandleFill, view: StreamView) => readonly Candle[], changedBy = TO_ALL): void {
    const view = this.#view()
    if (!view || !this.#fill) return
    for (const candle of candlesOf(this.#fill, view)) {
      const frame = this.#encode(view, candle)
      for (const member of this.#fillers) member.candle(frame, changedBy)
    }
  }

  #encode({ instrument, cursor }: StreamView, candle: Candle): Frame {
    return encodeFrame(encodeCandle(instrument.symbol, this.timeframe, candle, cursor))
  }

  #closedNow(): number {
    const view = this.#view()
    return view?.endsByClock ? view.overUntil(this.timeframe) : Number.NEGATIVE_INFINITY
  }
}
