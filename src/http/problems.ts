/** Errors as RFC 9457 problem details: what went wrong in a form that programs can read, and no stack to strangers. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorCode, GatewayError } from '../base/errors.ts'

export const PROBLEM_TYPE = 'application/problem+json'

/** `type` is about:blank: the status says which problem it is; `code` is ours, where there is one. */
export interface Problem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code?: ErrorCode
}

/** The status of each code that a request can meet; any other is ours to mend: 500. */
const STATUS_BY_CODE: Partial<Record<ErrorCode, number>> = {
  bad_message: 400,
  unknown_op: 400,
  unknown_channel: 400,
  bad_timeframe: 400,
  bad_parameter: 400,
  unauthorized: 401,
  forbidden: 403,
  unknown_symbol: 404,
  limit_exceeded: 429,
  rate_limited: 429,
  tier_unavailable: 503,
  feed_broken: 503,
  unavailable: 503,
}

export function createProblem(status: number, detail: string, code?: ErrorCode): Problem {
  const title = STATUS_CODES[status] ?? 'Error'
  return { type: 'about:blank', title, status, detail, ...(code && { code }) }
}

/** The problem that a thrown error is: ours by its code, the framework's by its status, the rest internal. */
export function toProblem(error: FastifyError | Error): Problem {
  if (error instanceof GatewayError) {
    const status = STATUS_BY_CODE[error.code]
    if (status) return createProblem(status, error.message, error.code)
  } else if ('statusCode' in error && error.statusCode && error.statusCode >= 400 && error.statusCode < 500) {
    return createProblem(error.statusCode, error.message)
  }
  return createProblem(500, 'the gateway failed to answer; its log says why', 'internal')
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.code(problem.status).type(PROBLEM_TYPE).header('cache-control', 'no-store').send(problem)
}

export function sendNotFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return sendProblem(reply, createProblem(404, `there is nothing at ${pathOf(request)}`))
}

/** The path alone: a query may carry a token, which is for nobody's log and nobody's screen. */
export function pathOf(request: Pick<FastifyRequest, 'url'>): string {
  return request.url.split('?', 1)[0] ?? ''
}

const STATUS_BY_CLIENT_ERROR = new Map([
  ['HPE_HEADER_OVERFLOW', 431],
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
])

/** Answers what was not even HTTP, by hand since there is no reply to send it with. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const status = STATUS_BY_CLIENT_ERROR.get(error.code ?? '') ?? 400
  const problem = createProblem(status, 'the request could not be read')
  const body = JSON.stringify(problem)
  const head = `content-type: ${PROBLEM_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`
  socket.end(`HTTP/1.1 ${status} ${problem.title}\r\n${head}\r\n\r\n${body}`)
}
