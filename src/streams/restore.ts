import type { Candle } from '../market/candle.ts'
import type { Cursor, Update } from '../market/tick.ts'
import { TIMEFRAME_MS, type Timeframe } from '../market/timeframe.ts'
import type { Database } from '../tiers/database/database.ts'
import type { MemoryStream } from '../tiers/memory/memory.ts'
import type { Waiting } from '../tiers/outage/spooling-database.ts'
import { findUntold, type Untold } from './untold.ts'

/** Ticks read back at the start, so that clients that were connected before it can resume from memory. */
export const RESTORED_TICKS = 1_000
const PAGE_TICKS = 5_000
const NO_ID = -1

/**
 * Reads one instrument's candles and newest ticks back from the database, so that they can be served at once; nothing
 * changes where `hasBegun` says that its source was quicker. Returns what the process before has left untold; undefined
 * when nothing has changed.
 * @throws GatewayError tier_unavailable; then nothing of the stream has changed
 */
export async function restore(
  stream: MemoryStream,
  database: Database,
  depth: number,
  signal: AbortSignal,
  hasBegun: () => boolean = () => false,
): Promise<Untold | undefined> {
  const { instrument, history } = stream
  if (stream.series !== undefined) return restoreSeries(stream, database, signal, hasBegun)
  const gaps = await database.gaps(instrument)
  const untold = await findUntold(instrument, gaps, database)
  const candles = new Map<Timeframe, readonly Candle[]>()
  for (const { timeframe } of history.windows()) {
    if (signal.aborted) return undefined
    candles.set(timeframe, await database.candles(instrument, timeframe, depth))
  }
  const newest = await database.ticksBefore(instrument, undefined, RESTORED_TICKS)
  const through = foldedThrough(candles)
  const [oldest] = newest
  const isMissing = oldest !== undefined && through !== undefined && oldest.id > through + 1
  const missing = isMissing ? await ticksBetween(through, oldest.id, stream, database) : []
  if (signal.aborted || hasBegun()) return undefined

  stream.unknownThrough = undefined
  for (const gap of gaps) if (gap.status !== 'filled' && !untold.marks.includes(gap)) stream.sayGap(gap)
  for (const [timeframe, rows] of candles) {
    const near = newestBuckets(timeframe, rows, depth)
    history.restore(timeframe, near, rows.length < depth && near.length === rows.length)
  }
  if (oldest === undefined) return untold
  // Candles are written every few seconds: the ticks since then are folded in again, however many they are. Where it
  // is not known which ticks the candles hold, none is: the source's candles come with the warm-up.
  if (through === undefined) history.holdsThrough(newest.at(-1)!.id)
  stream.restore([...missing, ...newest])
  return untold
}

/** Of a series all is read: its candles are made of the newest vintage of each period, whenever that was published. */
async function restoreSeries(
  stream: MemoryStream,
  database: Database,
  signal: AbortSignal,
  hasBegun: () => boolean,
): Promise<Untold | undefined> {
  const { instrument } = stream
  const newest = await database.ticksBefore(instrument, undefined, RESTORED_TICKS)
  const observations = await database.observations(instrument)
  if (signal.aborted || hasBegun()) return undefined
  stream.unknownThrough = undefined
  stream.restoreSeries(observations)
  stream.restore(newest)
  return { holes: [], marks: [], open: [] }
}

/**
 * Those of the newest `depth` buckets, which were stored as they came. Older ones may have been read from the source for
 * a chart of long ago: where few buckets have trades they would come next, with a hole between.
 */
function newestBuckets(timeframe: Timeframe, rows: readonly Candle[], depth: number): readonly Candle[] {
  const since = (rows.at(-1)?.time ?? 0) - depth * TIMEFRAME_MS[timeframe]
  return rows.filter(({ time }) => time > since)
}

/** Goes on from what waits for a database that is away, if anything does: the source's candles come with the warm-up. */
export function restoreWaiting(stream: MemoryStream, waiting: Waiting | undefined, contiguousIds: boolean): void {
  stream.unknownThrough = null
  const newest = waiting?.ticks.at(-1)
  if (waiting === undefined || newest === undefined) return
  const { first, ticks, gaps } = waiting
  // A hole just before the first may have been told to the database alone.
  stream.unknownThrough = contiguousIds ? first.id - 1 : (first.prev ?? first.id - 1)
  // A mark that was taken back lies in the gap that took its place.
  const through = stream.unknownThrough
  const open = gaps.filter(({ to, status }) => to > through && status !== 'filled')
  for (const gap of open) stream.sayGap(gap)
  stream.history.holdsThrough(newest.id)
  stream.restore(ticks)
}

/** Up to which tick every candle is folded. Seconds are not kept for long: to have none of them says nothing. */
function foldedThrough(candles: ReadonlyMap<Timeframe, readonly Candle[]>): Cursor | undefined {
  const told = [...candles].filter(([timeframe, { length }]) => timeframe !== '1s' || length > 0)
  const through = told.map(([, rows]) => rows.reduce((most, { lastId }) => Math.max(most, lastId ?? NO_ID), NO_ID))
  return through.includes(NO_ID) ? undefined : Math.min(...through)
}

async function ticksBetween(
  after: Cursor,
  before: Cursor,
  { instrument }: MemoryStream,
  database: Database,
): Promise<readonly Update[]> {
  const ticks: Update[] = []
  for (;;) {
    const page = await database.ticksAfter(instrument, ticks.at(-1)?.id ?? after, PAGE_TICKS)
    const missing = page.filter(({ id }) => id < before)
    ticks.push(...missing)
    if (missing.length < PAGE_TICKS) return ticks
  }
}
