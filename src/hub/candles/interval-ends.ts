import { TIMEFRAME_MS, type Timeframe } from '../../market/timeframe.ts'
import { encode } from '../../wire/encode.ts'
import { encodeFrame, type Frame } from '../../wire/frame.ts'
import type { HubSource } from '../source.ts'
import type { Outlet } from '../subscription.ts'
import type { CandleSubscription } from './candle-subscription.ts'
import { IntervalWatch } from './interval-watch.ts'

/** After a jump of a source's clock so many buckets are ended one by one, the newest of them. */
const MOST_ENDS = 1_000

/** How far the buckets of one timeframe are over: the streams of a source nearly always together. */
export interface Ends {
  readonly bySource: ReadonlyMap<string, number>
  /** Symbols whose streams are behind their source: they wait for missed trades. */
  readonly behind: ReadonlyMap<string, number>
}

/**
 * Tells each connection when all that it watches in a timeframe is over up to a bucket's end. Asked once a second: it
 * looks at every stream once for all connections, and at each connection for a constant time, unless streams are behind
 * their source; then for as many as are behind, or until the first of them that holds it up.
 */
export class IntervalEnds {
  readonly #source: HubSource
  readonly #watches = new Map<Timeframe, Map<Outlet, IntervalWatch>>()

  constructor(source: HubSource) {
    this.#source = source
  }

  /** It is granted: until its snapshot is out no bucket ends without it. */
  expect(member: CandleSubscription): void {
    const { timeframe, outlet, symbol } = member
    // What does not end by the clock holds nobody up.
    if (timeframe === 'native' || this.#source.stream(symbol)?.endsByClock !== true) return
    const watches = this.#watches.get(timeframe) ?? new Map<Outlet, IntervalWatch>()
    const watch = watches.get(outlet) ?? new IntervalWatch()
    this.#watches.set(timeframe, watches)
    watches.set(outlet, watch)
    watch.expect(member)
  }

  /** Its snapshot is of this moment. */
  join(member: CandleSubscription): void {
    const { symbol, source } = member
    const end = this.#source.stream(symbol)?.overUntil(member.timeframe) ?? Number.NEGATIVE_INFINITY
    const watch = this.#watchOf(member)
    if (source !== undefined && watch?.has(member)) watch.join(source, end)
  }

  leave(member: CandleSubscription): void {
    const { timeframe, outlet } = member
    const watch = this.#watchOf(member)
    if (watch === undefined || timeframe === 'native') return
    const watches = this.#watches.get(timeframe)
    watch.leave(member)
    if (watch.isEmpty) watches?.delete(outlet)
    if (watches?.size === 0) this.#watches.delete(timeframe)
  }

  #watchOf({ timeframe, outlet }: CandleSubscription): IntervalWatch | undefined {
    return timeframe === 'native' ? undefined : this.#watches.get(timeframe)?.get(outlet)
  }

  announce(): void {
    for (const [timeframe, watches] of this.#watches) {
      const ends = this.#ends(timeframe)
      const frames = new Map<number, Frame>()
      for (const [outlet, watch] of watches) {
        const length = TIMEFRAME_MS[timeframe]
        const { from, to } = watch.advance(ends)
        for (let time = Math.max(from, to - MOST_ENDS * length); time < to; time += length) {
          const frame = frames.get(time) ?? encodeFrame(encode({ type: 'interval_end', timeframe, time }))
          frames.set(time, frame)
          outlet.send(frame)
        }
      }
    }
  }

  #ends(timeframe: Timeframe): Ends {
    const bySource = new Map<string, number>()
    const streams = this.#source.symbols().flatMap((symbol) => {
      const view = this.#source.stream(symbol)
      return view?.endsByClock ? [{ symbol, source: view.instrument.source, end: view.overUntil(timeframe) }] : []
    })
    for (const { source, end } of streams) bySource.set(source, Math.max(end, bySource.get(source) ?? end))
    const late = streams.filter(({ source, end }) => end < bySource.get(source)!)
    return { bySource, behind: new Map(late.map(({ symbol, end }) => [symbol, end])) }
  }
}
