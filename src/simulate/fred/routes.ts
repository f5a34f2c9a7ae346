import { centralDay, printCentral } from './central-time.ts'
import type { Ledger, LedgerRow } from './ledger.ts'
import { type FredQuery, FredRefusal } from './query.ts'

/** What the answers are made of. */
export interface FredSource {
  /** By the series' id. */
  readonly ledgers: ReadonlyMap<string, Ledger>
}

/** One path of the API: the body, to be sent as JSON. `now`: FRED's clock, Unix ms. @throws FredRefusal */
export type FredRoute = (query: FredQuery, source: FredSource, now: number) => Readonly<Record<string, unknown>>

/** The part of https://fred.stlouisfed.org/docs/api/fred/ that we speak, by path. */
export const FRED_ROUTES: ReadonlyMap<string, FredRoute> = new Map<string, FredRoute>([
  ['/fred/series', series],
  ['/fred/series/observations', observations],
  ['/fred/series/vintagedates', vintageDates],
  ['/fred/series/updates', updates],
])

/** The real-time period that asks for every vintage. */
const FIRST_DAY = '1776-07-04'
const LAST_DAY = '9999-12-31'

const MOST_VINTAGES = 2_000
const UPDATES_REACH_MS = 14 * 86_400_000
const DAY_MS = 86_400_000

function series(query: FredQuery, { ledgers }: FredSource, now: number) {
  const period = realtime(query, centralDay(now), centralDay(now))
  return { ...period, seriess: [describe(ledgerOf(query, ledgers), period)] }
}

function updates(query: FredQuery, { ledgers }: FredSource, now: number) {
  const period = realtime(query, centralDay(now), centralDay(now))
  const offset = query.whole('offset', 0, 0, 999_999_999)
  const limit = query.whole('limit', 1_000, 1, 1_000)
  const filter = query.oneOf('filter_value', ['all', 'macro', 'regional'])
  const updated = [...ledgers.values()]
    .filter(({ lastUpdated }) => filter !== 'regional' && lastUpdated > now - UPDATES_REACH_MS)
    .sort((a, b) => b.lastUpdated - a.lastUpdated)
  return {
    ...period,
    ...{ filter_variable: 'geography', filter_value: filter, order_by: 'last_updated', sort_order: 'desc' },
    ...{ count: updated.length, offset, limit },
    seriess: updated.slice(offset, offset + limit).map((ledger) => describe(ledger, period)),
  }
}

function vintageDates(query: FredQuery, { ledgers }: FredSource) {
  const period = realtime(query, FIRST_DAY, LAST_DAY)
  const order = query.oneOf('sort_order', ['asc', 'desc'])
  const offset = query.whole('offset', 0, 0, 999_999_999)
  const limit = query.whole('limit', 10_000, 1, 10_000)
  const dates = datesWithin(ledgerOf(query, ledgers), period)
  const ordered = order === 'asc' ? dates : dates.toReversed()
  const paging = { order_by: 'vintage_date', sort_order: order, count: dates.length, offset, limit }
  return { ...period, ...paging, vintage_dates: ordered.slice(offset, offset + limit) }
}

function observations(query: FredQuery, { ledgers }: FredSource, now: number) {
  const ledger = ledgerOf(query, ledgers)
  const period = realtime(query, centralDay(now), centralDay(now))
  const from = query.day('observation_start', '1600-01-01')
  const to = query.day('observation_end', LAST_DAY)
  query.oneOf('output_type', ['1'])
  const order = query.oneOf('sort_order', ['asc', 'desc'])
  const offset = query.whole('offset', 0, 0, 999_999_999)
  const limit = query.whole('limit', 100_000, 1, 100_000)
  refuseTooMany(ledger, period)
  const rows = ledger.periods().flatMap((vintages) => clip(vintages, period))
  const asked = rows.filter(({ date }) => date >= from && date <= to)
  const ordered = order === 'asc' ? asked : asked.toReversed()
  return {
    ...period,
    ...{ observation_start: from, observation_end: to, units: query.oneOf('units', ['lin']), output_type: 1 },
    ...{ file_type: 'json', order_by: 'observation_date', sort_order: order },
    ...{ count: asked.length, offset, limit },
    observations: ordered.slice(offset, offset + limit),
  }
}

interface RealTime {
  readonly realtime_start: string
  readonly realtime_end: string
}

function realtime(query: FredQuery, start: string, end: string): RealTime {
  const period = { realtime_start: query.day('realtime_start', start), realtime_end: query.day('realtime_end', end) }
  if (period.realtime_start <= period.realtime_end) return period
  throw new FredRefusal('Bad Request.  The value for variable realtime_start is after realtime_end.')
}

/** Of each vintage the part of its life that lies in the asked real-time period: its ends are cut to that. */
function clip(vintages: readonly LedgerRow[], { realtime_start: start, realtime_end: end }: RealTime) {
  return vintages.flatMap(({ period, vintage, value }, n) => {
    const next = vintages[n + 1]?.vintage
    const last = next === undefined ? LAST_DAY : dayBefore(next)
    if (vintage > end || last < start) return []
    return [
      { realtime_start: vintage < start ? start : vintage, realtime_end: last > end ? end : last, date: period, value },
    ]
  })
}

function datesWithin(ledger: Ledger, { realtime_start: start, realtime_end: end }: RealTime): readonly string[] {
  return ledger.vintageDates().filter((date) => date >= start && date <= end)
}

/** The message is FRED's own. */
function refuseTooMany(ledger: Ledger, period: RealTime): void {
  const { length } = datesWithin(ledger, period)
  if (length <= MOST_VINTAGES) return
  const where = `in the specified real-time period: ${period.realtime_start} to ${period.realtime_end}`
  const limit = `This exceeds the maximum number of vintage dates allowed (${MOST_VINTAGES}).`
  throw new FredRefusal(`Bad Request.  There are ${length} vintage dates ${where}.  ${limit}`)
}

function ledgerOf(query: FredQuery, ledgers: ReadonlyMap<string, Ledger>): Ledger {
  const id = query.text('series_id')
  if (id === undefined) throw new FredRefusal('Bad Request.  Variable series_id is not set.')
  const ledger = ledgers.get(id)
  if (ledger === undefined) throw new FredRefusal('Bad Request.  The series does not exist.')
  return ledger
}

function describe({ spec, lastUpdated, periods }: Ledger, period: RealTime) {
  const days = periods().map(([first]) => first?.period ?? '')
  return {
    ...{ id: spec.id, ...period, title: spec.title },
    ...{ observation_start: days[0] ?? spec.begins, observation_end: days.at(-1) ?? spec.begins },
    ...{ frequency: spec.frequency, frequency_short: spec.frequency[0], units: spec.units },
    ...{ units_short: spec.unitsShort, seasonal_adjustment: spec.seasonalAdjustment },
    seasonal_adjustment_short: spec.seasonalAdjustmentShort,
    ...{ last_updated: printCentral(lastUpdated), popularity: spec.popularity, notes: 'Made up by a simulator.' },
  }
}

function dayBefore(day: string): string {
  return new Date(Date.parse(day) - DAY_MS).toISOString().slice(0, 10)
}
