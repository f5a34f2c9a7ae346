import type { Finding, TaskProgress } from '../../base/task-event.ts'
import type { IdRange } from '../../market/id-range.ts'
import type { Instrument } from '../../market/instrument.ts'
import type { Update } from '../../market/tick.ts'
import type { Database, Gap } from '../../tiers/database/database.ts'
import { storedTicks } from '../stored-ticks.ts'
import type { CandleCheck } from './check-candles.ts'
import { DISORDER_MS, IdCheck, isoTime, unaccounted } from './check-ids.ts'

export interface StoredCheckPorts {
  readonly database: Pick<Database, 'ticksAfter' | 'ticksBefore' | 'idFrom' | 'gaps'>
  readonly contiguousIds: boolean
  readonly gaps: readonly Gap[]
  readonly candles: CandleCheck
  /** Candles that ended later are not compared. */
  readonly until: number
}

/** From `from` up to, but not at, `to` (Unix ms); all there is where they are unset. */
export interface OpenRange {
  readonly from?: number | undefined
  readonly to?: number | undefined
}

/** What was looked at: a little more than was asked for, so that candles at the ends of the range can be checked. */
export interface Walked {
  ticks: number
  first: Update | undefined
  last: Update | undefined
}

const PROGRESS_PAGES = 20

/** Goes through the stored trades of a range in id order, once: ids, times, and the candles that they make. */
export async function* checkStored(
  instrument: Instrument,
  range: OpenRange,
  walked: Walked,
  ports: StoredCheckPorts,
  signal: AbortSignal,
): AsyncGenerator<Finding | TaskProgress> {
  const { database, candles, until } = ports
  const ids = await idsOf(instrument, range, database)
  const check = new IdCheck(ports.contiguousIds)
  const end = (range.to ?? Number.POSITIVE_INFINITY) + DISORDER_MS
  let pages = 0
  for await (const page of storedTicks(instrument, ids, database, signal)) {
    for (const tick of page) {
      if ((walked.last?.time ?? 0) >= end) break
      yield* await take(tick, instrument, check, walked, ports, signal)
    }
    const { last } = walked
    if (last === undefined || last.time >= end) break
    // The next page may begin with a trade that happened a moment before.
    yield* candles.compare(Math.min(until, last.time - DISORDER_MS))
    if (++pages % PROGRESS_PAGES === 0) {
      yield { type: 'progress', message: `${walked.ticks} trades checked, at ${isoTime(last.time)}` }
    }
  }
  if (walked.last !== undefined) yield* candles.compare(Math.min(until, walked.last.time))
  candles.end(until)
}

async function take(
  tick: Update,
  instrument: Instrument,
  check: IdCheck,
  walked: Walked,
  { database, contiguousIds, gaps, candles }: StoredCheckPorts,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const before = walked.last
  const { hole, findings } = check.next(tick)
  if (before?.id === tick.id) return findings
  walked.ticks++
  walked.first ??= tick
  walked.last = tick
  if (before === undefined) candles.breakBetween(Number.NEGATIVE_INFINITY, tick.time)
  // A source that is polled has had trades in between: its candles are not made of these.
  else if (hole !== undefined || !contiguousIds) candles.breakBetween(before.time, tick.time)
  candles.fold(tick)
  return hole === undefined
    ? findings
    : [...findings, ...(await unaccounted(hole, instrument, { database, gaps }, signal))]
}

/** From the trade before the range, if there is one, to the newest that is stored now. */
async function idsOf(
  instrument: Instrument,
  { from }: OpenRange,
  database: StoredCheckPorts['database'],
): Promise<IdRange> {
  const [newest] = await database.ticksBefore(instrument, undefined, 1)
  const to = newest?.id ?? -1
  if (from === undefined) return { from: 0, to }
  const first = await database.idFrom(instrument, from - DISORDER_MS)
  if (first === undefined) return { from: 0, to: -1 }
  const [before] = await database.ticksBefore(instrument, first, 1)
  return { from: before?.id ?? first, to }
}
