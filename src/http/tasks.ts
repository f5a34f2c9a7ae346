import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { describeError, isGatewayError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { TaskEvent } from '../base/task-event.ts'
import { readTaskRequest, type TaskRequest } from '../wire/tasks.ts'
import { onlyFromHere } from './only-here.ts'

/** Runs a task; what it throws before its first event is the answer. @throws GatewayError */
export type RunTask = (request: TaskRequest, signal: AbortSignal) => AsyncIterable<TaskEvent>

const Path = z.object({ symbol: z.string() })
const MOST_BODY_BYTES = 4_096

/**
 * `POST /api/v1/verify/:symbol` and `/api/v1/backfill/:symbol`, for the commands of that name: the answer is a line of
 * JSON for each event, as they come, and ends with a `summary` or a `failure`. It is given up when the client leaves.
 */
export function addTasks(app: FastifyInstance, run: RunTask, log: Log): void {
  const options = { bodyLimit: MOST_BODY_BYTES, onRequest: onlyFromHere }
  const handler = (task: TaskRequest['task']) => async (request: FastifyRequest, reply: FastifyReply) => {
    const { symbol } = Path.parse(request.params)
    const asked = readTaskRequest(task, symbol.toUpperCase(), request.body)
    const left = leaving(request, reply)
    return answer(run(asked, left), reply, left, log)
  }
  app.post('/api/v1/verify/:symbol', options, handler('verify'))
  app.post('/api/v1/backfill/:symbol', options, handler('backfill'))
}

/** Aborts when the client has gone, or has its answer. */
function leaving(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const left = new AbortController()
  request.raw.once('error', () => left.abort())
  reply.raw.once('close', () => left.abort())
  return left.signal
}

async function answer(
  events: AsyncIterable<TaskEvent>,
  reply: FastifyReply,
  left: AbortSignal,
  log: Log,
): Promise<FastifyReply> {
  const iterator = events[Symbol.asyncIterator]()
  try {
    const first = await iterator.next()
    if (!left.aborted) return sendLines(first, iterator, reply, log)
    await iterator.return?.()
  } catch (error) {
    if (!left.aborted) throw error
  }
  // The client has left, and nobody is to be answered.
  return reply.hijack()
}

function sendLines(
  first: IteratorResult<TaskEvent>,
  iterator: AsyncIterator<TaskEvent>,
  reply: FastifyReply,
  log: Log,
): FastifyReply {
  const lines = async function* (): AsyncGenerator<string> {
    try {
      for (let next = first; !next.done; next = await iterator.next()) yield `${JSON.stringify(next.value)}\n`
    } catch (error) {
      yield `${JSON.stringify(failure(error, log))}\n`
    }
  }
  const body = Readable.from(lines())
  // Not by `lines`, which may never begin: the task would stay for ever.
  body.once('close', () => void iterator.return?.().catch((error) => failure(error, log)))
  return reply.type('application/x-ndjson').header('cache-control', 'no-store').send(body)
}

/** The answer has begun: its last line says what went wrong. */
function failure(error: unknown, log: Log): TaskEvent {
  if (isGatewayError(error)) return { type: 'failure', code: error.code, message: error.message }
  log.error({ error: error instanceof Error ? error.stack : describeError(error) }, 'task failed')
  return { type: 'failure', code: 'internal', message: 'the gateway failed; its log says why' }
}
