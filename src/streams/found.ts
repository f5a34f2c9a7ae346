import type { Cursor, Tick } from '../market/tick.ts'
import type { Gap, TimeRange } from '../tiers/database/database.ts'

/** How far a gap is filled. */
export interface Found {
  /** The next id to ask for. */
  next: Cursor
  /** Up to here the source's ticks are older than what is kept. */
  tooOldThrough: Cursor
  /** The ids that were found, as ranges. */
  readonly parts: { from: Cursor; to: Cursor }[]
  /** When what was found happened; undefined while nothing was. */
  range: TimeRange | undefined
}

export function findNothing(next: Cursor): Found {
  return { next, tooOldThrough: -1, parts: [], range: undefined }
}

export function takeFound(found: Found, { id, time }: Tick): void {
  const last = found.parts.at(-1)
  if (last !== undefined && last.to + 1 === id) last.to = id
  else found.parts.push({ from: id, to: id })
  found.next = id + 1
  const { from, to } = found.range ?? { from: time, to: time + 1 }
  found.range = { from: Math.min(from, time), to: Math.max(to, time + 1) }
}

export function addTooOld(found: Found, { id }: Tick): void {
  found.tooOldThrough = id
  found.next = id + 1
}

/** What became of every id from `from` to `to`, in order. */
export function* partsOf(found: Found, from: Cursor, to: Cursor): Generator<Omit<Gap, 'instrument'>> {
  let next = from
  for (const part of [...found.parts, { from: to + 1, to }]) {
    if (next <= found.tooOldThrough && next < part.from) {
      const end = Math.min(found.tooOldThrough, part.from - 1)
      yield { from: next, to: end, status: 'unfillable', reason: 'these trades are older than TICK_RETENTION_DAYS' }
      next = end + 1
    }
    if (next < part.from) {
      const reason = 'the source does not have these trades'
      yield { from: next, to: part.from - 1, status: 'unfillable', reason }
    }
    if (part.to >= part.from) yield { ...part, status: 'filled', reason: undefined }
    next = part.to + 1
  }
}
