import type { Calendar } from './calendar.ts'
import type { Candle } from './candle.ts'
import { TIMEFRAME_MS, type Timeframe } from './timeframe.ts'

/** The source's candles by timeframe, each list ascending; the last may be open. */
export type SourceCandles = ReadonlyMap<Timeframe, readonly Candle[]>

/** A finished candle of a shorter timeframe, and when its bucket begins (Unix ms). */
export interface OpenPiece {
  readonly begin: number
  readonly candle: Candle
}

/** What open candles are composed of, longest first: few pieces, and each is a kline that never changes again. */
const PIECE_TIMEFRAMES = ['1D', '1h', '1m'] as const satisfies readonly Timeframe[]

/**
 * What the open candle of `timeframe` at `until` (a full minute) consists of, in order of time: finished candles of
 * shorter timeframes, from the end of the last finished one (which began at `last`) on. Minutes without a trade have no
 * candle and leave no trace.
 *
 * An open candle is composed of these and of the running minute's trades, never taken from a kline: a kline does not
 * say up to which trade it counts, so no live trade could be joined to it without a hole or a double.
 */
export function openPieces(
  last: number | undefined,
  timeframe: Timeframe,
  until: number,
  candles: SourceCandles,
  calendar: Calendar,
): readonly OpenPiece[] {
  const shorter = PIECE_TIMEFRAMES.filter((piece) => TIMEFRAME_MS[piece] < TIMEFRAME_MS[timeframe])
  const byTime = new Map<Timeframe, ReadonlyMap<number, Candle>>(
    shorter.map(
      (piece) =>
        [
          piece,
          new Map((candles.get(piece) ?? []).filter(({ final }) => final).map((row) => [row.time, row])),
        ] as const,
    ),
  )
  const pieces: OpenPiece[] = []
  // The bucket before may have ended just after its timeframe was asked for: then it is composed as well.
  const earliest = calendar.beginOf(timeframe, calendar.startOf(timeframe, until) - TIMEFRAME_MS[timeframe])
  let position = Math.max(earliest, last === undefined ? earliest : calendar.endOf(timeframe, last))
  /** The finished candle whose bucket begins at `position`. */
  const finishedAt = (piece: Timeframe): Candle | undefined => {
    const candle = byTime.get(piece)?.get(calendar.startOf(piece, position))
    if (candle === undefined || calendar.beginOf(piece, candle.time) !== position) return undefined
    return calendar.endOf(piece, candle.time) <= until ? candle : undefined
  }
  while (shorter.length > 0 && position < until) {
    const next = shorter.find((piece) => finishedAt(piece) !== undefined)
    const candle = next && finishedAt(next)
    if (candle !== undefined) pieces.push({ begin: position, candle })
    position = candle === undefined ? position + TIMEFRAME_MS['1m'] : calendar.endOf(next!, candle.time)
  }
  return pieces
}
