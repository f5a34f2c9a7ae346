import type { Candle } from '../../market/candle.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import type { CandleRow, Gap } from '../database/database.ts'

/** The newer state of each bucket, ascending: what waits may be older than what is stored. */
export function mergeCandles(
  waiting: readonly CandleRow[],
  timeframe: Timeframe,
  isIn: (time: number) => boolean,
  stored: readonly Candle[],
): readonly Candle[] {
  const byTime = new Map(stored.map((candle) => [candle.time, candle]))
  for (const { timeframe: theirs, candle } of waiting) {
    if (theirs !== timeframe || !isIn(candle.time)) continue
    const before = byTime.get(candle.time)
    if (before === undefined || isNewer(candle, before)) byTime.set(candle.time, candle)
  }
  return [...byTime.values()].sort((a, b) => a.time - b.time)
}

/** What is said last of one first id is what is known of it: what waits comes after all that is stored. */
export function mergeGaps(waiting: readonly Gap[], stored: readonly Gap[]): readonly Gap[] {
  const byFrom = new Map([...stored, ...waiting].map((gap) => [gap.from, gap]))
  return [...byFrom.values()].sort((a, b) => a.from - b.from)
}

/** By (revision, final, last id, trades), as the database compares them. */
function isNewer(candle: Candle, stored: Candle): boolean {
  const [a, b] = [rank(candle), rank(stored)]
  const at = a.findIndex((value, index) => value !== b[index])
  return at >= 0 && a[at]! > b[at]!
}

function rank({ revision, final, lastId, trades }: Candle): readonly number[] {
  return [revision, Number(final), lastId ?? -1, trades]
}
