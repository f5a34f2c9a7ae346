import { GatewayError } from '../base/errors.ts'
import type { Instrument } from '../market/instrument.ts'
import type { Cursor, Update } from '../market/tick.ts'

/** One instrument's stream as memory has it now: synchronous, and as of one `cursor`. */
export interface TickView {
  readonly instrument: Instrument
  readonly cursor: Cursor | null
  readonly live: boolean
  tail(count: number): readonly Update[]
  /** Undefined when the tail no longer reaches back to there. */
  tailAfter(after: Cursor | null, limit: number): readonly Update[] | undefined
}

/** Where ticks are read. @throws GatewayError tier_unavailable from what asks the database */
export interface TickSource {
  stream(symbol: string): TickView | undefined
  awaited(): readonly string[]
  ticksAfter(symbol: string, after: Cursor, limit: number): Promise<readonly Update[]>
  ticksBefore(symbol: string, before: Cursor | undefined, limit: number): Promise<readonly Update[]>
  idFrom(symbol: string, time: number): Promise<Cursor | undefined>
}

/** Which ticks: after an id or from a moment on, else the newest; all of them before `to` (Unix ms). */
export interface TickRange {
  readonly after?: Cursor | undefined
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly limit: number
}

export interface TickPage {
  /** Ascending. */
  readonly ticks: readonly Update[]
  /** Later ones of the range follow. */
  readonly more: boolean
  readonly tier: 'memory' | 'database'
}

/** The ticks of a range: memory first, the database for what is older, and memory again for what is not stored yet. */
export async function readTicks(view: TickView, range: TickRange, source: TickSource): Promise<TickPage> {
  const { after, from, to, limit } = range
  if (after === undefined && from === undefined) {
    const before = to === undefined ? undefined : await idFrom(view, to, source)
    return newest(view, before, limit, source)
  }
  if (after !== undefined) assertKnown(view, after)
  const begin = after ?? (await idFrom(view, from ?? 0, source)) - 1
  const held = view.tailAfter(begin, limit + 1)
  const rows = held ?? (await storedAfter(view, begin, limit + 1, source))
  const end = to === undefined ? -1 : rows.findIndex(({ time }) => time >= to)
  const those = end < 0 ? rows : rows.slice(0, end)
  const tier = held === undefined ? 'database' : 'memory'
  return { ticks: those.slice(0, limit), more: those.length > limit, tier }
}

/** @throws GatewayError unavailable, bad_parameter */
function assertKnown({ instrument, cursor, live }: TickView, id: Cursor): void {
  if (id <= (cursor ?? -1)) return
  if (!live) throw new GatewayError('unavailable', `the stream of ${instrument.symbol} has not got to ${id} yet`)
  throw new GatewayError('bad_parameter', `after must be an id of the stream, at most ${cursor}, was ${id}`)
}

/** The first tick at or after `time`, by id; where there is none yet, the one that comes next. */
async function idFrom(view: TickView, time: number, source: TickSource): Promise<Cursor> {
  const stored = await source.idFrom(view.instrument.symbol, time)
  if (stored !== undefined) return stored
  const { cursor } = view
  const unstored = view.tail(Number.POSITIVE_INFINITY).find((tick) => tick.time >= time)
  return unstored?.id ?? (cursor ?? -1) + 1
}

/** From the database, then from memory: the newest may not be stored yet. */
async function storedAfter(view: TickView, after: Cursor, limit: number, source: TickSource) {
  const ticks: Update[] = []
  let end = after
  for (;;) {
    const last = ticks.at(-1)?.id ?? after
    const stored = await source.ticksAfter(view.instrument.symbol, last, limit - ticks.length)
    ticks.push(...stored)
    if (ticks.length >= limit) return ticks
    const rest = view.tailAfter(stored.at(-1)?.id ?? Math.max(last, end), limit - ticks.length)
    if (rest) return [...ticks, ...rest]
    // What memory let go of meanwhile is stored; it is nowhere if nothing is found before the tail once more.
    const [oldest] = view.tail(Number.POSITIVE_INFINITY)
    end = oldest ? oldest.id - 1 : (view.cursor ?? end)
  }
}

/** The newest ones with ids below `before`. */
async function newest(
  view: TickView,
  before: Cursor | undefined,
  limit: number,
  source: TickSource,
): Promise<TickPage> {
  const { symbol } = view.instrument
  const below = (ticks: readonly Update[]) => (before === undefined ? ticks : ticks.filter(({ id }) => id < before))
  const tail = below(view.tail(before === undefined ? limit : Number.POSITIVE_INFINITY)).slice(-limit)
  if (tail.length >= limit) return { ticks: tail, more: false, tier: 'memory' }
  const older = await source.ticksBefore(symbol, tail[0]?.id ?? before, limit - tail.length)
  return {
    ticks: [...older, ...tail],
    more: false,
    tier: older.length > 0 || tail.length === 0 ? 'database' : 'memory',
  }
}
