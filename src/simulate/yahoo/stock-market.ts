import type { ExchangeCalendar, Session } from './exchange-hours.ts'
import { type Bar, createDayBars, foldMinutes } from './session-bars.ts'
import type { Print, SessionTape, StockNoise } from './session-tape.ts'
import { type DatedSplit, splitRatio } from './splits.ts'
import type { StockSpec } from './stock-specs.ts'

const MINUTE = 60_000

/** The last regular price at a moment, with its day so far; prices in cents of that day. */
export interface RegularQuote extends Print {
  readonly session: Session
  readonly open: number
  readonly high: number
  readonly low: number
  /** Of the day, up to that price. */
  readonly volume: number
  readonly previousClose: number
}

/** A simulated stock. All moments are of the market's clock, Unix ms. */
export interface StockMarket {
  readonly spec: StockSpec
  readonly splits: readonly DatedSplit[]
  readonly calendar: ExchangeCalendar
  readonly printsPerMinute: number
  tapeOf(session: Session): SessionTape
  regularAt(time: number): RegularQuote
  /** The last price between `from` and `to` (exclusive) that there was by `time`, outside of regular hours. */
  extendedAt(window: { readonly from: number; readonly to: number }, time: number): Print | undefined
  /** Minutes `from` to `to` (exclusive) of the tape, as far as they were traded by `time`. */
  fold(tape: SessionTape, range: { readonly from: number; readonly to: number }, time: number): Bar | undefined
  /** The whole of a session that has ended. */
  dayBar(session: Session): Bar
}

/** Tapes of a stock that are remembered: enough for a month. */
const TAPES = 32

export function createStockMarket(
  spec: StockSpec,
  noise: StockNoise,
  calendar: ExchangeCalendar,
  splits: readonly DatedSplit[],
): StockMarket {
  const tapes = new Map<number, SessionTape>()
  const tapeOf = (session: Session) => {
    const tape = tapes.get(session.day) ?? noise.tapeOf(session)
    tapes.delete(session.day)
    tapes.set(session.day, tape)
    const [oldest] = tapes.keys()
    if (tapes.size > TAPES) tapes.delete(oldest!)
    return tape
  }
  const dayBar = createDayBars(noise.tapeOf, noise)

  return {
    spec,
    splits,
    calendar,
    printsPerMinute: noise.printsPerMinute,
    tapeOf,
    dayBar,
    fold: (tape, range, time) => foldMinutes(tape, range, time, noise),
    regularAt(time) {
      const day = calendar.local.dayOf(time)
      const today = calendar.sessionOf(day)
      const session = today && time >= today.open ? today : calendar.sessionBefore(day)
      const tape = tapeOf(session)
      const bar = foldMinutes(tape, { from: 0, to: tape.minutes }, time, noise)!
      const before = calendar.sessionBefore(session.day)
      const previousClose = dayBar(before).close / splitRatio(splits, before.open, session.open)
      const { open, high, low, close, volume, lastTime } = bar
      return { session, time: lastTime, cents: close, open, high, low, volume, previousClose }
    },
    extendedAt({ from, to }, time) {
      const start = Math.floor(Math.min(time, to - 1) / MINUTE) * MINUTE
      for (let minute = start; minute >= from; minute -= MINUTE) {
        const print = noise.extendedPrint(minute)
        if (print && print.time <= time) return print
      }
      return undefined
    },
  }
}
