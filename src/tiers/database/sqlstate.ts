import { describeError, GatewayError } from '../../base/errors.ts'

/** A unique key was there already. */
export const UNIQUE_VIOLATION = '23505'

/** The SQLSTATE (or the system's code, `ECONNREFUSED`) of whatever a driver threw. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** The server answered with an error: the connection itself is sound. */
export function isServerAnswer(error: unknown): boolean {
  return /^[0-9A-Z]{5}$/.test(codeOf(error) ?? '') && !isConnectionLoss(codeOf(error) ?? '')
}

/** A row is to blame: class 22 (bad value) or 23 (broken constraint). Sending it again would fail again. */
export function isDataError(error: unknown): boolean {
  if (error instanceof GatewayError) return error.code === 'row_refused'
  return /^2[23]...$/.test(codeOf(error) ?? '')
}

/**
 * What a driver's error means to the rest of the gateway. Refused logins and missing databases are the operator's to
 * mend; statements the schema does not know are ours; anything else (a lost or crowded or full or read-only server, a
 * timeout, a dead worker) is worth another try.
 */
export function toGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  const code = codeOf(error) ?? ''
  const said = `${describeError(error)}${code ? ` (${code})` : ''}`
  const options = { cause: error }
  if (/^28...$/.test(code) || code === '3D000') {
    return new GatewayError('config_invalid', `the database must let the gateway in, but it said: ${said}`, options)
  }
  if (isDataError(error)) {
    return new GatewayError('row_refused', `the database must take the row, but it said: ${said}`, options)
  }
  if (/^42...$/.test(code)) {
    return new GatewayError('internal', `the database must know the statement, but it said: ${said}`, options)
  }
  return new GatewayError('tier_unavailable', `the database must answer, but: ${said}`, options)
}

/** Classes that come with, or announce, the end of the connection: 08 (connection), 57P0x (shutdown). */
function isConnectionLoss(code: string): boolean {
  return /^(08...|57P0.)$/.test(code)
}
