import type { Cursor } from '../../market/tick.ts'
import { encode } from '../../wire/encode.ts'
import { encodeFrame, type Frame } from '../../wire/frame.ts'
import { gapMessage } from '../../wire/gap-message.ts'
import type { StreamGap } from '../source.ts'

/** The holes that lie after the id `after` and before the id `before`; ascending. */
export function gapsBetween(gaps: readonly StreamGap[], after: Cursor, before: Cursor): readonly StreamGap[] {
  let low = 0
  let high = gaps.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (gaps[middle]!.to <= after) low = middle + 1
    else high = middle
  }
  const crossed: StreamGap[] = []
  for (let gap = gaps[low]; gap && gap.from < before; gap = gaps[++low]) crossed.push(gap)
  return crossed
}

/** Whether the holes leave no id between `after` and `before`. */
export function coverAll(gaps: readonly StreamGap[], after: Cursor, before: Cursor): boolean {
  let reached = after
  for (const { from, to } of gaps) if (from <= reached + 1) reached = Math.max(reached, to)
  return reached >= before - 1
}

/**
 * Whether a hole between `after` and `last` was settled since `known` was all that there was: ticks that were read then
 * may lack those that were filled in.
 */
export function isSettledSince(
  known: readonly StreamGap[],
  now: readonly StreamGap[],
  after: Cursor,
  last: Cursor,
): boolean {
  if (known === now) return false
  return gapsBetween(known, after, last + 1).some(({ from, to, status }) => {
    const [same] = gapsBetween(now, from - 1, to + 1)
    return same?.from !== from || same.to !== to || same.status !== status
  })
}

export function encodeGap(symbol: string, { from, to, status, reason }: StreamGap): Frame {
  return encodeFrame(encode(gapMessage({ symbol, from, to, status, reason })))
}
