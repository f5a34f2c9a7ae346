import type { IncomingMessage, ServerResponse } from 'node:http'
import { describeError } from '../base/errors.ts'
import { Refusal, readQuery } from './rest-query.ts'
import { type RestSource, ROUTES } from './rest-routes.ts'
import type { WeightMeter } from './weight-meter.ts'

/** Answers the exchange's REST API: JSON, with the used weight in a header. */
export function createRestHandler(source: RestSource, meter: WeightMeter, now: () => number) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const [path = '', search = ''] = (request.url ?? '').split('?')
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
      const query = readQuery(new URLSearchParams(search), route.parameters)
      const { used, retryAfterSeconds } = meter.take(route.weight(query), now())
      response.setHeader('X-MBX-USED-WEIGHT', used)
      response.setHeader('X-MBX-USED-WEIGHT-1M', used)
      if (retryAfterSeconds !== undefined) {
        response.setHeader('Retry-After', retryAfterSeconds)
        throw tooManyRequests(source.weightLimit)
      }
      send(response, 200, route.answer(query, source, now()))
    } catch (error) {
      // Anything else is a fault of the simulator's own; the one who asked is told, as there is nobody else.
      const { status, code } = error instanceof Refusal ? error : { status: 500, code: -1000 }
      send(response, status, { code, msg: describeError(error) })
    }
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json;charset=UTF-8' }).end(JSON.stringify(body))
}

function tooManyRequests(limit: number): Refusal {
  const advice = 'Please use WebSocket Streams for live updates to avoid polling the API.'
  const used = `Too much request weight used; current limit is ${limit} request weight per 1 MINUTE.`
  return new Refusal(-1003, `${used} ${advice}`, 429)
}
