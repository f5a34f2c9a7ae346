import type { Candle } from './candle.ts'
import { bucketEnd, TIMEFRAME_MS, type Timeframe } from './timeframe.ts'

/** The source's finished candles by timeframe, each list ascending. */
export type SourceCandles = ReadonlyMap<Timeframe, readonly Candle[]>

/** What open candles are composed of, longest first: few pieces, and each is a kline that never changes again. */
const PIECE_TIMEFRAMES = ['1D', '1h', '1m'] as const satisfies readonly Timeframe[]

/**
 * The finished candles that together cover [from, to), each shorter than `timeframe`, in order of time. Minutes without
 * a trade have no candle and leave no trace.
 *
 * An open candle is composed of these and of the running minute's trades, never taken from a kline: a kline does not
 * say up to which trade it counts, so no live trade could be joined to it without a hole or a double.
 */
export function piecesBetween(timeframe: Timeframe, from: number, to: number, candles: SourceCandles): Candle[] {
  const shorter = PIECE_TIMEFRAMES.filter((piece) => TIMEFRAME_MS[piece] < TIMEFRAME_MS[timeframe])
  const byTime = new Map(
    shorter.map((piece) => [piece, new Map((candles.get(piece) ?? []).map((row) => [row.time, row]))] as const),
  )
  const pieces: Candle[] = []
  let position = from
  while (position < to) {
    const next = shorter.find((piece) => bucketEnd(piece, position) <= to && byTime.get(piece)?.has(position))
    if (next !== undefined) pieces.push(byTime.get(next)!.get(position)!)
    position = next === undefined ? position + TIMEFRAME_MS['1m'] : bucketEnd(next, position)
  }
  return pieces
}
