const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** The clock on the wall of a place. A day is a number: whole days since 1970-01-01 by that clock. */
export interface LocalTime {
  readonly timeZone: string
  /** What local time is ahead of UTC by (ms, negative in the west) at a moment. */
  offsetAt(time: number): number
  dayOf(time: number): number
  /** The moment (Unix ms) at which that clock shows `minute` of `day`. */
  momentOf(day: number, minute: number): number
}

/** Creates the clock of an IANA zone. @throws RangeError for a zone that there is not */
export function createLocalTime(timeZone: string): LocalTime {
  const fields = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const
  const format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...fields })
  // Zones change their offset at whole quarters of an hour; asking Intl each time would cost more than all the rest.
  const known = new Map<number, number>()
  const offsetAt = (time: number) => {
    const quarter = Math.floor(time / (15 * MINUTE))
    const offset = known.get(quarter) ?? readOffset(format, quarter * 15 * MINUTE)
    known.set(quarter, offset)
    return offset
  }
  return {
    timeZone,
    offsetAt,
    dayOf: (time) => Math.floor((time + offsetAt(time)) / DAY),
    momentOf(day, minute) {
      const shown = day * DAY + minute * MINUTE
      const guess = shown - offsetAt(shown)
      return shown - offsetAt(guess)
    },
  }
}

/** The day of the week of a day number: 0 is Sunday. */
export function weekdayOf(day: number): number {
  return (((day + 4) % 7) + 7) % 7
}

function readOffset(format: Intl.DateTimeFormat, time: number): number {
  const parts = new Map(format.formatToParts(time).map(({ type, value }) => [type, Number(value)]))
  const read = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0
  return Date.UTC(read('year'), read('month') - 1, read('day'), read('hour'), read('minute')) - time
}
