import type { Cursor, Update } from '../market/tick.ts'
import type { ChartTimeframe } from '../market/timeframe.ts'
import type { Frame } from '../wire/frame.ts'
import type { Channel, ServerMessage } from '../wire/messages.ts'

/** What one client gets of one symbol on one channel. */
export interface Subscription {
  readonly channel: Channel
  readonly symbol: string
  readonly timeframe?: ChartTimeframe
  readonly interval?: number
  /** On ticks: the last id queued for this client; undefined before its history began. */
  readonly cursor?: Cursor | null | undefined
  /** Told in the turn of the answer, before any subscription of the request starts. */
  granted?(): void
  /** Sends the snapshot and goes live. @throws GatewayError tier_unavailable when its history cannot be read. */
  start(): void | Promise<void>
  /** Nothing is sent any more. Safe to call twice. */
  stop(): void
}

/** Where a subscription's frames go. */
export interface Outlet {
  send(frame: Frame): void
  /** Resolves when there is room for history; undefined: there is. */
  room(): Promise<void> | undefined
}

/** Where histories go. */
export interface PartOutlet extends Outlet {
  /** Sends one frame that is in pieces, of which large ones are shared with other clients and not copied. */
  sendPieces(pieces: readonly Buffer[]): void
}

/** Gets every tick of a symbol, already encoded. */
export interface TickListener {
  tick(update: Update, frame: Frame): void
  /** A hole was told; `told` is what the frame says. */
  gap(frame: Frame, told: ServerMessage<'gap'>): void
}

/** The identity of a subscription on its connection: a second one with the same key replaces the first. */
export function subscriptionKey({
  channel,
  symbol,
  timeframe,
}: Pick<Subscription, 'channel' | 'symbol' | 'timeframe'>) {
  return JSON.stringify([channel, symbol, timeframe])
}
