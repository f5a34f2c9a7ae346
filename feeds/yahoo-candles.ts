import type { Calendar } from '../src/market/calendar.ts'
import type { Candle } from '../src/market/candle.ts'
import type { Timeframe } from '../src/market/timeframe.ts'
import type { ChartRow, YahooChart } from './yahoo-rows.ts'

/** How long the rows of a chart are; `1D`: each is an exchange day. */
export type RowLength = number | '1D'

/**
 * Candles of `timeframe` made of a chart's rows, ascending, one a bucket; buckets of days are the exchange's.
 * @param length of a row, at most the timeframe's
 * @param isOver whether a bucket that ends then is over, all of its trades counted
 */
export function composeCandles(
  chart: Pick<YahooChart, 'rows' | 'session'>,
  length: RowLength,
  timeframe: Timeframe,
  calendar: Calendar,
  isOver: (end: number) => boolean,
): readonly Candle[] {
  const candles: Candle[] = []
  for (const row of leaveQuiet(mergeLive(chart, length, calendar), chart.session)) {
    const time = calendar.startOf(timeframe, row.time)
    const last = candles.at(-1)
    if (last?.time !== time) candles.push(begin(row, time, isOver(calendar.endOf(timeframe, time))))
    else candles[candles.length - 1] = extend(last, row)
  }
  return candles
}

/** Whether every row begins on the grid of its length, so that none lies across two buckets; the last may be live. */
export function isOnGrid(rows: readonly ChartRow[], length: number): boolean {
  return rows.every(({ time }, n) => time % length === 0 || n === rows.length - 1)
}

/**
 * Joins rows of one interval. Beside the row of the running interval, or day, there may be a live one with the time of
 * the last trade, which says the same again or goes on from it. After the session that one is no interval's.
 */
function mergeLive({ rows, session }: Pick<YahooChart, 'rows' | 'session'>, length: RowLength, calendar: Calendar) {
  const merged: { start: number; row: ChartRow }[] = []
  rows.forEach((row, n) => {
    const start = length === '1D' ? calendar.startOf('1D', row.time) : row.time - (row.time % length)
    const last = merged.at(-1)
    if (last?.start === start) last.row = join(last.row, row)
    else if (n < rows.length - 1 || !isAfterSession(row, length, session)) merged.push({ start, row })
  })
  return merged.map(({ row }) => row)
}

/**
 * Leaves out rows that only carry a price on: no volume and no range, where others have a volume. What never has one (a
 * fund, a currency) keeps all its rows; so does a running session the last, which has just begun.
 */
function leaveQuiet(rows: readonly ChartRow[], session: YahooChart['session']): readonly ChartRow[] {
  if (!rows.some(({ volume }) => volume > 0)) return rows
  const isLive = ({ time }: ChartRow, n: number) =>
    n === rows.length - 1 && session !== undefined && time >= session.from
  return rows.filter((row, n) => row.volume > 0 || row.high > row.low || isLive(row, n))
}

function isAfterSession({ time, volume }: ChartRow, length: RowLength, session: YahooChart['session']): boolean {
  if (length === '1D' || volume > 0 || session === undefined) return false
  if (time >= session.to) return true
  // Of a day before: its session is not told, but a row off the grid is its closing price.
  return time < session.from && time % length !== 0
}

function join(row: ChartRow, live: ChartRow): ChartRow {
  return {
    ...row,
    high: Math.max(row.high, live.high),
    low: Math.min(row.low, live.low),
    close: live.close,
    volume: Math.max(row.volume, live.volume),
  }
}

/** Yahoo counts no trades: a row with a price has had one at least. */
function begin({ open, high, low, close, volume }: ChartRow, time: number, final: boolean): Candle {
  const prices = { time, open, high, low, close, volume, quoteVolume: 0, buyVolume: 0 }
  return { ...prices, trades: 1, firstId: null, lastId: null, final, revision: 0 }
}

function extend(candle: Candle, { high, low, close, volume }: ChartRow): Candle {
  return {
    ...candle,
    high: Math.max(candle.high, high),
    low: Math.min(candle.low, low),
    close,
    volume: candle.volume + volume,
    trades: candle.trades + 1,
  }
}
