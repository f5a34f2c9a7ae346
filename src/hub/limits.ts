/** Every bound of the hub. Sizes are bytes; times are ms. */
export interface HubLimits {
  readonly maxConnections: number
  /** Loopback is exempt. */
  readonly maxConnectionsPerAddress: number
  /** Connections that are let in during one turn of the event loop; the others wait for the next. */
  readonly entriesPerTurn: number
  /** Per connection. */
  readonly maxSubscriptions: number
  /** A larger message closes the connection with 1009. */
  readonly maxMessageBytes: number
  readonly messagesPerSecond: number
  readonly messageBurst: number
  /** Requests of one connection that wait for an earlier one's answer. */
  readonly maxWaitingRequests: number
  /** Unreadable messages in a row, after which the connection is closed with 4501. */
  readonly maxGarbageInARow: number
  readonly maxCandleHistory: number
  readonly maxTickHistory: number
  /** Queued for one client and not yet taken by its socket; above it the connection is closed with 4008. */
  readonly maxQueuedBytes: number
  /** Above it, history waits for the socket to drain. */
  readonly congestedBytes: number
  /** Ticks in a part of a history. */
  readonly partTicks: number
  /** Parts of all histories that go out in one turn of the event loop; the others wait for the next. */
  readonly partsPerTurn: number
  /** Ticks that are kept encoded for those who need the same parts of a history. */
  readonly sharedTicks: number
  /** Candles older than memory's that are kept encoded, likewise. */
  readonly sharedCandleBytes: number
  readonly pingMs: number
  /** How long an `after` beyond the newest id waits for a stream that is still catching up. */
  readonly resumeWaitMs: number
  /** How long close() waits for the clients to answer. */
  readonly closeMs: number
  /** 0: once per turn of the event loop. */
  readonly flushWindowMs: number
}

export const DEFAULT_LIMITS: HubLimits = {
  maxConnections: 20_000,
  maxConnectionsPerAddress: 100,
  entriesPerTurn: 2,
  maxSubscriptions: 1_000,
  maxMessageBytes: 65_536,
  messagesPerSecond: 50,
  messageBurst: 200,
  maxWaitingRequests: 256,
  maxGarbageInARow: 100,
  maxCandleHistory: 10_000,
  maxTickHistory: 10_000,
  maxQueuedBytes: 16 * 1024 * 1024,
  congestedBytes: 1024 * 1024,
  partTicks: 1_000,
  partsPerTurn: 4,
  sharedTicks: 200_000,
  sharedCandleBytes: 64 * 1024 * 1024,
  pingMs: 15_000,
  resumeWaitMs: 10_000,
  closeMs: 2_000,
  flushWindowMs: 0,
}
