import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { calendarOf, UTC_CALENDAR } from '../../src/market/calendar.ts'
import { bucketEnd, bucketStart, TIMEFRAMES } from '../../src/market/timeframe.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** East and west, with summer time and without, half hours, a midnight that is skipped, a day that is. */
const ZONES = [
  ...['America/New_York', 'Australia/Sydney', 'Europe/London', 'Asia/Kolkata', 'Asia/Tokyo', 'America/Sao_Paulo'],
  ...['Pacific/Kiritimati', 'Pacific/Honolulu', 'Asia/Beirut', 'Australia/Lord_Howe'],
]
const zone = fc.constantFrom(...ZONES)
/** From 1990 to 2040. */
const moment = fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2040, 0) })

const at = (timeZone: string) => calendarOf({ about: { timeZone } })

/** The local date by the book, as 00:00 UTC. */
function localDate(timeZone: string, time: number): number {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' })
  return Date.parse(`${format.format(time)}T00:00:00Z`)
}

function monday(date: number): number {
  return date - ((new Date(date).getUTCDay() + 6) % 7) * DAY
}

describe('the calendar of an instrument', () => {
  it('names the day of a moment by its local date, and the week by the Monday before, as Intl has it', () => {
    fc.assert(
      fc.property(zone, fc.array(moment, { minLength: 1, maxLength: 5 }), (timeZone, moments) => {
        for (const time of moments) {
          const date = localDate(timeZone, time)
          expect(at(timeZone).startOf('1D', time)).toBe(date)
          expect(at(timeZone).startOf('1W', time)).toBe(monday(date))
        }
      }),
      { numRuns: 300 },
    )
  })

  it('a day and a week last from their first moment up to the first of the next', () => {
    fc.assert(
      fc.property(zone, moment, fc.constantFrom('1D', '1W'), (timeZone, time, timeframe) => {
        const calendar = at(timeZone)
        const start = calendar.startOf(timeframe, time)
        const [begin, end] = [calendar.beginOf(timeframe, start), calendar.endOf(timeframe, start)]
        expect(begin).toBeLessThanOrEqual(time)
        expect(end).toBeGreaterThan(time)
        expect(calendar.startOf(timeframe, begin)).toBe(start)
        expect(calendar.startOf(timeframe, end - 1)).toBe(start)
        expect(calendar.startOf(timeframe, begin - 1)).toBeLessThan(start)
        expect(calendar.startOf(timeframe, end)).toBe(bucketEnd(timeframe, start))
        expect(calendar.beginOf(timeframe, bucketEnd(timeframe, start))).toBe(end)
      }),
      { numRuns: 500 },
    )
  })

  it('a day of New York has 23 hours in spring and 25 in autumn', () => {
    const calendar = at('America/New_York')
    const hours = (day: number) => (calendar.endOf('1D', day) - calendar.beginOf('1D', day)) / HOUR
    expect(hours(Date.UTC(2026, 2, 7))).toBe(24)
    expect(hours(Date.UTC(2026, 2, 8))).toBe(23)
    expect(hours(Date.UTC(2026, 10, 1))).toBe(25)
    expect(calendar.startOf('1D', Date.UTC(2026, 10, 24, 0, 30))).toBe(Date.UTC(2026, 10, 23))
  })

  it('a session of Sydney that begins on the day before in UTC belongs to its local date', () => {
    const calendar = at('Australia/Sydney')
    const open = Date.UTC(2026, 10, 22, 23)
    const close = Date.UTC(2026, 10, 23, 5)
    expect(calendar.startOf('1D', open)).toBe(Date.UTC(2026, 10, 23))
    expect(calendar.startOf('1D', close)).toBe(Date.UTC(2026, 10, 23))
    // A Sunday in UTC, and the Monday's session all the same.
    expect(calendar.startOf('1W', open)).toBe(Date.UTC(2026, 10, 23))
    expect(calendar.endOf('1D', Date.UTC(2026, 10, 23))).toBe(Date.UTC(2026, 10, 23, 13))
  })

  it('hours and less are those of UTC everywhere', () => {
    fc.assert(
      fc.property(zone, moment, fc.constantFrom(...TIMEFRAMES), (timeZone, time, timeframe) => {
        if (timeframe === '1D' || timeframe === '1W') return
        const start = bucketStart(timeframe, time)
        expect(at(timeZone).startOf(timeframe, time)).toBe(start)
        expect(at(timeZone).beginOf(timeframe, start)).toBe(start)
        expect(at(timeZone).endOf(timeframe, start)).toBe(bucketEnd(timeframe, start))
      }),
    )
  })

  it('without a zone, with a zone that there is not, and before all times the days are those of UTC', () => {
    expect(calendarOf({})).toBe(UTC_CALENDAR)
    expect(at('Mars/Olympus')).toBe(UTC_CALENDAR)
    const calendar = at('America/New_York')
    expect(calendar.startOf('1D', Number.NEGATIVE_INFINITY)).toBe(Number.NEGATIVE_INFINITY)
    expect(calendar.endOf('1W', Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY)
    expect(calendar.startOf('1D', Date.UTC(9999, 11, 31, 12))).toBe(Date.UTC(9999, 11, 31))
  })
})
