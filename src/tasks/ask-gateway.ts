import { once } from 'node:events'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { text } from 'node:stream/consumers'
import { describeError, GatewayError, isGatewayError } from '../base/errors.ts'
import type { TaskEvent } from '../base/task-event.ts'
import { readTaskEvent, type TaskRequest, taskBody } from '../wire/tasks.ts'

/**
 * Has a running gateway do the task; yields its events. Leaving the loop, or aborting `signal`, gives the task up there.
 * @throws GatewayError unavailable when there is no gateway, or it ended in the middle; what it refuses as it says it.
 */
export async function* askGateway(url: string, task: TaskRequest, signal: AbortSignal): AsyncGenerator<TaskEvent> {
  const response = await post(url, task, signal)
  if (response === undefined) return
  if (response.statusCode !== 200) throw await refusal(response)
  let isOver = false
  try {
    for await (const line of linesOf(response)) {
      const event = readTaskEvent(line)
      if (event.type === 'failure') throw new GatewayError(event.code, event.message)
      isOver = event.type === 'summary'
      yield event
    }
  } catch (error) {
    // Else the connection was cut: what is missing says it.
    if (isGatewayError(error)) throw error
  } finally {
    response.destroy()
  }
  if (!isOver && !signal.aborted) throw new GatewayError('unavailable', `the gateway at ${url} ended before its answer`)
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  for await (const text of response.setEncoding('utf8')) {
    const lines = `${rest}${text}`.split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
}

/** By node's own client: the answer may be silent for as long as the source is, which fetch would not wait for. */
async function post(url: string, task: TaskRequest, signal: AbortSignal): Promise<IncomingMessage | undefined> {
  const address = new URL(`/api/v1/${task.task}/${encodeURIComponent(task.symbol)}`, url.replace(/^ws/, 'http'))
  const send = address.protocol === 'https:' ? requestHttps : requestHttp
  const headers = { 'content-type': 'application/json' }
  const request = send(address, { method: 'POST', headers, signal })
  request.end(taskBody(task))
  try {
    const [response] = await once(request, 'response')
    return response
  } catch (error) {
    if (signal.aborted) return undefined
    throw new GatewayError('unavailable', `a gateway must answer at ${url}, was: ${describeError(error)}`)
  }
}

async function refusal(response: IncomingMessage): Promise<GatewayError> {
  const body = await text(response)
  let detail = body.slice(0, 200)
  try {
    const problem: unknown = JSON.parse(body)
    if (typeof problem === 'object' && problem !== null && 'detail' in problem) detail = String(problem.detail)
  } catch {
    // Not one of our gateways: what it said is shown as it is.
  }
  return new GatewayError('unavailable', `the gateway answers ${response.statusCode}: ${detail}`)
}
