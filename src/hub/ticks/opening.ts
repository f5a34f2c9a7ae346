import { pause } from '../../base/backoff.ts'
import { GatewayError } from '../../base/errors.ts'
import type { Cursor, Update } from '../../market/tick.ts'
import type { Resume } from '../../wire/messages.ts'
import { isCut, type JoinPorts, type Opening } from './join.ts'
import { before, type NextPorts, type ReadPorts, reach, readNext } from './reach.ts'
import { TickPage } from './tick-page.ts'
import type { PageSlice } from './tick-pages.ts'

/** The newest `count` ticks, then live. Synchronous when memory holds them. @throws GatewayError tier_unavailable */
export function openHistory(count: number, ports: JoinPorts): Opening | Promise<Opening> {
  const view = ports.view()
  if (count === 0) return { position: 'now' }
  const tail = view.tail(count)
  const [oldest] = tail
  if (oldest && tail.length >= count) return { position: before(oldest) }
  const isAll = oldest !== undefined && view.tailAfter(null, 1) !== undefined
  return isAll ? { position: null } : readOlder(count, tail, ports)
}

/**
 * Everything after `after`, then live. The verdict is known before the first part is sent.
 * @throws GatewayError bad_parameter (`after` is beyond the source's newest), unavailable (the stream is still catching
 * up and did not get there in time), tier_unavailable.
 */
export async function openAfter(
  after: Cursor,
  ports: NextPorts,
  waitMs: number,
): Promise<{ readonly opening: Opening; readonly resume: Resume }> {
  await arrival(after, ports, waitMs)
  const { slice, oldest } = await nextAfter(after, ports)
  const next = slice.page.rows[slice.start] ?? oldest
  const isWhole = next === undefined || !isCut(after, next, slice.page.known)
  const resume: Resume = isWhole ? { state: 'complete' } : { state: 'truncated', oldest: next.id }
  return { opening: { position: after, held: after }, resume }
}

async function nextAfter(after: Cursor, ports: NextPorts): Promise<{ slice: PageSlice; oldest?: Update }> {
  const slice = ports.pages.find(ports.view(), after)
  return slice ? { slice } : readNext(after, ports)
}

/** The part of a history that memory no longer holds. */
async function readOlder(count: number, tail: readonly Update[], ports: JoinPorts): Promise<Opening> {
  const known = ports.view().gaps()
  const [oldest] = tail
  const page = await ports.ticksBefore(oldest?.id, count - tail.length)
  const last = page.at(-1)
  if (!last) return { position: oldest ? before(oldest) : ports.view().cursor }
  // What arrived during the read pushes as much out at the old end: the newest `count` are meant.
  const newer = reach(ports.view(), last.id, count)?.length ?? 0
  const newest = page.slice(Math.max(0, page.length + newer - count))
  const [first] = newest
  if (!first) return { position: last.id }
  return { position: before(first), read: { page: new TickPage(newest, 'database', known), start: 0 } }
}

const POLL_MS = 25

/** Waits until the stream has come to `after`. */
async function arrival(after: Cursor, ports: ReadPorts, waitMs: number): Promise<void> {
  const deadline = performance.now() + waitMs
  for (;;) {
    const { cursor, whole } = ports.view()
    if (after <= (cursor ?? 0)) return
    // A stream without a tick does not know yet what its source has: an earlier process may have sent this id.
    if (whole && cursor !== null) {
      throw new GatewayError('bad_parameter', `after must be at most the newest id, ${cursor}, was ${after}`)
    }
    if (performance.now() >= deadline) {
      throw new GatewayError('unavailable', `the stream is still catching up: it is at ${cursor}, before ${after}`)
    }
    if (!(await pause(POLL_MS, ports.signal))) return
  }
}
