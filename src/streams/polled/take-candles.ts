import type { Calendar } from '../../market/calendar.ts'
import type { SourceCandles } from '../../market/compose.ts'
import type { Tick } from '../../market/tick.ts'
import { bucketStart } from '../../market/timeframe.ts'
import type { CandleRow } from '../../tiers/database/database.ts'
import type { MemoryStream } from '../../tiers/memory/memory.ts'

export interface TakeCandlesPorts {
  /** Candles taken from the source, to be stored. */
  readonly storeCandle: (row: CandleRow) => void
  /** The candles that hold `time` are others now. */
  readonly onRevised: (symbol: string, time: number) => void
  readonly now: () => number
}

/**
 * Makes a polled instrument's candles the source's own, which saw every trade where polls saw some: finished ones are
 * taken whole, open ones composed, and what was polled since then is folded in. Synchronous, so that no tick can come in
 * between. May be called again. `missedSince`: nothing was polled for long after that (Unix ms).
 */
export function takeCandles(
  stream: MemoryStream,
  candles: SourceCandles,
  missedSince: number | undefined,
  { storeCandle, onRevised, now }: TakeCandlesPorts,
): void {
  const { instrument, history, clock, cursor } = stream
  const until = finishedUntil(history.calendar, candles)
  if (until !== undefined) {
    for (const taken of history.takeSource(candles, until, missedSince)) {
      storeCandle({ instrument, ...taken })
      onRevised(instrument.symbol, history.calendar.beginOf(taken.timeframe, taken.candle.time))
    }
    // It is as late as that there, at least.
    clock.observeLate(until, now())
    const seconds = new Set<number>()
    for (const tick of ticksSince(stream, until)) {
      history.fold(tick)
      seconds.add(bucketStart('1s', tick.time))
    }
    for (const second of seconds) onRevised(instrument.symbol, second)
    history.wholeThrough(cursor ?? -1)
  }
  stream.warm = true
}

/**
 * What was polled since `until` (Unix ms). The volume of the first of them is what was traded since the poll before, of
 * which the source's candles hold a part: that is taken to be as large as its part of the time.
 */
function* ticksSince(stream: MemoryStream, until: number): Generator<Tick> {
  const scale = 10 ** stream.instrument.sizeDigits
  let before: number | undefined
  for (const tick of stream.tail(stream.tailSize)) {
    if (tick.time >= until) {
      const isAcross = tick.size !== undefined && before !== undefined && before < until
      const share = isAcross ? (tick.time - until) / (tick.time - before!) : 1
      yield isAcross ? { ...tick, size: Math.round(tick.size! * share * scale) / scale } : tick
    }
    before = tick.time
  }
}

/** Up to when the source's finished candles tell all: it finishes none before the shorter ones in it. */
function finishedUntil(calendar: Calendar, candles: SourceCandles): number | undefined {
  const ends = [...candles].flatMap(([timeframe, rows]) => {
    const last = rows.findLast(({ final }) => final)
    return last === undefined ? [] : [calendar.endOf(timeframe, last.time)]
  })
  return ends.length === 0 ? undefined : Math.max(...ends)
}
