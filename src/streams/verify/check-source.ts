import type { Finding } from '../../base/task-event.ts'
import type { Feed } from '../../feed.ts'
import { calendarOf } from '../../market/calendar.ts'
import { CANDLE_NUMBERS, type Candle } from '../../market/candle.ts'
import type { IdRange } from '../../market/id-range.ts'
import type { Instrument } from '../../market/instrument.ts'
import type { Cursor, Tick } from '../../market/tick.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import type { Database, TimeRange } from '../../tiers/database/database.ts'
import { MOST_BUCKETS, sourceCandles } from '../source-candles.ts'
import { isoTime, unaccounted } from './check-ids.ts'
import type { OpenRange } from './check-stored.ts'

export interface SourceCheckPorts {
  readonly feed: Pick<Feed, 'trades' | 'candles' | 'newest'>
  readonly database: Pick<Database, 'ticksAfter' | 'ticksBefore' | 'candlesIn' | 'gaps'>
  readonly settled: () => Promise<void>
  readonly keptSince: () => number
  readonly now: () => number
}

/** Holds the stored candles whose buckets overlap the range, and ended in it, against the source's finished ones. */
export async function* checkSourceCandles(
  instrument: Instrument,
  range: TimeRange,
  ports: SourceCheckPorts,
  agree: () => void,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  if (ports.feed.candles === undefined) return
  const { database, settled, now } = ports
  const calendar = calendarOf(instrument)
  for await (const part of sourceCandles(instrument, range, ports.feed, now(), signal)) {
    const { timeframe, candles: theirs } = part
    const ours = await candlesByTime(instrument, timeframe, part.range, database)
    for (const time of [...new Set([...theirs.keys(), ...ours.keys()])].sort((a, b) => a - b)) {
      const their = theirs.get(time)
      // One that has only just ended may not be finished here or there.
      if (calendar.endOf(timeframe, time) > range.to || their?.final === false) continue
      let our = ours.get(time)
      if (!isSame(our, their)) {
        await settled()
        our = (await candlesByTime(instrument, timeframe, { from: time, to: time + 1 }, database)).get(time)
      }
      if (isSame(our, their)) agree()
      else yield describeDifference(timeframe, our, their)
    }
  }
}

/** Holds the first and the last stored trade of the range against the source's, by id and content. */
export async function* checkSourceEnds(
  instrument: Instrument,
  range: OpenRange,
  stored: IdRange | undefined,
  ports: SourceCheckPorts,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const { feed } = ports
  if (feed.trades === undefined) return
  const firstFrom = (from: number) => firstOf(feed.trades?.(instrument, { from }, signal, 'polite'))
  const from = range.from === undefined ? undefined : Math.max(range.from, ports.keptSince())
  const theirFirst = from === undefined ? undefined : await firstFrom(from)
  const theirNext = range.to === undefined ? undefined : await firstFrom(range.to)
  if (signal.aborted) return
  const first = theirFirst?.id ?? stored?.from
  const newest = range.to === undefined ? stored?.to : (await feed.newest?.(instrument, signal))?.id
  const last = theirNext === undefined ? newest : theirNext.id - 1
  if (first === undefined || last === undefined || first > last) return
  // What is missing between the stored ends was found with them; here it is what lies beyond.
  const beyond = stored === undefined ? [{ from: first, to: last }] : outside({ from: first, to: last }, stored)
  for (const hole of beyond) yield* await unaccounted(hole, instrument, { database: ports.database, gaps: [] }, signal)
  for (const id of stored === undefined ? [] : new Set([stored.from, stored.to])) {
    yield* await checkTrade(instrument, id, ports, signal)
  }
}

async function checkTrade(
  instrument: Instrument,
  id: Cursor,
  { feed, database }: SourceCheckPorts,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const [our] = await database.ticksAfter(instrument, id - 1, 1)
  const their = await firstOf(feed.trades?.(instrument, { after: id - 1 }, signal, 'polite'))
  if (signal.aborted || our?.id !== id) return []
  const finding = (what: string): readonly Finding[] => [
    { type: 'difference', kind: 'trade', message: `trade ${id}: ${what}`, id },
  ]
  if (their?.id !== id) return finding('stored, but the source does not have it')
  const fields = (['price', 'size', 'side', 'trades', 'time'] as const).filter((name) => our[name] !== their[name])
  if (fields.length === 0) return []
  return finding(`the source says ${fields.map((name) => `${name} ${their[name]}, is ${our[name]}`).join('; ')}`)
}

async function firstOf(pages: AsyncIterable<readonly Tick[]> | undefined): Promise<Tick | undefined> {
  for await (const page of pages ?? []) return page[0]
  return undefined
}

function outside(range: IdRange, inner: IdRange): readonly IdRange[] {
  const before = { from: range.from, to: Math.min(range.to, inner.from - 1) }
  const after = { from: Math.max(range.from, inner.to + 1), to: range.to }
  return [before, after].filter(({ from, to }) => from <= to)
}

async function candlesByTime(
  instrument: Instrument,
  timeframe: Timeframe,
  range: TimeRange,
  database: Pick<Database, 'candlesIn'>,
): Promise<ReadonlyMap<number, Candle>> {
  const rows = await database.candlesIn(instrument, timeframe, range, MOST_BUCKETS)
  return new Map(rows.map((candle) => [candle.time, candle]))
}

function isSame(our: Candle | undefined, their: Candle | undefined): boolean {
  return our !== undefined && their !== undefined && CANDLE_NUMBERS.every((name) => our[name] === their[name])
}

function describeDifference(timeframe: Timeframe, our: Candle | undefined, their: Candle | undefined): Finding {
  const { time } = (our ?? their)!
  let what = 'stored, but the source has no trade in it'
  if (our === undefined) what = 'the source has it, not stored'
  if (our !== undefined && their !== undefined) {
    const fields = CANDLE_NUMBERS.filter((name) => our[name] !== their[name])
    what = `the source says ${fields.map((name) => `${name} ${their[name]}, is ${our[name]}`).join('; ')}`
  }
  return { type: 'difference', kind: 'kline', message: `${timeframe} of ${isoTime(time)}: ${what}`, timeframe, time }
}
