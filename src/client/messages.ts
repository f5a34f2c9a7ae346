import type { ClientMessage, ServerMessage as WireMessage } from '../wire/messages.ts'

/** What this client asks. */
export type Subscribe = ClientMessage<'subscribe'>
export type Steer = ClientMessage<'replay'>
export type Action = Omit<Steer, 'op' | 'id'>

/** What this client hears. A gateway may say more one day; what is not known is let pass. */
export type ServerMessage = WireMessage
export type SubscribedMessage = WireMessage<'subscribed'>
export type ErrorMessage = WireMessage<'error'>
export type GapMessage = WireMessage<'gap'>
export type LostMessage = WireMessage<'lost'>

/** A tick; times are Unix ms. */
export type TickMessage = WireMessage<'tick'>
/** One candle as it stands now. `time` is its first ms; `trades` counts raw trades. */
export type CandleMessage = WireMessage<'candle'>
/** Every subscribed symbol's candle of this bucket is final. */
export type IntervalEndMessage = WireMessage<'interval_end'>
/** The latest price of one symbol; `skipped` ticks came between this one and the last. */
export type PriceMessage = WireMessage<'price'>
/** How a feed or a tier of the gateway is: one of the two is named. */
export type StatusMessage = WireMessage<'status'>

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
