import { GatewayError } from '../base/errors.ts'
import type { OhlcvRow } from '../market/candle.ts'
import type { CandleEvent } from './candles.ts'
import type { OlderCandles } from './older-candles.ts'

/** Unix seconds, spelt so that lightweight-charts takes it as its own `UTCTimestamp`. */
export type ChartTime = number & { [Symbol.species]: 'UTCTimestamp' }

/** A candle as lightweight-charts has it. */
export interface Bar {
  readonly time: ChartTime
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
}

/** `set` goes into `series.setData(bars)`, `update` into `series.update(bar, historical)`. */
export type ChartChange =
  | { readonly type: 'set'; readonly bars: readonly Bar[] }
  | { readonly type: 'update'; readonly bar: Bar; readonly historical: boolean }

/** One symbol's bars, live; and older ones when they are asked for. To be looped over once. */
export interface ChartLoop extends AsyncIterable<ChartChange> {
  /**
   * Loads bars from before the oldest: all of them anew, for `series.setData`, which leaves the view where it is. Later
   * changes in the loop keep them. Undefined: nothing is older, as of now.
   * @throws GatewayError `unavailable`: the gateway does not answer, or cannot find out now; ask again later
   */
  older(): Promise<Extract<ChartChange, { type: 'set' }> | undefined>
}

/** Older candles are not loaded beyond it, and a chart that has run for this long shows its newest bars only. */
const MAX_BARS = 100_000
/** Pages in a row without a candle that are gone through at once. */
const MOST_EMPTY_PAGES = 20

/** The bars of one symbol as they stand, made of its candle events and of older pages. */
export class ChartBars implements ChartLoop {
  readonly #events: AsyncIterable<CandleEvent>
  readonly #readOlder: (before: number) => Promise<OlderCandles>
  #bars: Bar[] = []
  /** Before it nothing was asked for (Unix ms); null: there is nothing. */
  #before: number | null | undefined
  #loading: ReturnType<ChartLoop['older']> | undefined

  constructor(events: AsyncIterable<CandleEvent>, readOlder: (before: number) => Promise<OlderCandles>) {
    this.#events = events
    this.#readOlder = readOlder
  }

  /**
   * Turns candle events into what a chart can take. lightweight-charts throws for a bar older than its last unless it is
   * told so, and for an older one that it does not have at all: that one is told by setting all bars anew.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ChartChange, void, undefined> {
    for await (const event of this.#events) {
      if (event.type === 'interval_end') continue
      if (event.type === 'snapshot') {
        this.#begin(event.candles.map(toBar))
        yield this.#all()
        continue
      }
      const { time, open, high, low, close, volume } = event
      if (this.#isFarBack(time)) continue
      yield this.#change(toBar([time, open, high, low, close, volume]))
    }
  }

  older(): ReturnType<ChartLoop['older']> {
    this.#loading ??= this.#loadOlder().finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  async #loadOlder(): ReturnType<ChartLoop['older']> {
    for (let page = 0; page < MOST_EMPTY_PAGES; page++) {
      const [oldest] = this.#bars
      if (oldest === undefined || this.#before === null || this.#bars.length >= MAX_BARS) return undefined
      const { candles, before, complete } = await this.#readOlder(this.#before ?? oldest.time * 1000)
      if (!complete) throw new GatewayError('unavailable', 'the gateway must know all older candles, does not now')
      // A new snapshot has come meanwhile, and these do not belong before it.
      if (this.#bars[0]?.time !== oldest.time) continue
      this.#before = before
      const bars = candles.map(toBar).filter(({ time }) => time < oldest.time)
      if (bars.length === 0) continue
      this.#bars = [...bars, ...this.#bars]
      return this.#all()
    }
    return undefined
  }

  /** What was loaded before stays if the snapshot reaches back to it. */
  #begin(bars: Bar[]): void {
    const first = bars[0]?.time ?? Number.POSITIVE_INFINITY
    const last = this.#bars.at(-1)?.time ?? Number.NEGATIVE_INFINITY
    const isJoined = last >= first
    this.#bars = isJoined ? [...this.#bars.filter(({ time }) => time < first), ...bars] : bars
    if (!isJoined) this.#before = undefined
  }

  /** A correction of what was not asked for: alone it would stand before a hole, and it comes with the older bars. */
  #isFarBack(time: number): boolean {
    const [oldest] = this.#bars
    if (oldest === undefined || this.#before === null) return false
    return time < Math.min(oldest.time * 1000, this.#before ?? Number.POSITIVE_INFINITY)
  }

  #change(bar: Bar): ChartChange {
    const bars = this.#bars
    const place = bars.findLastIndex((other) => other.time <= bar.time)
    const known = bars[place]?.time === bar.time
    const newest = place === bars.length - 1
    bars.splice(known ? place : place + 1, known ? 1 : 0, bar)
    if (bars.length > MAX_BARS) bars.shift()
    return known || newest ? { type: 'update', bar, historical: !newest } : this.#all()
  }

  #all(): Extract<ChartChange, { type: 'set' }> {
    return { type: 'set', bars: [...this.#bars] }
  }
}

function toBar([time, open, high, low, close, volume]: OhlcvRow): Bar {
  return { time: (time / 1000) as ChartTime, open, high, low, close, volume }
}
