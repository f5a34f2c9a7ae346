import type { Feed } from '../feed.ts'
import { type Candle, saysTheSame } from '../market/candle.ts'
import type { CandleWindow } from '../market/candle-window.ts'
import { type Instrument, streamName } from '../market/instrument.ts'
import type { Timeframe } from '../market/timeframe.ts'
import type { Database, TimeRange } from '../tiers/database/database.ts'
import type { MemoryTier } from '../tiers/memory/memory.ts'
import { MOST_BUCKETS, type SourcePart, sourceCandles } from './source-candles.ts'

export interface MendCandlesPorts {
  readonly feed: Pick<Feed, 'candles'>
  readonly database: Pick<Database, 'candlesIn' | 'write'>
  /** Of the gateway that this runs in; unset where there is none. */
  readonly memory?: Pick<MemoryTier, 'stream'> | undefined
  readonly now?: () => number
}

/**
 * Makes the stored candles of a past range (Unix ms) those of the source: finished ones, of every timeframe, whose
 * buckets overlap it. One that says something else is written with a higher `revision`; one that says the same stays,
 * with the ids it was folded from. Asks at a polite pace and stores as it goes, so that what broke off can be done
 * again. Returns how many rows changed; nothing is done where the source has no candles to give.
 *
 * A bucket that memory holds is left alone, whatever is stored of it. Memory's candles were made from the source's when
 * it started, late trades are folded into them, and they are what clients were told: they will be stored as they are,
 * and a row of another making, with a revision that memory does not know, would stand in their way. Open candles are
 * nobody's but memory's.
 *
 * @throws GatewayError feed_broken (also when `signal` aborts in the middle of a question), tier_unavailable
 */
export async function mendCandles(
  instrument: Instrument,
  range: TimeRange,
  ports: MendCandlesPorts,
  signal: AbortSignal,
): Promise<number> {
  const { feed, now = Date.now } = ports
  if (feed.candles === undefined) return 0
  let changed = 0
  for await (const part of sourceCandles(instrument, range, feed, now(), signal)) {
    changed += await mendPart(instrument, part, ports)
  }
  return changed
}

async function mendPart(
  instrument: Instrument,
  { timeframe, range, candles }: SourcePart,
  { database, memory }: MendCandlesPorts,
): Promise<number> {
  const before = windowOf(instrument, timeframe, memory)
  // Nothing to do, whether the database is there or not.
  if ([...candles.values()].every(({ time, final }) => !final || before?.holds(time))) return 0
  const rowsThere = await database.candlesIn(instrument, timeframe, range, MOST_BUCKETS)
  // No await from here until they are handed over: memory is asked as it is then.
  const rows = mendedRows(candles.values(), rowsThere, windowOf(instrument, timeframe, memory))
  if (rows.length === 0) return 0
  await database.write({
    ticks: [],
    candles: rows.map((candle) => ({ instrument, timeframe, candle })),
    gaps: [],
  })
  return rows.length
}

/** The window that has these candles, if memory has the instrument. */
function windowOf(
  instrument: Instrument,
  timeframe: Timeframe,
  memory: MendCandlesPorts['memory'],
): CandleWindow | undefined {
  const stream = memory?.stream(instrument.symbol)
  const isSame = stream !== undefined && streamName(stream.instrument) === streamName(instrument)
  return isSame ? stream.history.window(timeframe) : undefined
}

/** What is to be stored of the source's candles: finished ones that memory does not hold, where the stored ones differ. */
export function mendedRows(
  candles: Iterable<Candle>,
  stored: readonly Candle[],
  window: Pick<CandleWindow, 'holds'> | undefined,
): readonly Candle[] {
  const byTime = new Map(stored.map((candle) => [candle.time, candle]))
  return [...candles]
    .filter(({ time, final }) => final && window?.holds(time) !== true)
    .flatMap((candle) => mended(candle, byTime.get(candle.time)))
}

/** The source's candle as it is to be stored; empty when what is stored says the same. */
function mended(candle: Candle, stored: Candle | undefined): readonly Candle[] {
  if (stored === undefined) return [candle]
  if (stored.final && saysTheSame(stored, candle)) return []
  return [{ ...candle, revision: stored.revision + 1 }]
}
