import type { OhlcvRow } from '../market/candle.ts'
import type { Cursor } from '../market/tick.ts'
import type { ChartTimeframe } from '../market/timeframe.ts'
import type { CandleHistory } from '../wire/messages.ts'
import type { Ask, Follower } from './follow.ts'
import type { CandleMessage, IntervalEndMessage, ServerMessage } from './messages.ts'

/** One symbol's candles as they stand: comes first, and again after every reconnect, in place of all before it. */
export interface CandleSnapshot {
  readonly type: 'snapshot'
  readonly symbol: string
  readonly timeframe: ChartTimeframe
  /** The id of the last tick folded in; null when there is none. */
  readonly cursor: Cursor | null
  /** Ascending, no doubles; the last may be open. */
  readonly candles: readonly OhlcvRow[]
}

export type CandleEvent = CandleSnapshot | CandleMessage | IntervalEndMessage

export interface CandleOptions {
  /** `1m` unless told. */
  readonly timeframe?: ChartTimeframe
  /** Candles in the snapshot; 500 unless told. */
  readonly history?: number
  /** Least ms between two frames of one candle; the gateway's default unless told. */
  readonly interval?: number
  /** Buckets without a trade carry the last close: a candle for each of them. */
  readonly fill?: boolean
}

/** Follows candles: a whole snapshot per symbol on every connection, then each change. */
export function createCandleFollower(
  symbols: readonly string[],
  { timeframe = '1m', history = 500, ...rest }: CandleOptions,
): Follower<CandleEvent> {
  const wanted = new Set(symbols)
  let parts = new Map<string, OhlcvRow[]>()

  function snapshot({ symbol, candles, cursor, more }: CandleHistory): readonly CandleEvent[] {
    const rows = [...(parts.get(symbol) ?? []), ...candles]
    if (more) {
      parts.set(symbol, rows)
      return []
    }
    parts.delete(symbol)
    return [{ type: 'snapshot', symbol, timeframe, cursor, candles: rows }]
  }

  return {
    symbols: wanted,
    start(ask: Ask) {
      // What a cut left unfinished is worth nothing: the new connection begins from the first part.
      parts = new Map()
      ask({ channel: 'candles', symbols: [...wanted], timeframe, history, ...rest })
    },
    take(message: ServerMessage) {
      if (message.type === 'ws_history') return message.channel === 'candles' ? snapshot(message) : []
      return message.type === 'candle' || message.type === 'interval_end' ? [message] : []
    },
  }
}
