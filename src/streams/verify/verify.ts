import type { Finding, TaskEvent, TaskProgress, TaskSummary } from '../../base/task-event.ts'
import type { Feed } from '../../feed.ts'
import { calendarOf } from '../../market/calendar.ts'
import { type Instrument, streamName } from '../../market/instrument.ts'
import type { Database } from '../../tiers/database/database.ts'
import { CandleCheck } from './check-candles.ts'
import { describeGaps, isoTime } from './check-ids.ts'
import { checkSourceCandles, checkSourceEnds } from './check-source.ts'
import { checkStored, type OpenRange, type Walked } from './check-stored.ts'

export interface VerifyPorts {
  readonly database: Pick<Database, 'ticksAfter' | 'ticksBefore' | 'idFrom' | 'candlesIn' | 'gaps'>
  /** Of the instrument; unset where it is not configured any more. */
  readonly feed?: Pick<Feed, 'trades' | 'candles' | 'newest' | 'ids'> | undefined
  /** Resolves when everything that is known is stored: what a running gateway has in memory is on its way there. */
  readonly settled?: (() => Promise<void>) | undefined
  /** How long after its end a candle is closed (LATENESS_MS). */
  readonly latenessMs: number
  /** Trades from before it are not kept (Unix ms, wall time), so that none is missed there; unset: all are. */
  readonly keptSince?: (() => number) | undefined
  readonly now?: () => number
}

export interface VerifyOptions extends OpenRange {
  /** Ask the source too. */
  readonly source?: boolean | undefined
}

/** When its time has come a candle is closed within 0.1 s, and stored within 2 s more; twice that. */
const STORED_WITHIN_MS = 4_000
/** Of each kind so many are told one by one; all are counted. */
const MOST_TOLD = 100

const POLLED: Finding = {
  type: 'note',
  kind: 'polled',
  message: 'its source is polled: no id tells of a hole, and its candles are not made of these ticks alone',
}

/**
 * Checks the stored stream of an instrument, page by page: that no id is missing of which no gap tells, none is there
 * twice, and none happened out of order; that every candle whose trades are all stored says what they say; and, with
 * `source`, that finished candles and the trades at both ends are the source's. Without a range: all that is stored.
 * Yields what it finds, then a summary; ends without one when `signal` aborts.
 *
 * Of a polled source ids and order are checked, and with `source` the candles of days that are over; that it has had no
 * trade between two ticks cannot be known, so that its candles are not held against them.
 *
 * @throws GatewayError tier_unavailable, feed_broken
 */
export async function* verify(
  instrument: Instrument,
  options: VerifyOptions,
  ports: VerifyPorts,
  signal: AbortSignal,
): AsyncGenerator<TaskEvent> {
  const { database, feed, settled = async () => {}, latenessMs, keptSince = () => 0, now = Date.now } = ports
  await settled()
  const [newest] = await database.ticksBefore(instrument, undefined, 1)
  // From here on what is stored of candles is as new as that trade, at least.
  await settled()
  const closedUntil = (newest?.time ?? 0) - latenessMs - STORED_WITHIN_MS
  const until = Math.min(options.to ?? closedUntil, closedUntil)
  const gaps = await database.gaps(instrument)
  const candles = new CandleCheck(instrument, { database, settled, now })
  const walked: Walked = { ticks: 0, first: undefined, last: undefined }
  const contiguousIds = feed === undefined ? instrument.assetClass === 'crypto' : feed.ids === 'contiguous'
  const storedPorts = { database, contiguousIds, gaps, candles, until }
  const tally = new Tally()
  if (!contiguousIds) yield* tally.told([POLLED])
  yield* tally.told(checkStored(instrument, options, walked, storedPorts, signal))
  const { first, last } = walked
  const ids = first === undefined || last === undefined ? undefined : { from: first.id, to: last.id }
  if (ids !== undefined) yield* tally.told(describeGaps(gaps, ids))
  if (options.source && feed !== undefined) {
    const sourcePorts = { feed, database, settled, keptSince, now }
    const range = { from: options.from ?? first?.time ?? until, to: contiguousIds ? until : dayOf(instrument, until) }
    yield* tally.told(checkSourceEnds(instrument, options, ids, sourcePorts, signal))
    yield* tally.told(checkSourceCandles(instrument, range, sourcePorts, () => tally.agreed++, signal))
  }
  yield* tally.untold()
  if (!signal.aborted) yield summaryOf(instrument, options, walked, candles, tally)
}

/** The beginning of the exchange's day: what is polled on it is replaced by the source's candles when it is over. */
function dayOf(instrument: Instrument, moment: number): number {
  const calendar = calendarOf(instrument)
  return calendar.beginOf('1D', calendar.startOf('1D', moment))
}

/** Counts findings by kind, and tells the first of each. */
class Tally {
  readonly differences = new Map<string, number>()
  readonly notes = new Map<string, number>()
  /** Candles that are the source's. */
  agreed = 0

  async *told(
    events: AsyncIterable<Finding | TaskProgress> | Iterable<Finding>,
  ): AsyncGenerator<Finding | TaskProgress> {
    for await (const event of events) {
      if (event.type === 'progress') yield event
      else {
        const counts = event.type === 'difference' ? this.differences : this.notes
        const count = (counts.get(event.kind) ?? 0) + 1
        counts.set(event.kind, count)
        if (count <= MOST_TOLD) yield event
      }
    }
  }

  *untold(): Generator<Finding> {
    for (const [kind, count] of [...this.differences, ...this.notes]) {
      const more = count - MOST_TOLD
      if (more > 0) yield { type: 'note', kind, message: `and ${more} more of this kind`, count: more }
    }
  }
}

function summaryOf(
  instrument: Instrument,
  { source }: VerifyOptions,
  { ticks, first, last }: Walked,
  candles: CandleCheck,
  { differences, notes, agreed }: Tally,
): TaskSummary {
  const found = [...differences].map(([kind, count]) => `${count} ${kind}`).join(', ')
  const stored =
    first === undefined || last === undefined
      ? 'no trades are stored there'
      : `${ticks} trades, ${first.id} to ${last.id}, ${isoTime(first.time)} to ${isoTime(last.time)}`
  const lines = [
    `${instrument.symbol} ${streamName(instrument)}: ${stored}`,
    `gaps told: ${notes.get('gap') ?? 0}`,
    `candles that agree with their trades: ${candles.agreed}; not every trade stored, or too new: ${candles.unchecked}`,
    ...(source ? [`candles that agree with the source: ${agreed}`] : []),
    `differences: ${found === '' ? 'none' : found}`,
  ]
  const counts = {
    ...{ trades: ticks, gaps: notes.get('gap') ?? 0, candles: candles.agreed, unchecked: candles.unchecked },
    ...(source ? { sourceCandles: agreed } : {}),
    ...Object.fromEntries(differences),
  }
  return { type: 'summary', ok: differences.size === 0, message: lines.join('\n'), counts }
}
