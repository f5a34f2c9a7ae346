/**
 * Why the gateway ends a connection. The range says what to do: 4000-4499 reconnect (and resume with `after`),
 * 4500-4999 do not. A reason is at most 123 bytes (RFC 6455, section 5.5).
 */
export const CLOSE = {
  shuttingDown: { code: 4000, reason: 'shutting down' },
  tooSlow: { code: 4008, reason: 'too slow: reconnect and resume with after' },
  noPong: { code: 4009, reason: 'no pong' },
  lostContinuity: { code: 4010, reason: 'lost continuity: reconnect and resume with after' },
  tokenExpired: { code: 4011, reason: 'token expired' },
  unauthorized: { code: 4500, reason: 'unauthorized' },
  protocolViolation: { code: 4501, reason: 'protocol violation' },
  connectionLimit: { code: 4503, reason: 'connection limit' },
} as const satisfies Record<string, CloseReason>

export interface CloseReason {
  readonly code: number
  readonly reason: string
}

/** A message over the limit: ws itself closes with it (RFC 6455, section 7.4.1). */
export const MESSAGE_TOO_BIG = 1009
