/** A day as a number: days from FRED's first, 1776-07-04. Below 2^18 until the year 2494. */
export type DayIndex = number

export const FIRST_DAY = '1776-07-04'

/** "Until today and on": what FRED says for an end that has not come. */
export const LAST_DAY = '9999-12-31'

/** The bits of an id that hold the day of its period. */
export const DAYS = 2 ** 18

export const DAY_MS = 86_400_000
const ORIGIN = Date.parse(FIRST_DAY)

/** Reads `YYYY-MM-DD`; undefined for a day that there is not, or that an id has no room for. */
export function parseDay(text: string): DayIndex | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined
  const day = (Date.parse(text) - ORIGIN) / DAY_MS
  // The thirtieth of February is read as the first of March.
  return day >= 0 && day < DAYS && printDay(day) === text ? day : undefined
}

export function printDay(day: DayIndex): string {
  return new Date(dayTime(day)).toISOString().slice(0, 10)
}

/** Its 00:00 UTC, Unix ms. */
export function dayTime(day: DayIndex): number {
  return ORIGIN + day * DAY_MS
}
