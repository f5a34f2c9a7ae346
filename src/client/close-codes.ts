import { type ErrorCode, GatewayError } from '../base/errors.ts'
import type { Ending } from './link.ts'
import type { ErrorMessage } from './messages.ts'

const MESSAGE_TOO_BIG = 1009

const CODE_BY_CLOSE: Readonly<Record<number, ErrorCode>> = {
  [MESSAGE_TOO_BIG]: 'bad_message',
  4500: 'unauthorized',
  4501: 'bad_message',
  4503: 'limit_exceeded',
}

/** Whether the range of a close code says to stay away: 4500 to 4999, and 1009, which would only come again. */
export function isFinal(code: number): boolean {
  return code === MESSAGE_TOO_BIG || (code >= 4500 && code <= 4999)
}

/** The error for an ending after which there is no coming back; undefined where reconnecting is right. */
export function refusal({ code, reason }: Ending, complaint: ErrorMessage | undefined): GatewayError | undefined {
  if (code === undefined || !isFinal(code)) return undefined
  return new GatewayError(
    CODE_BY_CLOSE[code] ?? complaint?.code ?? 'internal',
    `the gateway closed the connection for good (${code}): ${complaint?.message ?? reason}`,
  )
}
