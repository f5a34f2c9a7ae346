import type { Feed } from './feed.ts'
import { piecesBetween, type SourceCandles } from './market/compose.ts'
import type { Instrument } from './market/instrument.ts'
import type { Hole, Sequencer } from './market/sequencer.ts'
import type { Cursor, Tick, Update } from './market/tick.ts'
import { bucketEnd, bucketStart, TIMEFRAME_MS, TIMEFRAMES, type Timeframe } from './market/timeframe.ts'
import type { CandleRow, Database } from './tiers/database.ts'
import type { MemoryStream } from './tiers/memory.ts'

/** Ticks read back at the start, so that clients that were connected before it can resume from memory. */
const RESTORED_TICKS = 1_000
const RESTORE_PAGE = 5_000

/** Reads one instrument's candles and newest ticks back from the database. */
export async function restore(stream: MemoryStream, database: Database, depth: number): Promise<void> {
  const { instrument, history } = stream
  for (const window of history.windows()) {
    history.merge(window.timeframe, await database.candles(instrument, window.timeframe, depth))
  }
  const newest = [...(await database.ticksBefore(instrument, undefined, RESTORED_TICKS))]
  // Candles are written every few seconds: the ticks since then are folded in again, however many they are.
  const through = Math.min(...history.windows().map((window) => window.restoredThrough ?? Infinity))
  if (newest.length > 0 && newest[0]!.id > through + 1)
    stream.restore(await ticksBetween(through, newest, stream, database))
  else stream.restore(newest)
}

async function ticksBetween(
  after: Cursor,
  newest: readonly Update[],
  { instrument }: MemoryStream,
  database: Database,
): Promise<readonly Update[]> {
  const before: Update[] = []
  for (;;) {
    const page = await database.ticksAfter(instrument, before.at(-1)?.id ?? after, RESTORE_PAGE)
    const missing = page.filter(({ id }) => id < newest[0]!.id)
    before.push(...missing)
    if (missing.length < RESTORE_PAGE) return [...before, ...newest]
  }
}

export interface WarmUpPorts {
  readonly feed: Feed
  readonly sequencer: Sequencer
  /** Candles taken from the source, to be stored. */
  readonly store: (row: CandleRow) => void
  /** What lies between the stored stream and the place where it goes on. */
  readonly onGap: (instrument: Instrument, hole: Hole, reason: string) => void
  /** Candles per timeframe that are asked of the source. */
  readonly depth: number
  /** At most this many missed trades are fetched; more are a gap (BACKFILL_MAX). */
  readonly backfillMax: number
}

/**
 * Says where an instrument's stream stands before its first live tick: after the newest stored one, when the source can
 * fill what was missed, else at the first trade of the running minute, with the candles composed from the source's.
 * Ticks wait in the sequencer until then.
 */
export async function warmUp(stream: MemoryStream, ports: WarmUpPorts, signal: AbortSignal): Promise<void> {
  const { instrument, cursor } = stream
  const { feed, sequencer } = ports
  const newest = await feed.newest?.(instrument, signal)
  const candles = await sourceCandles(instrument, ports, signal)
  const missed = newest === undefined || cursor === null ? 0 : newest.id - cursor
  sequencer.start(instrument.symbol, cursor)
  if (cursor === null || missed > ports.backfillMax || stream.candles('1m', 1).length === 0) {
    await begin(stream, newest, candles, ports, signal)
  } else {
    deepen(stream, candles, ports)
  }
  stream.warm = true
}

/** Finished candles that memory and the database lack, older than what is folded from ticks. */
function deepen({ instrument, history, latest }: MemoryStream, candles: SourceCandles, { store }: WarmUpPorts): void {
  for (const window of history.windows()) {
    const { timeframe } = window
    const held = new Set(window.last(window.length).map(({ time }) => time))
    // A bucket with ticks that are still to come would count them twice.
    const older = (candles.get(timeframe) ?? []).filter(({ time }) => bucketEnd(timeframe, time) <= (latest?.time ?? 0))
    const lacking = older.filter(({ time }) => !held.has(time))
    for (const candle of history.merge(timeframe, lacking)) store({ instrument, timeframe, candle })
  }
}

async function begin(
  stream: MemoryStream,
  newest: Tick | undefined,
  candles: SourceCandles,
  { feed, sequencer, store, onGap }: WarmUpPorts,
  signal: AbortSignal,
): Promise<void> {
  const { instrument, history, cursor } = stream
  const lastMinute = candles.get('1m')?.at(-1)
  const minute = lastMinute ? bucketEnd('1m', lastMinute.time) : bucketStart('1m', newest?.time ?? 0)
  for (const window of history.windows()) {
    window.dropOpen()
    const finished = (candles.get(window.timeframe) ?? []).filter(
      ({ time }) => bucketEnd(window.timeframe, time) <= minute,
    )
    for (const candle of history.merge(window.timeframe, finished))
      store({ instrument, timeframe: window.timeframe, candle })
    composeOpen(stream, window.timeframe, minute, candles)
  }
  history.holdsUntil(minute)
  const first = await fillFrom(minute, newest, stream, feed, sequencer, signal)
  if (cursor !== null && first !== undefined && first > cursor + 1) {
    const hole = { symbol: instrument.symbol, from: cursor + 1, to: first - 1 }
    onGap(instrument, hole, 'too many trades were missed while the gateway was away')
  }
}

/** Takes the trades since `minute`, or the newest one when there is none; returns the id of the first. */
async function fillFrom(
  minute: number,
  newest: Tick | undefined,
  { instrument, history }: MemoryStream,
  feed: Feed,
  sequencer: Sequencer,
  signal: AbortSignal,
): Promise<Cursor | undefined> {
  let first: Cursor | undefined
  for await (const page of feed.trades?.(instrument, { from: minute }, signal) ?? []) {
    if (first === undefined && page[0] !== undefined) {
      first = page[0].id
      history.holdsThrough(first - 1)
    }
    for (const tick of page) sequencer.fill(tick)
  }
  if (first !== undefined || newest === undefined) return first
  // Not one trade since: the finished candles hold them all, and the stream begins with the newest.
  history.holdsThrough(newest.id)
  sequencer.fill(newest)
  return newest.id
}

/** The open candle of `timeframe` at `minute`, of the finished shorter candles since the last finished one. */
function composeOpen({ history }: MemoryStream, timeframe: Timeframe, minute: number, candles: SourceCandles): void {
  if (TIMEFRAME_MS[timeframe] <= TIMEFRAME_MS['1m']) return
  const last = history.window(timeframe).last(1)[0]
  const from = last?.final ? bucketEnd(timeframe, last.time) : bucketStart(timeframe, minute)
  for (const piece of piecesBetween(timeframe, from, minute, candles)) history.foldCandle(timeframe, piece)
}

/** The source's finished candles; the minutes are asked for last, so that they reach further than any other. */
async function sourceCandles(
  instrument: Instrument,
  { feed, depth }: WarmUpPorts,
  signal: AbortSignal,
): Promise<SourceCandles> {
  const candles = new Map<Timeframe, Awaited<ReturnType<NonNullable<Feed['candles']>>>>()
  const order = [...TIMEFRAMES].sort((a, b) => TIMEFRAME_MS[b] - TIMEFRAME_MS[a]).filter((name) => name !== '1m')
  for (const timeframe of [...order, '1m'] as const) {
    const rows = (await feed.candles?.(instrument, timeframe, { limit: depth }, signal)) ?? []
    candles.set(
      timeframe,
      rows.filter(({ final, trades }) => final && trades > 0),
    )
  }
  return candles
}
