import { pause } from '../src/base/backoff.ts'
import type { FeedEvents, Received } from '../src/feed.ts'
import type { Instrument } from '../src/market/instrument.ts'
import type { FredClient } from './fred-client.ts'
import { printDay } from './fred-day.ts'
import { KnownVintages, type News } from './fred-known.ts'
import type { FredRow } from './fred-row.ts'
import { askSeries } from './fred-series.ts'
import type { FredUpdates } from './fred-updates.ts'
import { readVintages, type VintagePages, type VintageSpan } from './fred-vintages.ts'

/** What polling needs, and what outlives a restart of it. */
export interface FredPolling {
  readonly client: FredClient
  readonly updates: FredUpdates
  readonly memory: FredMemory
  readonly pollMs: number
  readonly pages: VintagePages
  readonly now: () => number
}

/** By the series' id. */
export interface FredMemory {
  readonly known: Map<string, KnownVintages>
  /** Whoever took its last rows has not come back: they are stored, or they are not. */
  readonly unsure: Set<string>
  /** Reading it has failed; it is read after the others, which must not wait for it for ever. */
  readonly troubled: Set<string>
  /** Nothing was known of it when it was first read: until it is whole, what is found is history. */
  readonly begun: Set<string>
  /** Asked for all its vintages in this process. */
  readonly whole: Set<string>
  /** When it was last updated (Unix seconds), as of the time when its values were read. */
  readonly read: Map<string, number>
  /** Updated without a value that is new: it may not be there yet, and is looked for once more. */
  readonly doubted: Set<string>
  /** When it was last updated, as it was told just now. */
  readonly told: Map<string, number>
}

/** A list that is followed can miss one: once in a while every series is asked for itself. */
const ROLL_CALL_EVERY = 30

/** Ticks at once: they are stored before the next. */
const BATCH = 1_000

type Batch = readonly Received<FredRow>[]

/** A poll, as it goes: what is told of the feed, and when it ends. */
interface Poll extends FredPolling {
  readonly events: FeedEvents
  readonly known: ReadonlyMap<string, KnownVintages>
  readonly signal: AbortSignal
}

/** Yields every vintage that is not known, then, poll by poll, what was published since. */
export async function* receiveVintages(
  polling: FredPolling,
  instruments: readonly Instrument[],
  events: FeedEvents,
  signal: AbortSignal,
): AsyncGenerator<Batch> {
  try {
    const poll = { ...polling, events, signal, known: await recall(polling.memory, instruments, events) }
    for (let polls = 0; !signal.aborted; polls++) {
      const updated = await listUpdated(poll, instruments, polls % ROLL_CALL_EVERY === 0)
      // A past of many pages comes while the feed is live.
      if (polls === 0) events.connected()
      else events.heard?.()
      for (const [instrument, lastUpdated] of updated) yield* readNews(poll, instrument, lastUpdated)
      await pause(polling.pollMs, signal)
    }
  } catch (error) {
    // An abort ends an iterable: it is no error of the source.
    if (!signal.aborted) throw error
  }
}

/**
 * What is stored; where nobody says, what was yielded so far. It is asked once, and again where it is not certain: FRED
 * may be away for long, and the database may be away when it is back.
 */
async function recall({ known, unsure }: FredMemory, instruments: readonly Instrument[], { past }: FeedEvents) {
  for (const { symbol, sourceSymbol } of instruments) {
    const isCertain = known.has(sourceSymbol) && (past === undefined || !unsure.has(sourceSymbol))
    if (!isCertain) known.set(sourceSymbol, new KnownVintages(await past?.observations(symbol)))
    unsure.delete(sourceSymbol)
  }
  return known
}

type Updated = readonly (readonly [instrument: Instrument, lastUpdated: number | string])[]

/** The series that were updated since they were read, with the moment, or with why FRED does not tell it. */
async function listUpdated(
  { client, updates, memory, signal }: Poll,
  instruments: readonly Instrument[],
  isRollCall: boolean,
): Promise<Updated> {
  // Read before the series are: what is updated meanwhile is on the list of the next poll.
  const listed = await updates.next(Math.max(2, instruments.length), signal)
  const updated: [Instrument, number | string][] = []
  for (const instrument of instruments) {
    const { sourceSymbol } = instrument
    const told = memory.told.get(sourceSymbol)
    memory.told.delete(sourceSymbol)
    const read = memory.read.get(sourceSymbol)
    const isListed = !isRollCall && listed !== undefined
    const moment = isListed ? (listed.get(sourceSymbol) ?? read) : (told ?? (await ask(client, instrument, signal)))
    const isNew = moment !== read || memory.doubted.has(sourceSymbol)
    if (moment !== undefined && isNew) updated.push([instrument, moment])
  }
  const isTroubled = ({ sourceSymbol }: Instrument) => Number(memory.troubled.has(sourceSymbol))
  return updated.sort(([a], [b]) => isTroubled(a) - isTroubled(b))
}

async function ask(client: FredClient, { sourceSymbol }: Instrument, signal: AbortSignal): Promise<number | string> {
  const answer = await askSeries(client, sourceSymbol, signal)
  return 'body' in answer ? answer.body.lastUpdated : answer.refusal
}

async function* readNews(poll: Poll, instrument: Instrument, lastUpdated: number | string): AsyncGenerator<Batch> {
  const { memory, known, now } = poll
  const { symbol, sourceSymbol } = instrument
  if (typeof lastUpdated === 'string') return yield [{ raw: { symbol, refusal: lastUpdated }, received: now() }]
  const newest = known.get(sourceSymbol)?.newestVintage
  if (newest === undefined) memory.begun.add(sourceSymbol)
  const isWhole = memory.whole.has(sourceSymbol)
  const moment = isWhole || !memory.begun.has(sourceSymbol) ? lastUpdated : undefined
  const since = isWhole && newest !== undefined ? { day: newest, lastUpdated } : undefined
  memory.troubled.add(sourceSymbol)
  let outcome = yield* readSince(poll, instrument, moment, since)
  // An update that the newest vintages do not explain may be of an older one.
  if (outcome === 'unexplained' && since !== undefined) outcome = yield* readSince(poll, instrument, moment, undefined)
  memory.troubled.delete(sourceSymbol)
  // It is asked for again at the next roll call.
  if (outcome === 'refused') return
  const isExplained = outcome === 'explained' || since === undefined
  if (isExplained || memory.read.get(sourceSymbol) === lastUpdated) memory.doubted.delete(sourceSymbol)
  else memory.doubted.add(sourceSymbol)
  memory.whole.add(sourceSymbol)
  memory.read.set(sourceSymbol, lastUpdated)
}

/** Whether what was found explains the update. */
type Outcome = 'explained' | 'unexplained' | 'refused'

async function* readSince(
  { client, events, memory, known, pages, now, signal }: Poll,
  { symbol, sourceSymbol }: Instrument,
  lastUpdated: number | undefined,
  since: VintageSpan | undefined,
): AsyncGenerator<Batch, Outcome> {
  const vintages = known.get(sourceSymbol)!
  let isExplained = false
  for await (const window of readVintages(client, sourceSymbol, since, signal, pages)) {
    events.heard?.()
    if ('refusal' in window) {
      yield [{ raw: { symbol, ...window }, received: now() }]
      return 'refused'
    }
    const { published, held, odd, isLast } = window
    if (since !== undefined && !held.every((row) => vintages.explains(row))) return 'unexplained'
    const news = vintages.sift(published, isLast ? lastUpdated : undefined)
    isExplained ||= news.length > 0
    for (let n = 0; n < news.length; n += BATCH) {
      const batch = news.slice(n, n + BATCH)
      memory.unsure.add(sourceSymbol)
      yield batch.map((row) => ({ raw: toRaw(symbol, row), received: now() }))
      // Not before: a reader that has left has not stored it.
      vintages.remember(batch)
      memory.unsure.delete(sourceSymbol)
    }
    if (odd.length > 0) {
      const rows = odd.map((observation) => ({ symbol, observation, knownAt: 0, isPast: true }))
      yield rows.map((raw) => ({ raw, received: now() }))
    }
  }
  return isExplained ? 'explained' : 'unexplained'
}

function toRaw(symbol: string, { period, vintage, value, knownAt, isPast }: News): FredRow {
  const text = value === undefined ? '.' : String(value)
  const days = { realtime_start: printDay(vintage), date: printDay(period) }
  return { symbol, observation: { ...days, value: text }, knownAt, isPast }
}
