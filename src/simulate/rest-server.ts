import type { IncomingMessage, ServerResponse } from 'node:http'
import { describeError } from '../base/errors.ts'
import type { RestFaults } from './faults/rest-faults.ts'
import { banned, tooManyRequests } from './rate-refusals.ts'
import { Refusal, readQuery } from './rest-query.ts'
import { type RestRoute, type RestSource, ROUTES } from './rest-routes.ts'
import type { SeenCounters } from './seen.ts'
import type { WeightMeter } from './weight-meter.ts'

export interface RestPorts {
  readonly source: RestSource
  readonly meter: WeightMeter
  readonly faults: RestFaults
  readonly seen: SeenCounters
  /** Wall time, Unix ms. */
  readonly now: () => number
}

/** Answers the exchange's REST API: JSON, with the used weight in a header. */
export function createRestHandler({ source, meter, faults, seen, now }: RestPorts) {
  let quietUntil = Number.NEGATIVE_INFINITY

  /** @throws Refusal */
  const answer = (path: string, search: string, route: RestRoute, response: ServerResponse): void => {
    const time = now()
    const query = readQuery(new URLSearchParams(search), route.parameters)
    const { used, refusal } = meter.take(route.weight(query), time)
    // By its clock can be told to which minute the used weight belongs.
    response.setHeader('Date', new Date(time).toUTCString())
    response.setHeader('X-MBX-USED-WEIGHT', used)
    response.setHeader('X-MBX-USED-WEIGHT-1M', used)
    if (refusal?.status === 429) throw tooManyRequests(source.weightLimit, refusal.until)
    if (refusal?.status === 418) throw banned(refusal.until)
    const body = JSON.stringify(route.answer(query, source, time))
    if (!faults.befall(path, response, body, time)) send(response, 200, body)
  }

  const refuse = (error: unknown, response: ServerResponse): void => {
    // Anything else is a fault of the simulator's own; the one who asked is told, as there is nobody else.
    const { status, code, until } = error instanceof Refusal ? error : { status: 500, code: -1000, until: undefined }
    if (until !== undefined) {
      response.setHeader('Retry-After', Math.ceil((until - now()) / 1000))
      quietUntil = Math.max(quietUntil, until)
      seen.refusedRequests += 1
    }
    send(response, status, JSON.stringify({ code, msg: describeError(error) }))
  }

  return (request: IncomingMessage, response: ServerResponse): void => {
    const [path = '', search = ''] = (request.url ?? '').split('?')
    seen.requests.set(path, (seen.requests.get(path) ?? 0) + 1)
    if (now() < quietUntil) seen.unheededRequests += 1
    const route = ROUTES.get(path)
    if (!route) {
      response.writeHead(404).end()
      return
    }
    if (request.method !== 'GET') {
      response.writeHead(405, { Allow: 'GET' }).end()
      return
    }
    try {
      answer(path, search, route, response)
    } catch (error) {
      refuse(error, response)
    }
  }
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'Content-Type': 'application/json;charset=UTF-8' }).end(body)
}
