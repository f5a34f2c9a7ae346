import type { Candle } from '../../market/candle.ts'
import type { TimeRange } from '../../market/time-range.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import type { MemoryStream } from '../../tiers/memory/memory.ts'

/** Where memory's own candles begin (Unix ms); Infinity: it has none. */
export function heldSince({ history }: MemoryStream, timeframe: Timeframe): number {
  return history.window(timeframe).heldSince
}

/** Memory's own candles of a range as they are now, ascending. */
export function heldCandles({ history }: MemoryStream, timeframe: Timeframe, range: TimeRange): readonly Candle[] {
  const window = history.window(timeframe)
  const from = Math.max(range.from, window.heldSince)
  return from < range.to ? window.last(window.length).filter(({ time }) => time >= from && time < range.to) : []
}

/** `older` up to where `newer` begins at `edge`, then `newer`. */
export function joinedAt(edge: number, older: readonly Candle[], newer: readonly Candle[]): readonly Candle[] {
  return [...older.filter(({ time }) => time < edge), ...newer]
}
