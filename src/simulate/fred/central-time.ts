// FRED's clock and its calendar: St. Louis.
const HOUR = 3_600_000

/** `2025-03-27 07:51:52-05`: how FRED prints a moment (Unix ms). */
export function printCentral(time: number): string {
  const hours = offsetHours(time)
  const local = new Date(Math.floor(time / 1_000) * 1_000 + hours * HOUR).toISOString()
  return `${local.slice(0, 10)} ${local.slice(11, 19)}-${String(-hours).padStart(2, '0')}`
}

/** The day that it is in St. Louis, `YYYY-MM-DD`. */
export function centralDay(time: number): string {
  return new Date(time + offsetHours(time) * HOUR).toISOString().slice(0, 10)
}

/** The moment (Unix ms) at which it is so many seconds after midnight there; not for the nights when clocks are set. */
export function centralMoment(day: string, seconds: number): number {
  const asUtc = Date.parse(day) + seconds * 1_000
  return asUtc - offsetHours(asUtc + 6 * HOUR) * HOUR
}

/** -6 in winter, -5 in summer, as clocks are set in the United States; the platform's own calendar is slow to ask. */
function offsetHours(time: number): number {
  const year = new Date(time).getUTCFullYear()
  const isNewRule = year >= 2007
  const begin = sunday(year, isNewRule ? 2 : 3, isNewRule ? 8 : 1) + 8 * HOUR
  const end = sunday(year, isNewRule ? 10 : 9, isNewRule ? 1 : 25) + 7 * HOUR
  return time >= begin && time < end ? -5 : -6
}

/** The first Sunday (00:00 UTC) on or after a day of a month, which is counted from 0. */
function sunday(year: number, month: number, day: number): number {
  const time = Date.UTC(year, month, day)
  return time + ((7 - new Date(time).getUTCDay()) % 7) * 24 * HOUR
}
