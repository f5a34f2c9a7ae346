import { ExchangeDays } from './exchange-days.ts'
import type { Instrument } from './instrument.ts'
import { bucketStart, TIMEFRAME_MS, type Timeframe } from './timeframe.ts'

/**
 * Which bucket of a timeframe an instrument's moment falls into, and when a bucket is over. Days and weeks are those of
 * the exchange: their `time`, which names them, is 00:00 UTC of the local date (of the week's Monday), and not the moment
 * at which they begin. Everywhere else the two are the same. Names of one timeframe are a whole number of its lengths
 * apart.
 */
export class Calendar {
  readonly #days: ExchangeDays | undefined

  /** @param days of the exchange; UTC when absent */
  constructor(days?: ExchangeDays) {
    this.#days = days
  }

  /** The `time` of the bucket that a moment (Unix ms) falls into. */
  startOf(timeframe: Timeframe, moment: number): number {
    if (this.#days === undefined || !isOfDays(timeframe)) return bucketStart(timeframe, moment)
    return bucketStart(timeframe, this.#days.at(moment))
  }

  /** When the bucket named `time` begins (Unix ms). */
  beginOf(timeframe: Timeframe, time: number): number {
    return this.#days === undefined || !isOfDays(timeframe) ? time : this.#days.begin(time)
  }

  /** When the bucket named `time` is over: the first moment (Unix ms) after it. */
  endOf(timeframe: Timeframe, time: number): number {
    return this.beginOf(timeframe, time + TIMEFRAME_MS[timeframe])
  }
}

export const UTC_CALENDAR = new Calendar()

const CALENDARS = new Map<string, Calendar>()

/** A zone that is not known has UTC's days: a source's odd word must not cost its prices. */
export function calendarOf({ about }: Pick<Instrument, 'about'>): Calendar {
  const zone = about?.timeZone
  if (zone === undefined || zone === 'UTC') return UTC_CALENDAR
  const calendar = CALENDARS.get(zone) ?? makeCalendar(zone)
  CALENDARS.set(zone, calendar)
  return calendar
}

function makeCalendar(zone: string): Calendar {
  try {
    return new Calendar(new ExchangeDays(zone))
  } catch (error) {
    if (error instanceof RangeError) return UTC_CALENDAR
    throw error
  }
}

function isOfDays(timeframe: Timeframe): boolean {
  return timeframe === '1D' || timeframe === '1W'
}
