import { isGatewayError } from '../../base/errors.ts'
import type { Cursor, Update } from '../../market/tick.ts'
import type { StreamGap, StreamView } from '../source.ts'
import { isSettledSince } from './crossed-gaps.ts'
import type { JoinPorts } from './join.ts'
import { TickPage } from './tick-page.ts'
import type { PageSlice } from './tick-pages.ts'

/** What a look at the stream's next ticks needs. */
export type ReadPorts = Pick<JoinPorts, 'view' | 'ticksAfter' | 'signal'>

/** The part of the tail after `position`; undefined when memory no longer reaches back to there. */
export function reach(view: StreamView, position: Cursor | null, limit: number): readonly Update[] | undefined {
  if (view.cursor === null || (position !== null && position >= view.cursor)) return []
  const rows = view.tailAfter(position, limit)
  // Something follows, since the stream is further: a tail that is empty (after a restart) does not reach back to it.
  return rows?.length === 0 ? undefined : rows
}

/** The place just before a tick. Not its `prev`: ticks between the two may have been filled in since it was sent. */
export function before({ id }: Update): Cursor {
  return id - 1
}

/** What the join reads with. */
export type NextPorts = ReadPorts & Pick<JoinPorts, 'pages'>

/** What follows in the database, which is asked at most once for all who need the same page; `start` may be past its end. */
export async function readNext(
  position: Cursor | null,
  ports: NextPorts,
): Promise<{ readonly slice: PageSlice; readonly position: Cursor | null; readonly oldest?: Update }> {
  const slice = await readShared(position, ports)
  if (slice && (slice.start < slice.page.rows.length || ports.signal.aborted)) return { slice, position }
  // That nothing follows is believed only of a read of one's own.
  const { page, known, ...rest } = await readPage(position, ports, OWN_ROWS)
  return { slice: { page: new TickPage(page, 'database', known), start: 0 }, ...rest }
}

/** Undefined: it begins before `position`, where what is stored cannot be had while the database is away. */
async function readShared(position: Cursor | null, ports: NextPorts): Promise<PageSlice | undefined> {
  try {
    return await ports.pages.read(ports.view(), position, (after, limit) => ports.ticksAfter(after, limit))
  } catch (error) {
    if (!isGatewayError(error, 'tier_unavailable')) throw error
    return undefined
  }
}

const OWN_ROWS = 1_000

/** What follows `position`; if nothing does, `oldest` is the first tick of the tail, and `position` just before it. */
export interface Page {
  readonly page: readonly Update[]
  readonly position: Cursor | null
  readonly oldest?: Update
  /** The holes that were known before it was read. */
  readonly known: readonly StreamGap[]
}

/**
 * The database's next page after `position`, which memory's tail did not reach when this was called. It lacks nothing
 * that is not in a hole which is known now.
 */
export async function readPage(position: Cursor | null, ports: ReadPorts, limit: number): Promise<Page> {
  for (;;) {
    const known = ports.view().gaps()
    const read = await readOnce(position, ports, limit)
    const end = read.page.at(-1)?.id ?? read.position ?? -1
    if (ports.signal.aborted || !isSettledSince(known, ports.view().gaps(), position ?? -1, end))
      return { ...read, known }
  }
}

/**
 * An empty page is the proof that nothing is between there and the tail, as the tail held all that was not yet durable.
 * But the tail has moved on during the read; so it is looked at and the database is asked once more, and only then is
 * that end believed.
 */
async function readOnce(position: Cursor | null, ports: ReadPorts, limit: number): Promise<Omit<Page, 'known'>> {
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
