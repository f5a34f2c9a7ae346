/** What a simulator has seen its clients do since it started, for tests that count it. */
export interface SimulatorSeen {
  /** Stream connections that were asked for, those refused among them. */
  readonly connects: number
  /** By a fault, a rule or a wrong URL. */
  readonly refusedConnects: number
  /** What came over stream connections: commands, pings and pongs. */
  readonly messages: number
  /** Connections closed with 1008, for more than five messages in a second. */
  readonly chattyConnections: number
  /** REST requests by path (`/api/v3/aggTrades`), however they were answered. */
  readonly requests: ReadonlyMap<string, number>
  /** REST requests answered with 429 or 418. */
  readonly refusedRequests: number
  /**
   * REST requests that came although the `Retry-After` of an earlier answer had not passed. A request under way while
   * that answer was written counts as well.
   */
  readonly unheededRequests: number
}

/** The counters themselves. */
export type SeenCounters = { -readonly [name in keyof Omit<SimulatorSeen, 'requests'>]: SimulatorSeen[name] } & {
  readonly requests: Map<string, number>
}

export function createSeenCounters(): SeenCounters {
  return {
    connects: 0,
    refusedConnects: 0,
    messages: 0,
    chattyConnections: 0,
    requests: new Map(),
    refusedRequests: 0,
    unheededRequests: 0,
  }
}
