// https://fred.stlouisfed.org/docs/api/fred/series_observations.html
import { setImmediate as turn } from 'node:timers/promises'
import { z } from 'zod'
import { GatewayError } from '../src/base/errors.ts'
import type { FredClient } from './fred-client.ts'
import { DAY_MS, type DayIndex, dayTime, FIRST_DAY, LAST_DAY, parseDay, printDay } from './fred-day.ts'
import { type FredObservation, readObservation } from './fred-row.ts'

/** What a series said within a stretch of real time. */
export interface VintageWindow {
  /** Values that were published in the window. */
  readonly published: readonly FredObservation[]
  /** Values that were published before it and held on into it: FRED dates them from its beginning. */
  readonly held: readonly FredObservation[]
  /** Rows that cannot be read. */
  readonly odd: readonly unknown[]
  /** No later vintage has been published. */
  readonly isLast: boolean
}

export interface VintagePages {
  /** At most 100,000, FRED's bound; fewer, for the time that a page takes to be read is everybody's. */
  readonly rowsAPage: number
  /** FRED gives no more vintage dates at once. */
  readonly datesAWindow: number
  /** A window that has more, and more than one date, is halved: it is in memory, and put in order, as a whole. */
  readonly rowsAWindow: number
}

export const VINTAGE_PAGES: VintagePages = { rowsAPage: 25_000, datesAWindow: 2_000, rowsAWindow: 100_000 }

/** What is read of a window before others have their turn: some milliseconds of work. */
const ROWS_A_TURN = 1_000

/** The most dates that FRED lists at once. */
const DATES_A_PAGE = 10_000

/** The day of a vintage, and when the series was last updated (Unix seconds): between them lie the vintages asked for. */
export interface VintageSpan {
  readonly day: DayIndex
  readonly lastUpdated: number
}

/** What FRED says instead of an answer. */
export interface Refused {
  readonly refusal: string
}

/** A stretch of real time, both ends included. */
interface Stretch {
  readonly start: string
  readonly end: string
  /** Its vintage dates, where they are known. */
  readonly dates: readonly string[]
}

const TOO_MANY = 'too many'

/**
 * Yields every vintage of a series, window by window, the oldest first: from the day of `since` on, or from the very
 * first. A window begins with the last day of the one before, so that what is cut at its beginning is known.
 * @throws GatewayError as the client does, and feed_broken when the series changes while it is read
 */
export async function* readVintages(
  client: FredClient,
  series: string,
  since: VintageSpan | undefined,
  signal: AbortSignal,
  pages: VintagePages = VINTAGE_PAGES,
): AsyncGenerator<VintageWindow | Refused> {
  // A day earlier: what is dated from the day itself is surely of that day, and not cut.
  const start = since === undefined || since.day === 0 ? FIRST_DAY : printDay(since.day - 1)
  const isShort = since !== undefined && daysOf(since) < pages.datesAWindow
  const dates = isShort ? [] : await readDates(client, series, start, signal)
  if ('refusal' in dates) return yield dates
  let [stretch, ...rest] = divide(start, dates, pages.datesAWindow)
  while (stretch !== undefined) {
    const rows = await readRows(client, series, stretch, pages, signal)
    if (rows === TOO_MANY) rest = [...halve(stretch), ...rest]
    else if ('refusal' in rows) return yield rows
    else yield await sort(rows, stretch, rest.length === 0)
    stretch = rest.shift()
  }
}

/** A day has one vintage date at most. */
function daysOf({ day, lastUpdated }: VintageSpan): number {
  return Math.ceil((lastUpdated * 1_000 - dayTime(day)) / DAY_MS) + 2
}

/** Windows of at most `most` dates; neighbors share one. */
function divide(start: string, dates: readonly string[], most: number): readonly Stretch[] {
  const stretches: Stretch[] = []
  let from = start
  for (let first = 0; dates.length - first > most; first += most - 1) {
    const end = dates[first + most - 1]!
    stretches.push({ start: from, end, dates: dates.slice(first, first + most) })
    from = end
  }
  const left = dates.slice(stretches.length * (most - 1))
  return [...stretches, { start: from, end: LAST_DAY, dates: left }]
}

function halve({ start, end, dates }: Stretch): readonly Stretch[] {
  const middle = dates.length >> 1
  const day = dates[middle]!
  return [
    { start, end: day, dates: dates.slice(0, middle + 1) },
    { start: day, end, dates: dates.slice(middle) },
  ]
}

async function readDates(
  client: FredClient,
  series: string,
  start: string,
  signal: AbortSignal,
): Promise<readonly string[] | Refused> {
  const dates: string[] = []
  for (;;) {
    const range = { realtime_start: start, realtime_end: LAST_DAY, limit: DATES_A_PAGE, offset: dates.length }
    const question = { path: 'series/vintagedates', parameters: { series_id: series, ...range } }
    const answer = await client.ask(question, Dates, signal)
    if ('refusal' in answer) return answer
    const { count, vintage_dates: page } = answer.body
    dates.push(...page)
    if (page.length === 0 || dates.length >= count) return dates
  }
}

async function readRows(
  client: FredClient,
  series: string,
  { start, end, dates }: Stretch,
  { rowsAPage: limit, rowsAWindow }: VintagePages,
  signal: AbortSignal,
): Promise<readonly unknown[] | Refused | typeof TOO_MANY> {
  const window = { realtime_start: start, realtime_end: end, observation_start: FIRST_DAY }
  const asked = { series_id: series, ...window, output_type: 1, units: 'lin', limit }
  const pages: (readonly unknown[])[] = []
  let first: number | undefined
  for (let offset = 0; ; offset += limit) {
    const question = { path: 'series/observations', parameters: { ...asked, offset } }
    const answer = await client.ask(question, Observations, signal)
    if ('refusal' in answer) return answer
    const { count, observations } = answer.body
    // Halves that are no shorter would be halved for ever.
    if (count > rowsAWindow && dates.length > 2) return TOO_MANY
    first ??= count
    // A row more in the middle moves those behind it: one would be on two pages, or on none.
    if (count !== first)
      throw new GatewayError(
        'feed_broken',
        `${series} must not change while it is read, had ${first} rows, then ${count}`,
      )
    pages.push(observations)
    if (offset + limit >= count) return pages.flat()
    await turn()
  }
}

/** Takes turns with everybody else: to read a row costs much more than to have it. */
async function sort(rows: readonly unknown[], { start }: Stretch, isLast: boolean): Promise<VintageWindow> {
  const beginning = start === FIRST_DAY ? undefined : parseDay(start)
  const published: FredObservation[] = []
  const held: FredObservation[] = []
  const odd: unknown[] = []
  for (const [n, row] of rows.entries()) {
    if (n % ROWS_A_TURN === ROWS_A_TURN - 1) await turn()
    const read = readObservation(row)
    if (read === undefined) odd.push(row)
    else if (read.vintage === beginning) held.push(read)
    else published.push(read)
  }
  return { published, held, odd, isLast }
}

const Dates = z.object({ count: z.int().nonnegative(), vintage_dates: z.array(z.iso.date()) })

const Observations = z.object({ count: z.int().nonnegative(), observations: z.array(z.unknown()) })
