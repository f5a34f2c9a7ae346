import type { Observation } from '../src/market/observation.ts'
import type { Cursor } from '../src/market/tick.ts'
import { DAYS, type DayIndex, dayTime, parseDay } from './fred-day.ts'
import { type FredObservation, idOf, knownAtOf } from './fred-row.ts'

/** A vintage that was not known, with the second (Unix) at which it became so. */
export interface News extends FredObservation {
  readonly knownAt: number
  readonly isPast: boolean
}

/** The day before which every vintage counts as known at 0: ids are not negative. */
const EPOCH = parseDay('1970-01-01')!

/** Every vintage of one series that is stored. */
export class KnownVintages {
  /** By period and vintage in one number: a million of them are no burden so. */
  readonly #values = new Map<number, number | undefined>()
  /** By period. */
  readonly #latest = new Map<DayIndex, FredObservation>()
  readonly #ids = new Set<Cursor>()
  #newestId = -1
  #newestVintage: DayIndex | undefined

  constructor(past: readonly Observation[] = []) {
    // Of two values of one day the one that became known later counts.
    for (const { id, period, vintage, value } of past.toSorted((a, b) => a.id - b.id)) {
      this.#add(id, { period: parseDay(period) ?? 0, vintage: parseDay(vintage) ?? 0, value })
    }
  }

  get newestVintage(): DayIndex | undefined {
    return this.#newestVintage
  }

  remember(news: readonly News[]): void {
    for (const row of news) this.#add(idOf(row.knownAt, row.period), row)
  }

  /** Whether the vintages that are known explain that this value is held; else there is one that is not. */
  explains({ period, vintage, value }: FredObservation): boolean {
    const latest = this.#latest.get(period)
    return latest !== undefined && (latest.vintage > vintage || latest.value === value)
  }

  /**
   * What is not known among `rows`, the oldest first, each with an id of its own. A vintage of the day that is the series'
   * newest became known when it was last updated (Unix seconds); any other, and all of a series of which nothing is known,
   * at the beginning of its day.
   */
  sift(rows: readonly FredObservation[], lastUpdated: number | undefined): readonly News[] {
    const fresh = rows.filter((row) => this.#isNews(row))
    fresh.sort((a, b) => a.vintage - b.vintage || a.period - b.period)
    const newest = Math.max(this.#newestVintage ?? 0, ...lastOf(rows))
    const isLive = ({ vintage }: FredObservation) =>
      lastUpdated !== undefined && this.#newestVintage !== undefined && vintage === newest
    const past = this.#date(onlyNewestBeforeEpoch(fresh.filter((row) => !isLive(row))))
    const last = past.reduce((id, row) => Math.max(id, idOf(row.knownAt, row.period)), this.#newestId)
    return [...past, ...announce(fresh.filter(isLive), lastUpdated ?? 0, last)]
  }

  #isNews({ period, vintage, value }: FredObservation): boolean {
    const key = keyOf(period, vintage)
    if (this.#values.has(key)) return this.#values.get(key) !== value
    return vintage >= EPOCH || !this.#ids.has(idOf(0, period))
  }

  /** The second of a vintage's day that is free: two vintages of a period that came on one day have two ids. */
  #date(rows: readonly FredObservation[]): readonly News[] {
    const taken = new Set<Cursor>()
    return rows.map((row) => {
      const { period, vintage, value } = row
      let knownAt = Math.max(0, dayTime(vintage) / 1_000)
      let id = idOf(knownAt, period)
      for (; this.#ids.has(id) || taken.has(id); id = idOf(knownAt, period)) knownAt += 1
      taken.add(id)
      return { period, vintage, value, knownAt, isPast: true }
    })
  }

  #add(id: Cursor, { period, vintage, value }: FredObservation): void {
    this.#values.set(keyOf(period, vintage), value)
    this.#ids.add(id)
    this.#newestId = Math.max(this.#newestId, id)
    this.#newestVintage = Math.max(this.#newestVintage ?? 0, vintage)
    const latest = this.#latest.get(period)
    if (latest === undefined || latest.vintage <= vintage) this.#latest.set(period, { period, vintage, value })
  }
}

/** All that one update reveals becomes known in one second, in order of period: above every id that there is. */
function announce(rows: readonly FredObservation[], lastUpdated: number, last: Cursor): readonly News[] {
  const [first] = rows
  if (first === undefined) return []
  // Told before it was read, the moment can be that of the update before: nothing was known before its day.
  const moment = Math.max(lastUpdated, dayTime(first.vintage) / 1_000)
  // Not so when it ran backwards, and when two updates are of one second: then it is the next.
  const isAbove = idOf(moment, first.period) > last
  const knownAt = isAbove ? moment : knownAtOf(last) + 1
  return rows.map((row) => ({ ...row, knownAt, isPast: false }))
}

/** They all count as known at 0, where a period has room for one. */
function onlyNewestBeforeEpoch(rows: readonly FredObservation[]): readonly FredObservation[] {
  const newest = new Map<DayIndex, DayIndex>()
  for (const { period, vintage } of rows) if (vintage < EPOCH) newest.set(period, vintage)
  return rows.filter(({ period, vintage }) => vintage >= EPOCH || newest.get(period) === vintage)
}

function lastOf(rows: readonly FredObservation[]): readonly DayIndex[] {
  return rows.length === 0 ? [] : [rows.reduce((newest, { vintage }) => Math.max(newest, vintage), 0)]
}

function keyOf(period: DayIndex, vintage: DayIndex): number {
  return period * DAYS + vintage
}
