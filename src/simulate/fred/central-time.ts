/** FRED's clock and its calendar: St. Louis. */
const PARTS = new Intl.DateTimeFormat('en-CA', {
  timeZone: 'America/Chicago',
  hourCycle: 'h23',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})

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

/** -6 in winter, -5 in summer. */
function offsetHours(time: number): number {
  const parts = Object.fromEntries(PARTS.formatToParts(time).map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day, hour, minute, second } = parts
  const local = Date.UTC(year, month - 1, day, hour, minute, second)
  return Math.round((local - time) / HOUR)
}
