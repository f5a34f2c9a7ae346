import type { ServiceState } from '../base/service-state.ts'
import type { OhlcvRow } from '../market/candle.ts'
import type { PriceQuote } from '../market/quote.ts'
import type { Cursor, Side } from '../market/tick.ts'
import type { ChartTimeframe, Timeframe } from '../market/timeframe.ts'

/** The version that `welcome` names. The meaning of a field never changes within a version. */
export const PROTOCOL = 1

export const CHANNELS = ['candles', 'ticks', 'prices', 'predictions', 'status'] as const
export type Channel = (typeof CHANNELS)[number]

/** What the answer repeats, so that a client can tell its answers apart. */
export type RequestId = number | string

/** The codes of `error` frames: the lower half of DECISION_BY_CODE. */
export type WireErrorCode =
  | 'bad_message'
  | 'unknown_op'
  | 'unknown_channel'
  | 'unknown_symbol'
  | 'bad_timeframe'
  | 'bad_parameter'
  | 'unauthorized'
  | 'forbidden'
  | 'limit_exceeded'
  | 'rate_limited'
  | 'unavailable'
  | 'internal'

// --- client to server ---

/** What may be asked, by `op`. A new row is a compile error in codec.ts (its schema) and requests.ts (its handler). */
export interface ClientMessages {
  readonly subscribe: SubscribeFields
  readonly unsubscribe: UnsubscribeFields
  readonly replay: ReplayFields
  readonly list: Record<never, never>
  readonly ping: Record<never, never>
  readonly auth: { readonly token: string }
}

export type ClientOp = keyof ClientMessages

/** A message as clients send it; distributes over the ops, so that `op` tells which fields there are. */
export type ClientMessage<Op extends ClientOp = ClientOp> = {
  [O in Op]: { readonly op: O; readonly id?: RequestId } & ClientMessages[O]
}[Op]

export interface SubscribeFields {
  /** `candles` when absent. */
  readonly channel?: Channel
  /** `*` means every symbol of the gateway. */
  readonly symbols?: readonly string[]
  /** Candles only; `1m` when absent. */
  readonly timeframe?: ChartTimeframe
  /** Rows before live: at most one of `history`, `after` and `from`. */
  readonly history?: number
  /** Resume: the last id that the client has, by symbol. Ticks only. */
  readonly after?: Readonly<Record<string, Cursor>>
  /** Replay from this time (Unix ms) on. Ticks only. */
  readonly from?: number
  /** The last ms of the replay; without it, it goes on live. */
  readonly to?: number
  readonly speed?: number | 'max'
  /** At most one frame in so many ms; 0 is one per flush. Candles and prices. */
  readonly interval?: number
  /** Candles: buckets without a trade carry the last close. */
  readonly fill?: boolean
}

export interface UnsubscribeFields {
  readonly channel?: Channel
  readonly symbols?: readonly string[]
  readonly timeframe?: ChartTimeframe
}

export interface ReplayFields {
  readonly symbols: readonly string[]
  readonly action: 'pause' | 'resume' | 'seek' | 'speed'
  /** Where to seek. */
  readonly time?: number
  readonly speed?: number | 'max'
}

// --- server to client ---

/** What the gateway sends, by `type`. */
export interface ServerMessages {
  readonly welcome: {
    readonly protocol: typeof PROTOCOL
    readonly server: string
    readonly node: string
    readonly time: number
    /** Ms between heartbeats. */
    readonly heartbeat: number
    readonly limits: WireLimits
  }
  readonly subscribed: {
    readonly id?: RequestId
    readonly channel: Channel
    readonly symbols: readonly string[]
    readonly streams: Readonly<Record<string, string>>
    readonly timeframe?: ChartTimeframe
    readonly interval?: number
    readonly history?: number
    /** Candles: empty buckets carry the last close. */
    readonly fill?: true
    /** Of a replay: where its clock is, or begins. */
    readonly from?: number
    readonly to?: number
    readonly speed?: number | 'max'
    readonly paused?: true
    readonly resume?: Readonly<Record<string, Resume>>
  }
  readonly ws_history: CandleHistory | TickHistory
  readonly tick: TickRow & { readonly symbol: string }
  readonly candle: {
    readonly symbol: string
    readonly timeframe: ChartTimeframe
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
    readonly cursor: Cursor | null
  }
  /** Every subscribed symbol's candle of the bucket that starts at `time` is final, or it has none. */
  readonly interval_end: { readonly timeframe: Timeframe; readonly time: number }
  readonly price: PriceQuote & {
    /** Ticks that came and went since the last `price` of this symbol on this socket. */
    readonly skipped: number
  }
  readonly status: StatusRow
  readonly gap: {
    readonly symbol: string
    /** Inclusive. */
    readonly from: Cursor
    readonly to: Cursor
    readonly count: number
    readonly status: 'open' | 'filled' | 'unfillable'
    readonly reason?: string
  }
  /** Not sent yet. */
  readonly lost: {
    readonly symbol: string
    readonly channel: Channel
    readonly from: Cursor
    readonly to: Cursor
    readonly count: number
  }
  /** `live`: the ticks that are published follow; else the subscription is over. */
  readonly replay_end: { readonly symbol: string; readonly cursor: Cursor | null; readonly live: boolean }
  readonly heartbeat: {
    readonly time: number
    /** By tick subscription: the last id put on this socket before this frame. */
    readonly cursors: Readonly<Record<string, Cursor | null>>
  }
  readonly error: {
    readonly id?: RequestId
    readonly code: WireErrorCode
    readonly message: string
    /** The same request may succeed later. */
    readonly retry: boolean
    readonly symbol?: string
  }
  readonly pong: { readonly id?: RequestId; readonly time: number }
  readonly unsubscribed: {
    readonly id?: RequestId
    readonly channel: Channel
    readonly symbols: readonly string[]
    readonly timeframe?: ChartTimeframe
  }
  readonly subscriptions: { readonly id?: RequestId; readonly subscriptions: readonly SubscriptionRow[] }
}

export type ServerType = keyof ServerMessages

/** A frame as clients get it; distributes over the types, so that `type` tells which fields there are. */
export type ServerMessage<Type extends ServerType = ServerType> = {
  [T in Type]: { readonly type: T } & ServerMessages[T]
}[Type]

export interface WireLimits {
  readonly subscriptions: number
  readonly messageBytes: number
  readonly messagesPerSecond: number
  /** The most rows of `history` that are granted. */
  readonly history: { readonly candles: number; readonly ticks: number }
}

/** What a resume found: everything after the client's id, or only what follows from `oldest` on. */
export type Resume = { readonly state: 'complete' } | { readonly state: 'truncated'; readonly oldest: Cursor }

export type TierName = 'memory' | 'redis' | 'database'

interface HistoryPart {
  readonly symbol: string
  /** As of which tick it is; in a part with `more` its last row's id. Null: the stream is empty. */
  readonly cursor: Cursor | null
  readonly tier: TierName
  /** Another part follows. */
  readonly more: boolean
  /** Ids between the last row sent (or asked after) and this part's first exist nowhere any more. */
  readonly truncated?: true
}

export interface CandleHistory extends HistoryPart {
  readonly channel: 'candles'
  readonly timeframe: ChartTimeframe
  /** Ascending, no doubles; the last may be open. */
  readonly candles: readonly OhlcvRow[]
}

export interface TickHistory extends HistoryPart {
  readonly channel: 'ticks'
  readonly ticks: readonly TickRow[]
}

/** A tick on the wire: in `ws_history` as it is, live with `type` and `symbol`. */
export interface TickRow {
  readonly id: Cursor
  readonly prev: Cursor | null
  /** Null: an observation without a value. */
  readonly price: number | null
  readonly size?: number
  readonly side?: Side
  readonly time: number
  readonly received: number
  readonly backfilled?: true
  /** Of an observation: the first day that it describes, and the day on which it was published so; `YYYY-MM-DD`. */
  readonly period?: string
  readonly vintage?: string
}

/** How a feed or a tier is: one of the two is named. */
export interface StatusRow {
  readonly feed?: string
  /** `database`, `redis`. */
  readonly tier?: string
  readonly state: ServiceState
  /** Since when (Unix ms). */
  readonly since: number
  /** Why it is not live, or not wholly. */
  readonly reason?: string
}

export interface SubscriptionRow {
  readonly channel: Channel
  readonly symbol: string
  readonly timeframe?: ChartTimeframe
  readonly interval?: number
}
