import type { OhlcvRow } from '../market/candle.ts'
import type { CandleEvent } from './candles.ts'

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

/** A chart that has run for this long shows its newest bars only. */
const MAX_BARS = 20_000

/**
 * Turns one symbol's candle events into what a chart can take. lightweight-charts throws for a bar older than its last
 * unless it is told so, and for an older one that it does not have at all: that one is told by setting all bars anew.
 */
export async function* toChart(events: AsyncIterable<CandleEvent>): AsyncGenerator<ChartChange, void, undefined> {
  let bars: Bar[] = []
  for await (const event of events) {
    if (event.type === 'interval_end') continue
    if (event.type === 'snapshot') {
      bars = event.candles.map(toBar)
      yield { type: 'set', bars: [...bars] }
      continue
    }
    const { time, open, high, low, close, volume } = event
    const bar = toBar([time, open, high, low, close, volume])
    const place = bars.findLastIndex((other) => other.time <= bar.time)
    const known = bars[place]?.time === bar.time
    const newest = place === bars.length - 1
    bars.splice(known ? place : place + 1, known ? 1 : 0, bar)
    if (bars.length > MAX_BARS) bars.shift()
    yield known || newest ? { type: 'update', bar, historical: !newest } : { type: 'set', bars: [...bars] }
  }
}

function toBar([time, open, high, low, close, volume]: OhlcvRow): Bar {
  return { time: (time / 1000) as ChartTime, open, high, low, close, volume }
}
