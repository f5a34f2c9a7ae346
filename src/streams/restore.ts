import type { Cursor, Update } from '../market/tick.ts'
import type { Database } from '../tiers/database.ts'
import type { MemoryStream } from '../tiers/memory.ts'

/** Ticks read back at the start, so that clients that were connected before it can resume from memory. */
const RESTORED_TICKS = 1_000
const PAGE_TICKS = 5_000

/** Reads one instrument's candles and newest ticks back from the database, so that they can be served at once. */
export async function restore(
  stream: MemoryStream,
  database: Database,
  depth: number,
  signal: AbortSignal,
): Promise<void> {
  const { instrument, history } = stream
  for (const { timeframe } of history.windows()) {
    if (signal.aborted) return
    history.restore(timeframe, await database.candles(instrument, timeframe, depth))
  }
  const newest = await database.ticksBefore(instrument, undefined, RESTORED_TICKS)
  const [oldest] = newest
  if (oldest === undefined) return
  const through = foldedThrough(stream)
  // Candles are written every few seconds: the ticks since then are folded in again, however many they are. Where it
  // is not known which ticks the candles hold, none is: the source's candles come with the warm-up.
  if (through === undefined) history.holdsThrough(newest.at(-1)!.id)
  const missing = through !== undefined && oldest.id > through + 1
  stream.restore(missing ? [...(await ticksBetween(through, oldest.id, stream, database)), ...newest] : newest)
}

/** Up to which tick every candle is folded. Seconds are not kept for long: an empty window of them says nothing. */
function foldedThrough({ history }: MemoryStream): Cursor | undefined {
  const told = history.windows().filter(({ timeframe, length }) => timeframe !== '1s' || length > 0)
  const through = told.map(({ restoredThrough }) => restoredThrough)
  return through.includes(undefined) ? undefined : Math.min(...through.map((id) => id ?? 0))
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
