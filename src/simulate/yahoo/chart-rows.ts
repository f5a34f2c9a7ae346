import type { Session } from './exchange-hours.ts'
import { weekdayOf } from './local-time.ts'
import type { Bar } from './session-bars.ts'
import { splitRatio } from './splits.ts'
import type { StockMarket } from './stock-market.ts'

const MINUTE = 60_000

/** A row of a chart: prices in cents of that day; without a bar nothing was traded in it, and the row is of nulls. */
export interface ChartRow {
  /** Unix ms: the start of the interval, or of a bar that is still open the time of its last price. */
  readonly time: number
  readonly bar: Bar | undefined
  /** By which prices are divided for the splits since then. */
  readonly ratio: number
}

/** What a chart is asked for; moments are of the market's clock, Unix ms. */
export interface ChartRange {
  readonly from: number
  /** Exclusive. */
  readonly to: number
  /** The moment by which things are known. */
  readonly known: number
}

/** Rows of `stepMinutes`, aligned on the opening of each session. */
export function intradayRows(
  market: StockMarket,
  range: ChartRange,
  { stepMinutes, extended }: { readonly stepMinutes: number; readonly extended: boolean },
): readonly ChartRow[] {
  const rows: ChartRow[] = []
  for (const session of sessionsIn(market, range)) {
    const regular = regularRows(market, session, stepMinutes, range.known)
    const around = (from: number, to: number) =>
      extended ? extendedRows(market, { from, to }, stepMinutes, range) : []
    rows.push(...around(session.pre, session.open), ...regular, ...around(session.close, session.post))
  }
  return rows.filter(({ time }) => time >= range.from && time < range.to)
}

/** Rows of exchange days; the day that is still open has the time of its last price. */
export function dayRows(market: StockMarket, range: ChartRange): readonly ChartRow[] {
  const sessions = sessionsIn(market, range).filter(({ open }) => open < range.to)
  const rows = sessions.map((session): ChartRow => {
    const ratio = splitRatio(market.splits, session.open, range.known)
    if (range.known >= session.close) return { time: session.open, bar: market.dayBar(session), ratio }
    const tape = market.tapeOf(session)
    const bar = market.fold(tape, { from: 0, to: tape.minutes }, range.known)
    return { time: bar?.lastTime ?? session.open, bar, ratio }
  })
  return rows.filter(({ bar }) => bar !== undefined)
}

/** Rows of weeks or months; their time is the midnight at which they begin. */
export function longRows(market: StockMarket, range: ChartRange, unit: 'week' | 'month'): readonly ChartRow[] {
  const { local } = market.calendar
  const startOf = (day: number) => (unit === 'week' ? day - ((weekdayOf(day) + 6) % 7) : monthStart(day))
  const first = startOf(local.dayOf(range.from))
  const groups = new Map<number, ChartRow>()
  for (const row of dayRows(market, { ...range, from: local.momentOf(first, 0) })) {
    const start = startOf(local.dayOf(row.time))
    const held = groups.get(start)
    groups.set(
      start,
      held ? joinRows(held, row) : { ...row, time: local.momentOf(start, 0), bar: adjusted(row), ratio: 1 },
    )
  }
  return [...groups.values()].filter(({ time }) => time >= range.from)
}

/** The sessions that have begun by `known` and overlap the range. */
function sessionsIn({ calendar }: StockMarket, { from, to, known }: ChartRange): readonly Session[] {
  const sessions: Session[] = []
  const end = Math.min(to, known + 1)
  let session = calendar.sessionFrom(calendar.local.dayOf(from))
  while (session.pre < end) {
    sessions.push(session)
    session = calendar.sessionFrom(session.day + 1)
  }
  return sessions
}

function regularRows(market: StockMarket, session: Session, stepMinutes: number, known: number): readonly ChartRow[] {
  if (known < session.open) return []
  const tape = market.tapeOf(session)
  const ratio = splitRatio(market.splits, session.open, known)
  const rows: ChartRow[] = []
  for (let from = 0; from < tape.minutes; from += stepMinutes) {
    const time = session.open + from * MINUTE
    if (time > known) break
    const to = Math.min(from + stepMinutes, tape.minutes)
    const bar = market.fold(tape, { from, to }, known)
    // Whether nothing is traded in it is known when it has ended.
    if (bar || time + stepMinutes * MINUTE <= known) rows.push({ time, ratio, bar })
  }
  const last = rows.at(-1)
  const isOpen = known < session.close && last?.bar !== undefined && last.bar.lastTime > last.time
  return isOpen ? [...rows, liveRow(last.bar, ratio)] : rows
}

/** While a market is open, Yahoo adds its last price as a row of its own, without volume. */
function liveRow({ close, lastTime }: Bar, ratio: number): ChartRow {
  const bar = { open: close, high: close, low: close, close, volume: 0, lastTime }
  return { time: lastTime, bar, ratio }
}

function extendedRows(
  market: StockMarket,
  { from, to }: { readonly from: number; readonly to: number },
  stepMinutes: number,
  { known }: ChartRange,
): readonly ChartRow[] {
  const rows: ChartRow[] = []
  for (let time = from; time < to && time <= known; time += stepMinutes * MINUTE) {
    const end = Math.min(time + stepMinutes * MINUTE, to)
    const prints = []
    for (let minute = time; minute < end; minute += MINUTE) {
      const print = market.extendedAt({ from: minute, to: minute + MINUTE }, known)
      if (print) prints.push(print)
    }
    const cents = prints.map((print) => print.cents)
    if (prints.length === 0) continue
    const [open, close] = [cents[0]!, cents.at(-1)!]
    const lastTime = prints.at(-1)!.time
    const bar = { open, high: Math.max(...cents), low: Math.min(...cents), close, volume: 0, lastTime }
    rows.push({ time, ratio: splitRatio(market.splits, time, known), bar })
  }
  return rows
}

function adjusted({ bar, ratio }: ChartRow): Bar {
  const { open, high, low, close, volume, lastTime } = bar!
  const prices = { open: open / ratio, high: high / ratio, low: low / ratio, close: close / ratio }
  return { ...prices, volume: volume * ratio, lastTime }
}

function joinRows(held: ChartRow, row: ChartRow): ChartRow {
  const [left, right] = [held.bar!, adjusted(row)]
  const bar = {
    open: left.open,
    high: Math.max(left.high, right.high),
    low: Math.min(left.low, right.low),
    close: right.close,
    volume: left.volume + right.volume,
    lastTime: right.lastTime,
  }
  return { ...held, bar }
}

function monthStart(day: number): number {
  const date = new Date(day * 24 * 60 * MINUTE)
  return Math.floor(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1) / (24 * 60 * MINUTE))
}
