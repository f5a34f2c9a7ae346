import { pause } from '../base/backoff.ts'
import { GatewayError } from '../base/errors.ts'
import type { Cursor, Update } from '../market/tick.ts'
import type { Resume, TierName } from '../wire/messages.ts'
import type { StreamView } from './source.ts'

/**
 * The join of history and live: whatever happens meanwhile, the client gets every tick once, in id order.
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
  /** Resolves when the client can take another part; undefined: at once. */
  room(): Promise<void> | undefined
  /** Queues one part of the history. */
  part(part: Part): void
  /** Every tick published from now on goes to the client. */
  live(): void
  /** Aborted when the subscription ends. */
  readonly signal: AbortSignal
}

/** Enough to decide where a resume begins. */
export type ReadPorts = Pick<JoinPorts, 'view' | 'ticksAfter' | 'signal'>

export interface Part {
  readonly rows: readonly Update[]
  readonly tier: TierName
  readonly cursor: Cursor | null
  readonly more: boolean
  /** Ids before the first row, which the client should have got, may be missing: they are nowhere here. */
  readonly truncated: boolean
}

/** Where a join begins: rows read already (ascending), and the place after which everything else is still to be sent. */
export interface Opening {
  readonly page: readonly Update[]
  readonly position: Cursor | null
  /** The id that the client has; undefined when it asked for history and has none. */
  readonly held?: Cursor
}

export const PART_ROWS = 1_000

/**
 * Sends the history from `opening` on, then goes live. Ends without going live when the signal aborts.
 * @throws GatewayError tier_unavailable when the database fails on the way.
 */
export async function follow(opening: Opening, ports: JoinPorts): Promise<void> {
  let { page, position } = opening
  let held = opening.held
  for (;;) {
    for (let start = 0; start < page.length; start += PART_ROWS) {
      const rows = page.slice(start, start + PART_ROWS)
      const wait = ports.room()
      if (wait) await wait
      if (ports.signal.aborted) return
      held = position = sendMore(rows, 'database', held, ports)
    }
    const wait = ports.room()
    if (wait) await wait
    if (ports.signal.aborted) return

    // No await between this read of memory and live(): a tick published in between would be lost.
    const rest = reach(ports.view(), position, PART_ROWS)
    if (rest && rest.length < PART_ROWS) {
      const cursor = rest.at(-1)?.id ?? position
      ports.part({ rows: chain(held, rest), tier: 'memory', cursor, more: false, truncated: isCut(held, rest[0]) })
      ports.live()
      return
    }

    if (rest) held = position = sendMore(rest, 'memory', held, ports)
    const next = rest ? { page: [], position } : await readPage(position, ports)
    page = next.page
    position = next.position
  }
}

/** The newest `count` ticks, then live. Synchronous when memory holds them. @throws GatewayError tier_unavailable */
export function openHistory(count: number, ports: JoinPorts): Opening | Promise<Opening> {
  const view = ports.view()
  if (count === 0) return { page: [], position: view.cursor }
  const tail = view.tail(count)
  const [oldest] = tail
  if (oldest && tail.length >= count) return { page: [], position: before(oldest) }
  const isAll = oldest !== undefined && view.tailAfter(null, 1) !== undefined
  return isAll ? { page: [], position: null } : readOlder(count, tail, ports)
}

/**
 * Everything after `after`, then live. The verdict is known before the first part is sent.
 * @throws GatewayError bad_parameter (`after` is beyond the source's newest), unavailable (the stream is still catching
 * up and did not get there in time), tier_unavailable.
 */
export async function openAfter(
  after: Cursor,
  ports: ReadPorts,
  waitMs: number,
): Promise<{ readonly opening: Opening; readonly resume: Resume }> {
  await arrival(after, ports, waitMs)
  const reached = reach(ports.view(), after, 1)
  // One row decides. It is read again with its page: the pages of many symbols are not held while the verdicts come in.
  const { page, position, oldest } = reached ? { page: reached, position: after } : await readPage(after, ports, 1)
  const next = page[0] ?? oldest
  const resume: Resume = next && isCut(after, next) ? { state: 'truncated', oldest: next.id } : { state: 'complete' }
  return { opening: { page: [], position, held: after }, resume }
}

// --- the steps ---

/** The part of the tail after `position`; undefined when memory no longer reaches back to there. */
function reach(view: StreamView, position: Cursor | null, limit: number): readonly Update[] | undefined {
  if (view.cursor === null || (position !== null && position >= view.cursor)) return []
  const rows = view.tailAfter(position, limit)
  // Something follows, since the stream is further: a tail that is empty (after a restart) does not reach back to it.
  return rows?.length === 0 ? undefined : rows
}

/** The place just before a tick. Not its `prev`: ticks between the two may have been filled in since it was sent. */
function before({ id }: Update): Cursor {
  return id - 1
}

/**
 * Whether there may have been ticks between the id the client has and the row that follows. There were none if the row
 * follows just that id, or has the very next number. Else ticks have left the database, or the client has an id that is
 * not known here: it got it before a crash that came before the store, and what came next may be lost with it.
 */
function isCut(held: Cursor | undefined, next: Update | undefined): boolean {
  return held !== undefined && next !== undefined && next.prev !== held && next.id > held + 1
}

/** The rows with the chain of `prev` closed over their start, where the stream lost the id that the client has. */
function chain(held: Cursor | undefined, rows: readonly Update[]): readonly Update[] {
  const [first, ...others] = rows
  if (held === undefined || first?.id !== held + 1 || first.prev === held) return rows
  return [{ ...first, prev: held }, ...others]
}

function sendMore(rows: readonly Update[], tier: TierName, held: Cursor | undefined, ports: JoinPorts): Cursor {
  const cursor = rows[rows.length - 1]!.id
  ports.part({ rows: chain(held, rows), tier, cursor, more: true, truncated: isCut(held, rows[0]) })
  return cursor
}

/** What follows `position`; if nothing does, `oldest` is the first tick of the tail, and `position` just before it. */
interface Page {
  readonly page: readonly Update[]
  readonly position: Cursor | null
  readonly oldest?: Update
}

/**
 * The database's next page after `position`, which memory's tail did not reach when this was called. An empty page is
 * the proof that nothing is between there and the tail, as the tail held all that was not yet durable. But the tail has
 * moved on during the read; so it is looked at and the database is asked once more, and only then is that end believed.
 */
async function readPage(position: Cursor | null, ports: ReadPorts, limit = PART_ROWS): Promise<Page> {
  const after = position ?? -1
  const page = await ports.ticksAfter(after, limit)
  if (page.length > 0) return { page, position }
  const view = ports.view()
  const [oldest] = view.tail(Number.MAX_SAFE_INTEGER)
  const end = oldest ? before(oldest) : view.cursor
  const second = await ports.ticksAfter(after, limit)
  if (second.length > 0) return { page: second, position }
  return { page: [], position: end, ...(oldest && { oldest }) }
}

/** The part of a history that memory no longer holds. */
async function readOlder(count: number, tail: readonly Update[], ports: JoinPorts): Promise<Opening> {
  const [oldest] = tail
  const page = await ports.ticksBefore(oldest?.id, count - tail.length)
  const last = page.at(-1)
  if (!last) return { page, position: oldest ? before(oldest) : ports.view().cursor }
  // What arrived during the read pushes as much out at the old end: the newest `count` are meant.
  const newer = reach(ports.view(), last.id, count)?.length ?? 0
  return { page: page.slice(Math.max(0, page.length + newer - count)), position: last.id }
}

const POLL_MS = 25

/** Waits until the stream has come to `after`. */
async function arrival(after: Cursor, ports: ReadPorts, waitMs: number): Promise<void> {
  const deadline = performance.now() + waitMs
  for (;;) {
    const { cursor, live } = ports.view()
    if (after <= (cursor ?? 0)) return
    if (live) throw new GatewayError('bad_parameter', `after must be at most the newest id, ${cursor}, was ${after}`)
    if (performance.now() >= deadline) {
      throw new GatewayError('unavailable', `the stream is still catching up: it is at ${cursor}, before ${after}`)
    }
    if (!(await pause(POLL_MS, ports.signal))) return
  }
}
