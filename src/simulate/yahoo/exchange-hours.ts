import { createLocalTime, type LocalTime, weekdayOf } from './local-time.ts'

const DAY = 24 * 60 * 60_000

/** When an exchange trades; minutes of its local day. */
export interface ExchangeHours {
  /** IANA: `America/New_York`. */
  readonly timeZone: string
  readonly preMinute: number
  readonly openMinute: number
  readonly closeMinute: number
  readonly postMinute: number
  /** It trades every day alike. Default: it is closed at weekends and on holidays, and closes early before some. */
  readonly everyDay?: boolean
}

export const NEW_YORK: ExchangeHours = {
  timeZone: 'America/New_York',
  preMinute: 4 * 60,
  openMinute: 9 * 60 + 30,
  closeMinute: 16 * 60,
  postMinute: 20 * 60,
}

/** A day on which it trades. Moments are Unix ms: before-hours begin at `pre`, after-hours end at `post`. */
export interface Session {
  /** Whole days since 1970-01-01, by the exchange's clock. */
  readonly day: number
  readonly pre: number
  readonly open: number
  readonly close: number
  readonly post: number
}

/** In Yahoo's words: around the sessions of a trading day `PREPRE` and `POSTPOST`, on other days `CLOSED`. */
export type MarketStateName = 'PREPRE' | 'PRE' | 'REGULAR' | 'POST' | 'POSTPOST' | 'CLOSED'

export interface ExchangeCalendar {
  readonly local: LocalTime
  /** Undefined on a day without trading. */
  sessionOf(day: number): Session | undefined
  /** The last session before `day`. */
  sessionBefore(day: number): Session
  /** The first session on `day` or after it. */
  sessionFrom(day: number): Session
  stateAt(time: number): MarketStateName
}

export function createCalendar(hours: ExchangeHours): ExchangeCalendar {
  const local = createLocalTime(hours.timeZone)
  const sessions = new Map<number, Session | undefined>()
  const sessionOf = (day: number) => {
    if (!sessions.has(day)) sessions.set(day, makeSession(hours, local, day))
    return sessions.get(day)
  }
  const search = (day: number, step: 1 | -1) => {
    let found = sessionOf(day)
    for (let at = day + step; !found; at += step) found = sessionOf(at)
    return found
  }
  return {
    local,
    sessionOf,
    sessionBefore: (day) => search(day - 1, -1),
    sessionFrom: (day) => search(day, 1),
    stateAt(time) {
      const session = sessionOf(local.dayOf(time))
      if (!session) return 'CLOSED'
      if (time < session.pre) return 'PREPRE'
      if (time < session.open) return 'PRE'
      if (time < session.close) return 'REGULAR'
      return time < session.post ? 'POST' : 'POSTPOST'
    },
  }
}

const EARLY_CLOSE_MINUTE = 13 * 60
const EARLY_POST_MINUTE = 17 * 60

function makeSession(hours: ExchangeHours, local: LocalTime, day: number): Session | undefined {
  const kind = hours.everyDay ? 'whole' : kindOf(day)
  if (kind === 'none') return undefined
  const closeMinute = kind === 'half' ? EARLY_CLOSE_MINUTE : hours.closeMinute
  const postMinute = kind === 'half' ? EARLY_POST_MINUTE : hours.postMinute
  const at = (minute: number) => local.momentOf(day, minute)
  return { day, pre: at(hours.preMinute), open: at(hours.openMinute), close: at(closeMinute), post: at(postMinute) }
}

/** Not all holidays of a real exchange: those whose day needs no table. */
const HOLIDAYS = new Set(['1-1', '6-19', '7-4', '12-25'])
const HALF_DAYS = new Set(['7-3', '12-24'])
const SATURDAY = 6
const SUNDAY = 0
const THURSDAY = 4

function kindOf(day: number): 'whole' | 'half' | 'none' {
  const weekday = weekdayOf(day)
  const name = dateName(day)
  if (weekday === SATURDAY || weekday === SUNDAY || HOLIDAYS.has(name) || isThanksgiving(day)) return 'none'
  return HALF_DAYS.has(name) || isThanksgiving(day - 1) ? 'half' : 'whole'
}

function dateName(day: number): string {
  const date = new Date(day * DAY)
  return `${date.getUTCMonth() + 1}-${date.getUTCDate()}`
}

/** The fourth Thursday of November; the day after is a half one. */
function isThanksgiving(day: number): boolean {
  const [month, date] = dateName(day).split('-').map(Number)
  return month === 11 && weekdayOf(day) === THURSDAY && Math.ceil(date! / 7) === 4
}
