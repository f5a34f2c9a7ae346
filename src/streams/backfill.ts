import { GatewayError } from '../base/errors.ts'
import type { Finding, TaskEvent, TaskProgress } from '../base/task-event.ts'
import type { Feed } from '../feed.ts'
import { describeIds, type IdRange, overlap } from '../market/id-range.ts'
import { type Instrument, streamName } from '../market/instrument.ts'
import type { Cursor, Tick } from '../market/tick.ts'
import type { Database, Gap, TimeRange } from '../tiers/database/database.ts'
import type { MemoryTier } from '../tiers/memory/memory.ts'
import { mendCandles } from './mend-candles.ts'
import { settleGaps, tellNotLoaded } from './settle-gaps.ts'
import { missingIds } from './stored-ticks.ts'
import { isoTime } from './verify/check-ids.ts'

export interface BackfillPorts {
  readonly feed: Pick<Feed, 'trades' | 'candles' | 'newest' | 'ids'>
  readonly database: Pick<Database, 'ticksAfter' | 'ticksBefore' | 'candlesIn' | 'gaps' | 'write'>
  /** Of the gateway that this runs in, and what it needs to know; unset where there is none. */
  readonly gateway?: BackfillGateway | undefined
  /** Trades from before it are not kept (Unix ms, wall time). */
  readonly keptSince: () => number
  readonly now?: () => number
}

export interface BackfillGateway {
  readonly memory: MemoryTier
  /** Resolves when every tick that was published is durable. */
  readonly stored: () => Promise<void>
  /** What became of a gap, or of a part of it; it is stored already. */
  readonly onSettled: (gap: Gap) => void
  /** A hole between what was loaded and what was there; it is stored already, and lies behind every live client. */
  readonly onLeftOut: (gap: Gap) => void
}

const PROGRESS_MS = 1_000

/**
 * Loads a past range (Unix ms) of trades and candles into the database, at a polite pace. Trades whose ids are stored
 * are not asked for again, so that what broke off goes on where it was; the gaps of the range are settled; candles are
 * mended (see `mendCandles`). Yields how far it is, what it leaves out, then a summary; none when `signal` aborts.
 *
 * Beside a running gateway only trades up to `wholeId` are loaded, the newest that the source had when the stream was
 * joined to it. Memory's candles hold those already, so that storing them changes no candle that a client has; and its
 * tail, should it lie across them, gives them to the database as it does when a gap was filled. What is missing after
 * that is a hole of the running stream: whoever tells it as a gap fills it, folds it and revises its candles.
 *
 * @throws GatewayError feed_broken, tier_unavailable, unavailable (the gateway's stream does not stand yet)
 */
export async function* backfill(
  instrument: Instrument,
  range: TimeRange,
  ports: BackfillPorts,
  signal: AbortSignal,
): AsyncGenerator<TaskEvent> {
  const { gateway, now = Date.now } = ports
  const counts = { trades: 0, missing: 0, gaps: 0, candles: 0 }
  const ids = yield* findIds(instrument, range, ports, signal)
  if (ids !== undefined) {
    const gone: IdRange[] = []
    for await (const missing of missingIds(instrument, ids, ports.database, signal)) {
      yield* load(instrument, missing, ports, counts, gone, signal)
    }
    if (signal.aborted) return
    for (const { from, to } of gone) counts.missing += to - from + 1
    const settled = await settleGaps(instrument, ids, gone, ports.database)
    for (const gap of settled) gateway?.onSettled(gap)
    counts.gaps = settled.length
    for (const gap of await tellNotLoaded(instrument, ids, ports.database)) {
      gateway?.onLeftOut(gap)
      yield note('gap', `${describeIds(gap)}: ${gap.reason}, told as a gap`)
    }
  }
  if (signal.aborted) return
  yield { type: 'progress', message: `${counts.trades} trades loaded, now candles` }
  counts.candles = await mendCandles(instrument, range, { ...ports, memory: gateway?.memory, now }, signal)
  if (signal.aborted) return
  const lines = [
    `${instrument.symbol} ${streamName(instrument)}: ${isoTime(range.from)} to ${isoTime(range.to)}`,
    ids === undefined ? 'trades: none to load' : `trades: ${ids.from} to ${ids.to}, ${counts.trades} added`,
    ...(counts.missing === 0 ? [] : [`trades that the source does not have: ${counts.missing}, told as gaps`]),
    `gaps settled: ${counts.gaps}`,
    `candles added or changed: ${counts.candles}`,
  ]
  yield { type: 'summary', ok: true, message: lines.join('\n'), counts }
}

/** The ids of the trades in the range, as the source counts them, as far as they may be loaded here. */
async function* findIds(
  instrument: Instrument,
  range: TimeRange,
  { feed, gateway, keptSince }: BackfillPorts,
  signal: AbortSignal,
): AsyncGenerator<Finding, IdRange | undefined> {
  if (feed.trades === undefined || feed.ids !== 'contiguous') {
    yield note('source', 'the source gives no trades of the past: only candles are loaded')
    return undefined
  }
  const from = Math.max(range.from, keptSince())
  if (from > range.from) {
    const until = isoTime(Math.min(from, range.to))
    yield note('retention', `trades from before ${until} are older than TICK_RETENTION_DAYS: only candles are loaded`)
  }
  if (from >= range.to) return undefined
  const firstFrom = (time: number) => firstOf(feed.trades?.(instrument, { from: time }, signal, 'polite'))
  const first = await firstFrom(from)
  const next = await firstFrom(range.to)
  const last = next === undefined ? (await feed.newest?.(instrument, signal))?.id : next.id - 1
  if (first === undefined || last === undefined || first.id > last) return undefined
  const ids = { from: first.id, to: last }
  const through = gateway === undefined ? last : wholeThrough(instrument, gateway.memory)
  if (through < last) {
    const left = describeIds({ from: Math.max(first.id, through + 1), to: last })
    yield note('live', `${left}: of the running stream, whose gaps the gateway fills by itself; not loaded`)
  }
  return overlap(ids, { from: 0, to: through })
}

function wholeThrough({ symbol }: Instrument, memory: MemoryTier): Cursor {
  const through = memory.stream(symbol)?.history.wholeId ?? -1
  if (through >= 0) return through
  throw new GatewayError('unavailable', `the stream of ${symbol} must stand where its source does, does not yet`)
}

/** Asks for the ids of a range and stores what there is; those that the source does not have are added to `gone`. */
async function* load(
  instrument: Instrument,
  { from, to }: IdRange,
  { feed, database, gateway }: BackfillPorts,
  counts: { trades: number },
  gone: IdRange[],
  signal: AbortSignal,
): AsyncGenerator<TaskProgress> {
  let next = from
  let reached = from - 1
  let toldAt = performance.now()
  for await (const page of feed.trades?.(instrument, { after: from - 1 }, signal, 'polite') ?? []) {
    if (signal.aborted) return
    const ticks = page.filter(({ id }) => id >= next && id <= to)
    await store(instrument, ticks, database)
    counts.trades += ticks.length
    for (const { id } of ticks) {
      if (id > next) gone.push({ from: next, to: id - 1 })
      next = id + 1
    }
    reached = page.at(-1)?.id ?? reached
    if (reached >= to) break
    if (performance.now() - toldAt >= PROGRESS_MS) {
      toldAt = performance.now()
      yield { type: 'progress', message: `${counts.trades} trades loaded, at ${reached}, ${to - reached} to go` }
    }
  }
  if (signal.aborted) return
  // It has later ones, as it said itself.
  if (reached < to) throw new GatewayError('feed_broken', `the source must have trades up to ${to}, was at ${reached}`)
  if (next <= to) gone.push({ from: next, to })
  if (gateway === undefined) return
  // The tail may hold trades from before and after these: from now on the database alone tells the stream up to here.
  await gateway.stored()
  gateway.memory.stream(instrument.symbol)?.cutTail(to)
}

async function store(instrument: Instrument, ticks: readonly Tick[], database: BackfillPorts['database']) {
  if (ticks.length === 0) return
  const rows = ticks.map((tick) => ({ instrument, update: { ...tick, prev: tick.id - 1, backfilled: true } }))
  await database.write({ ticks: rows, candles: [], gaps: [] })
}

async function firstOf(pages: AsyncIterable<readonly Tick[]> | undefined): Promise<Tick | undefined> {
  for await (const page of pages ?? []) return page[0]
  return undefined
}

function note(kind: string, message: string): Finding {
  return { type: 'note', kind, message }
}
