import { TIMEFRAME_MS, type Timeframe } from '../../src/market/timeframe.ts'
import type { BinanceSimulator } from '../../src/simulate/binance.ts'

/** `[open, high, low, close, volume, quote volume, trades, buy volume]` by time. */
export type Klines = ReadonlyMap<number, readonly number[]>

const INTERVALS: Partial<Record<Timeframe, string>> = { '1D': '1d', '1W': '1w' }

/** The exchange's own candles of the newest 1000 buckets that ended by `until` (Unix ms); none without a trade. */
export async function klinesUntil(
  { restUrl }: BinanceSimulator,
  symbol: string,
  timeframe: Timeframe,
  until: number,
): Promise<Klines> {
  const query = `symbol=${symbol}USDT&interval=${INTERVALS[timeframe] ?? timeframe}&limit=1000&endTime=${until}`
  const answer = await fetch(`${restUrl}/api/v3/klines?${query}`)
  const rows = (await answer.json()) as readonly (readonly (string | number)[])[]
  const klines = rows
    .map((row) => row.map(Number))
    .map(([time, o, h, l, c, v, , q, n, b]) => [time, o, h, l, c, v, q, n, b])
  const ended = klines.filter(([time, , , , , , , trades]) => trades! > 0 && time! + TIMEFRAME_MS[timeframe] <= until)
  return new Map(ended.map(([time, ...row]) => [time!, row as number[]]))
}

/** The first candle of `truth` that `candles` has otherwise, or has not; undefined when there is none. */
export function findWrong(truth: Klines, candles: ReadonlyMap<number, readonly number[]>): string | undefined {
  for (const [time, row] of truth) {
    const ours = candles.get(time)
    const at = new Date(time).toISOString()
    if (ours === undefined) return `${at} is not there, must be ${row.join(' ')}`
    if (ours.some((value, index) => value !== row[index])) return `${at} is ${ours.join(' ')}, must be ${row.join(' ')}`
  }
  return undefined
}
