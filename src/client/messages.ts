import type { ErrorCode } from '../base/errors.ts'
import type { OhlcvRow } from '../market/candle.ts'
import type { Cursor, Side } from '../market/tick.ts'
import type { Timeframe } from '../market/timeframe.ts'

/** What this client asks: the part of PROTOCOL 2 that it speaks. */
export interface Subscribe {
  readonly op: 'subscribe'
  readonly id: number
  readonly channel: 'ticks' | 'candles' | 'prices'
  readonly symbols: readonly string[]
  readonly timeframe?: Timeframe
  readonly history?: number
  readonly after?: Readonly<Record<string, Cursor>>
  readonly from?: number
  readonly speed?: number | 'max'
  readonly interval?: number
}

/** A tick as the wire has it; times are Unix ms. `price` is null for a missing macro value. */
export interface TickRow {
  readonly id: Cursor
  readonly prev: Cursor | null
  readonly price: number | null
  readonly size?: number
  readonly side?: Side
  readonly time: number
  readonly received: number
  readonly backfilled?: boolean
  readonly period?: string
  readonly vintage?: string
}

export interface TickMessage extends TickRow {
  readonly type: 'tick'
  readonly symbol: string
}

/** One candle as it stands now. `time` is its first ms; `trades` counts raw trades. */
export interface CandleMessage {
  readonly type: 'candle'
  readonly symbol: string
  readonly timeframe: Timeframe
  readonly time: number
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
  readonly quoteVolume: number
  readonly buyVolume: number
  readonly trades: number
  readonly final: boolean
  readonly revision: number
  readonly cursor: Cursor
}

/** Every subscribed symbol's candle of this bucket is final. */
export interface IntervalEndMessage {
  readonly type: 'interval_end'
  readonly timeframe: Timeframe
  readonly time: number
}

/** The latest price of one symbol; `skipped` ticks came between this one and the last. */
export interface PriceMessage {
  readonly type: 'price'
  readonly symbol: string
  readonly id: Cursor
  readonly price: number | null
  readonly time: number
  readonly change24h?: number
  readonly high24h?: number
  readonly low24h?: number
  readonly volume24h?: number
  readonly skipped: number
  readonly stale: boolean
  readonly market?: string
  readonly delay?: number
}

/** A hole in the source's own ids, bounds inclusive. */
export interface GapMessage {
  readonly type: 'gap'
  readonly symbol: string
  readonly from: Cursor
  readonly to: Cursor
  readonly count: number
  readonly status: 'open' | 'filled' | 'unfillable'
  readonly reason?: string
}

/** What the gateway did not send because this client was too slow, bounds inclusive. */
export interface LostMessage {
  readonly type: 'lost'
  readonly symbol: string
  readonly channel: string
  readonly from: Cursor
  readonly to: Cursor
  readonly count: number
}

export interface WelcomeMessage {
  readonly type: 'welcome'
  readonly protocol: number
  readonly server: string
  readonly node: string
  readonly time: number
  readonly heartbeat: number
}

export interface SubscribedMessage {
  readonly type: 'subscribed'
  readonly id?: number
  readonly channel: string
  readonly symbols: readonly string[]
  readonly streams: Readonly<Record<string, string>>
  readonly resume?: Readonly<
    Record<string, { readonly state: 'complete' } | { readonly state: 'truncated'; readonly oldest: Cursor }>
  >
}

export interface HistoryMessage {
  readonly type: 'ws_history'
  readonly channel: string
  readonly symbol: string
  readonly timeframe?: Timeframe
  readonly cursor: Cursor | null
  readonly candles?: readonly OhlcvRow[]
  readonly ticks?: readonly TickRow[]
  readonly more?: boolean
  readonly truncated?: boolean
}

export interface HeartbeatMessage {
  readonly type: 'heartbeat'
  readonly time: number
  readonly cursors?: Readonly<Record<string, Cursor | null>>
}

export interface ErrorMessage {
  readonly type: 'error'
  readonly id?: number
  readonly code: ErrorCode
  readonly message: string
  readonly retry: boolean
  readonly symbol?: string
}

/** What this client reads. A gateway may say more; the rest is let pass. */
export type ServerMessage =
  | WelcomeMessage
  | SubscribedMessage
  | HistoryMessage
  | TickMessage
  | CandleMessage
  | IntervalEndMessage
  | PriceMessage
  | GapMessage
  | LostMessage
  | HeartbeatMessage
  | ErrorMessage

/** Reads one frame; undefined when it is no message at all. */
export function decodeMessage(data: string): ServerMessage | undefined {
  try {
    const message: unknown = JSON.parse(data)
    if (typeof message !== 'object' || message === null || !('type' in message)) return undefined
    // Earned by the protocol's version, not by looking at each field: a chart pays for every check on every tick.
    return message as ServerMessage
  } catch {
    return undefined
  }
}
