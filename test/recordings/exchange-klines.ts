import { CANDLE_NUMBERS, type Candle } from '../../src/market/candle.ts'
import type { Timeframe } from '../../src/market/timeframe.ts'

/** What a candle and the exchange's kline of the same bucket must agree in. */
export type ComparedCandle = Pick<Candle, 'time' | (typeof CANDLE_NUMBERS)[number]>

/** Columns of a kline, over REST as in the public files; what follows them is not read. */
function toKline(row: readonly unknown[]): ComparedCandle {
  const [time, open, high, low, close, volume, , quoteVolume, trades, buyVolume] = row.map(Number)
  const prices = { open: open!, high: high!, low: low!, close: close! }
  const sums = { volume: volume!, quoteVolume: quoteVolume!, trades: trades!, buyVolume: buyVolume! }
  return { time: time!, ...prices, ...sums }
}

/** The klines of a public file: `openTime,open,high,low,close,volume,closeTime,quoteVolume,trades,buyVolume,...`. */
export function parseKlines(text: string): readonly ComparedCandle[] {
  const rows = text.split('\n').filter((line) => /^\d/.test(line))
  return rows.map((line) => toKline(line.trimEnd().split(',')))
}

/** The newest thousand klines of a simulator. */
export async function fetchKlines(
  restUrl: string,
  symbol: string,
  timeframe: Timeframe,
): Promise<readonly ComparedCandle[]> {
  const interval = timeframe.replace('D', 'd').replace('W', 'w')
  const answer = await fetch(`${restUrl}/api/v3/klines?symbol=${symbol}&interval=${interval}&limit=1000`)
  const rows: readonly (readonly unknown[])[] = await answer.json()
  return rows.map(toKline)
}

/** How `ours` differ from `theirs` where both have a bucket, and where one has a bucket with trades that the other lacks. */
export function findDifferences(
  what: string,
  ours: readonly ComparedCandle[],
  theirs: readonly ComparedCandle[],
): readonly string[] {
  const oursByTime = new Map(ours.map((candle) => [candle.time, candle]))
  const first = ours[0]?.time ?? Number.POSITIVE_INFINITY
  return theirs.flatMap((kline) => {
    const at = `${what} ${new Date(kline.time).toISOString()}`
    const candle = oursByTime.get(kline.time)
    if (candle === undefined) return kline.trades > 0 && kline.time >= first ? [`${at}: no candle`] : []
    return CANDLE_NUMBERS.flatMap((name) =>
      candle[name] === kline[name] ? [] : [`${at}: ${name} must be ${kline[name]}, was ${candle[name]}`],
    )
  })
}
