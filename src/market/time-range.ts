import { bucketStart, TIMEFRAME_MS, type Timeframe } from './timeframe.ts'

/** From `from` up to, but not at, `to` (Unix ms). */
export interface TimeRange {
  readonly from: number
  readonly to: number
}

/** The ranges with one more, ascending and apart: those that meet are one. */
export function withRange(ranges: readonly TimeRange[], range: TimeRange): readonly TimeRange[] {
  const apart: TimeRange[] = []
  for (const each of [...ranges, range].sort((a, b) => a.from - b.from)) {
    const last = apart.at(-1)
    if (last !== undefined && each.from <= last.to)
      apart[apart.length - 1] = { from: last.from, to: Math.max(last.to, each.to) }
    else apart.push(each)
  }
  return apart
}

/** The smallest range that holds whatever of `range` is in none of `ranges` (ascending, apart); undefined: nothing. */
export function outside(range: TimeRange, ranges: readonly TimeRange[]): TimeRange | undefined {
  let { from, to } = range
  for (const each of ranges) if (each.from <= from && each.to > from) from = each.to
  for (const each of ranges.toReversed()) if (each.to >= to && each.from < to) to = each.from
  return from < to ? { from, to } : undefined
}

/** The range of `buckets` buckets that `time` falls into, on a grid that is the same for everybody. */
export function gridRange(timeframe: Timeframe, buckets: number, time: number): TimeRange {
  const length = buckets * TIMEFRAME_MS[timeframe]
  const origin = bucketStart(timeframe, 0)
  const from = origin + Math.floor((time - origin) / length) * length
  return { from, to: from + length }
}
