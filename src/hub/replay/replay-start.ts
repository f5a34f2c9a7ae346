import { pause } from '../../base/backoff.ts'
import { GatewayError } from '../../base/errors.ts'
import type { Cursor, Update } from '../../market/tick.ts'
import type { TierName } from '../../wire/messages.ts'
import type { StreamView } from '../source.ts'

/** Where a replay of one symbol begins. */
export interface ReplayStart {
  /** Everything after it is still to be sent; null: everything. */
  readonly position: Cursor | null
  /** The id before the first tick, which that one has as `prev`. */
  readonly cursor: Cursor | null
  readonly tier: TierName
  /** When the oldest tick that there is happened, if that is later than was asked: there may have been others. */
  readonly oldest?: number
}

export interface StartPorts {
  view(): StreamView
  /** From the database: the oldest tick at or after `time`. */
  firstFrom(time: number): Promise<Update | undefined>
  readonly signal: AbortSignal
  /** Unix ms. */
  now(): number
  /** How long a stream that is still catching up may take to come to the start. */
  readonly waitMs: number
}

/**
 * Finds the first tick at or after `from` (Unix ms); where there is none yet, a replay begins after the newest.
 * @throws GatewayError bad_parameter (`from` is in the future), unavailable (the stream is still catching up and did not
 * get there in time), tier_unavailable.
 */
export async function findStart(from: number, ports: StartPorts): Promise<ReplayStart> {
  await arrival(from, ports)
  // Memory first: what leaves it after this look is in the database before that is asked.
  const view = ports.view()
  const end = view.cursor
  const near = findInMemory(view, from)
  if (near.whole) return startAt(near.first, 'memory', from, end)
  const far = await ports.firstFrom(from)
  const isFar = far !== undefined && (near.first === undefined || far.id < near.first.id)
  return isFar ? startAt(far, 'database', from, end) : startAt(near.first, 'memory', from, end)
}

function startAt(first: Update | undefined, tier: TierName, from: number, end: Cursor | null): ReplayStart {
  if (!first) return { position: end, cursor: end, tier }
  const cut = first.prev === null && first.time > from
  return { position: first.prev ?? first.id - 1, cursor: first.prev, tier, ...(cut && { oldest: first.time }) }
}

/** The first tick of memory's tail at or after `from`; `whole`: no older one can be the first. */
function findInMemory(view: StreamView, from: number): { readonly first: Update | undefined; readonly whole: boolean } {
  // Most begin near the end, and a tail that waits for the database is long.
  for (let count = 256; ; count *= 8) {
    const rows = view.tail(count)
    const reaches = rows[0] !== undefined && rows[0].time < from
    if (!reaches && rows.length === count) continue
    const first = rows.find(({ time }) => time >= from)
    return { first, whole: reaches || view.tailAfter(null, 1) !== undefined }
  }
}

const POLL_MS = 25

/** Waits until the stream has come to `from`, or is live and will not get there by catching up. */
async function arrival(from: number, { view, now, waitMs, signal }: StartPorts): Promise<void> {
  const deadline = performance.now() + waitMs
  for (;;) {
    const { latest, live } = view()
    const newest = latest?.time ?? 0
    if (from > Math.max(now(), newest)) {
      throw new GatewayError('bad_parameter', `a replay must not begin in the future, was ${from} at ${now()}`)
    }
    if (live || from <= newest) return
    if (performance.now() >= deadline) {
      throw new GatewayError('unavailable', `the stream is still catching up: it is at ${newest}, before ${from}`)
    }
    if (!(await pause(POLL_MS, signal))) return
  }
}
