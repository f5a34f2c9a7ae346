import type { Cursor, Update } from '../../market/tick.ts'
import type { StreamGap, StreamView } from '../source.ts'
import { coverAll, gapsBetween, isSettledSince } from './crossed-gaps.ts'
import type { Crossing } from './crossing.ts'
import type { Part } from './part.ts'
import { readNext } from './reach.ts'
import type { TickPage } from './tick-page.ts'
import type { PageSlice, TickPages } from './tick-pages.ts'

/**
 * The join of history and live: whatever happens meanwhile, the client gets every tick once, in id order, and is told
 * every hole that it crosses, in its place.
 *
 * History is pulled: pages of the database until memory's tail reaches back to where the client is, then the tail.
 * Nothing is buffered, and nothing is compared with what arrived meanwhile, because the last part is read from memory
 * and the subscription goes live in one turn: between the two no tick can be published.
 */
export interface JoinPorts {
  /** The stream as it is now. */
  view(): StreamView
  ticksAfter(after: Cursor, limit: number): Promise<readonly Update[]>
  ticksBefore(before: Cursor | undefined, limit: number): Promise<readonly Update[]>
  /** The pages of all streams. */
  readonly pages: TickPages
  /** Resolves when the client can take another part; undefined: at once. */
  room(): Promise<void> | undefined
  /** Queues one part of the history. */
  part(part: Part): void
  /** Tells a hole that the history crosses. */
  cross(gap: StreamGap): void
  /** Every tick published from now on goes to the client. */
  live(): void
  /** Which holes the client was told. */
  readonly crossing: Crossing
  /** Aborted when the subscription ends. */
  readonly signal: AbortSignal
}

/** Where a join begins: the place after which everything is still to be sent, and what was read of it already. */
export interface Opening {
  /** 'now': wherever the stream is in the turn that goes live, which may be later than that of the request. */
  readonly position: Cursor | null | 'now'
  readonly read?: PageSlice
  /** The id that the client has; undefined when it asked for history and has none. */
  readonly held?: Cursor
}

/** A part has no more rows than that, whatever the pages are. */
const PART_ROWS = 1_000

/**
 * Sends the history from `opening` on, then goes live. Ends without going live when the signal aborts.
 * @throws GatewayError tier_unavailable when the database fails on the way.
 */
export async function follow(opening: Opening, ports: JoinPorts): Promise<void> {
  let { held, read } = opening
  let position = opening.position === 'now' ? undefined : opening.position
  if (position !== undefined) ports.crossing.begin(position)
  for (;;) {
    const wait = ports.room()
    if (wait) await wait
    if (ports.signal.aborted) return

    // No await between this look at memory and live(): a tick published in between would be lost.
    const view = ports.view()
    if (position === undefined) {
      position = view.cursor
      ports.crossing.begin(position)
    }
    const slice = read && isTrue(read, position, view) ? read : ports.pages.find(view, position)
    if (!slice) {
      const next = await readNext(position, ports)
      position = next.position
      read = next.slice
      continue
    }
    const { page, start } = slice
    const end = Math.min(start + PART_ROWS, page.rows.length)
    const isLast = end === start || (end === page.rows.length && page.last === view.cursor)
    held = position = send({ page, start, end, held, more: !isLast, position }, ports)
    if (isLast) {
      for (const gap of ports.crossing.meet(view.gaps())) ports.cross(gap)
      ports.live()
      return
    }
    read = end < page.rows.length ? { page, start: end } : undefined
  }
}

/** Whether there is something in what was read, and nothing was filled in since that is to be sent in its place. */
function isTrue({ page, start }: PageSlice, position: Cursor | null, view: StreamView): boolean {
  if (start >= page.rows.length) return false
  return !isSettledSince(page.known, view.gaps(), position ?? -1, page.last!)
}

/**
 * Whether there may have been ticks between the id the client has and the row that follows. There were none if the row
 * follows just that id, or if all ids between are in holes. Else ticks have left the database, or the client has an id
 * that is not known here: it got it before a crash that came before the store, and what came next may be lost with it.
 */
export function isCut(held: Cursor | undefined, next: Update | undefined, gaps: readonly StreamGap[]): boolean {
  if (held === undefined || next === undefined || next.prev === held) return false
  return !coverAll(gapsBetween(gaps, held, next.id), held, next.id)
}

// --- the steps ---

interface Rows {
  readonly page: TickPage
  readonly start: number
  readonly end: number
  readonly held: Cursor | undefined
  readonly more: boolean
  /** Where the client is when there are no rows. */
  readonly position: Cursor | null
}

/** Sends rows, in several parts where holes are between them. Returns the last one's id. */
function send({ page, start, end, held, more, position }: Rows, ports: JoinPorts): Cursor {
  const gaps = ports.view().gaps()
  const first = start < end ? page.rows[start] : undefined
  const truncated = isCut(held, first, gaps)
  // The stream lost the id that the client has, or a hole is there: the chain is closed over it.
  const link = truncated || first?.prev === held ? undefined : held
  let from = start
  const sendTo = (to: number, isLast: boolean) => {
    const isFirst = from === start
    const cursor = to > from ? page.rows[to - 1]!.id : position
    const prev = isFirst ? link : undefined
    ports.part({ page, start: from, end: to, prev, cursor, more: more || !isLast, truncated: truncated && isFirst })
    from = to
  }
  const last = first ? page.rows[end - 1]!.id : (position ?? -1)
  for (const gap of ports.crossing.meet(gaps, last)) {
    const to = Math.max(from, Math.min(end, page.indexAfter(gap.from - 1)))
    if (to > from) sendTo(to, false)
    ports.cross(gap)
  }
  sendTo(end, true)
  ports.crossing.pass(last)
  return last
}
