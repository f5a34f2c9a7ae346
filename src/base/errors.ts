/**
 * What is done about each error. `retry`: try again later. `refuse`: stop the thing that asked and say why.
 * `skip`: count this one item and go on. `tell`: answer the client with the code.
 */
export type Decision = 'retry' | 'refuse' | 'skip' | 'tell'

/** The closed list of error codes, each with its one decision. The lower half is told to clients (PROTOCOL, Errors). */
export const DECISION_BY_CODE = {
  config_invalid: 'refuse',
  port_taken: 'refuse',
  data_dir_locked: 'refuse',
  feed_refused: 'refuse',
  feed_broken: 'retry',
  feed_payload: 'skip',
  tier_unavailable: 'retry',
  row_refused: 'skip',
  bad_message: 'tell',
  unknown_op: 'tell',
  unknown_channel: 'tell',
  unknown_symbol: 'tell',
  bad_timeframe: 'tell',
  bad_parameter: 'tell',
  unauthorized: 'tell',
  forbidden: 'tell',
  limit_exceeded: 'tell',
  rate_limited: 'tell',
  unavailable: 'tell',
  internal: 'tell',
} as const satisfies Record<string, Decision>

export type ErrorCode = keyof typeof DECISION_BY_CODE

/** The one error of this program. `message` says what must be, then what was; it never holds a secret. */
export class GatewayError extends Error {
  readonly code: ErrorCode

  /** Another try before that is in vain, as the other side has said. */
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, options?: ErrorOptions & { readonly retryAfterMs?: number }) {
    super(message, options)
    this.name = 'GatewayError'
    this.code = code
    this.retryAfterMs = options?.retryAfterMs
  }

  get decision(): Decision {
    return DECISION_BY_CODE[this.code]
  }
}

/** Whether `error` is ours and, when codes are given, has one of them. */
export function isGatewayError(error: unknown, ...codes: readonly ErrorCode[]): error is GatewayError {
  return error instanceof GatewayError && (codes.length === 0 || codes.includes(error.code))
}

/** One line about anything that was thrown, for logs and messages. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
