import { GatewayError } from '../base/errors.ts'
import type { RequestId, ServerMessage, WireErrorCode } from './messages.ts'

/** Whether the same request may succeed later, where the case itself does not say otherwise. */
const RETRY_BY_CODE: Readonly<Record<WireErrorCode, boolean>> = {
  bad_message: false,
  unknown_op: false,
  unknown_channel: false,
  unknown_symbol: false,
  bad_timeframe: false,
  bad_parameter: false,
  unauthorized: false,
  forbidden: false,
  limit_exceeded: false,
  rate_limited: true,
  unavailable: true,
  internal: true,
}

export interface ErrorContext {
  readonly id?: RequestId | undefined
  readonly symbol?: string | undefined
  /** The table above decides when absent. */
  readonly retry?: boolean
}

/** An `error` frame. */
export function errorMessage(
  code: WireErrorCode,
  message: string,
  { id, symbol, retry = RETRY_BY_CODE[code] }: ErrorContext = {},
): ServerMessage<'error'> {
  return {
    type: 'error',
    ...(id !== undefined && { id }),
    code,
    message,
    retry,
    ...(symbol !== undefined && { symbol }),
  }
}

/**
 * What a client is told of something that was thrown. Errors of the tiers become `unavailable`, and what nobody meant
 * to tell becomes `internal`: no cause, no stack, no words of a driver.
 */
export function toErrorMessage(error: unknown, context: ErrorContext = {}): ServerMessage<'error'> {
  if (error instanceof GatewayError) {
    if (isWireCode(error.code)) return errorMessage(error.code, error.message, context)
    if (error.code === 'tier_unavailable') {
      return errorMessage('unavailable', 'the history cannot be read now; try again', context)
    }
  }
  return errorMessage('internal', 'something went wrong in the gateway; its log has the cause', context)
}

function isWireCode(code: string): code is WireErrorCode {
  return Object.hasOwn(RETRY_BY_CODE, code)
}
