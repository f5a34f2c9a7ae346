import type { IncomingMessage, ServerResponse } from 'node:http'
import { describeError } from '../../base/errors.ts'
import { BAD_KEY, type FredTroubles, sendJson, TOO_MANY } from './faults.ts'
import { FredRefusal, readFredQuery } from './query.ts'
import { FRED_ROUTES, type FredSource } from './routes.ts'

/** What a simulator has seen its clients do, for tests that count it. */
export interface FredSeen {
  /** By path (`/fred/series/updates`), however they were answered. */
  readonly requests: ReadonlyMap<string, number>
  /** Requests that came sooner than `requestsPerSecond` allows; they were answered with 429. */
  readonly tooFast: number
}

export interface FredServerPorts {
  readonly source: FredSource
  readonly faults: FredTroubles
  readonly apiKey: string
  readonly requestsPerSecond: number
  /** FRED's clock, Unix ms. */
  readonly clock: () => number
}

const KEY = /^[0-9a-z]{32}$/

export function createFredHandler({ source, faults, apiKey, requestsPerSecond, clock }: FredServerPorts) {
  const requests = new Map<string, number>()
  const seen = { requests, tooFast: 0 }
  const recent: number[] = []

  const isTooFast = (): boolean => {
    const now = performance.now()
    while (recent.length > 0 && recent[0]! <= now - 1_000) recent.shift()
    if (recent.length >= requestsPerSecond) return true
    recent.push(now)
    return false
  }
  const answer = (path: string, search: string, response: ServerResponse): void => {
    if (isTooFast()) {
      seen.tooFast += 1
      throw new FredRefusal(TOO_MANY, 429)
    }
    const route = FRED_ROUTES.get(path)
    if (route === undefined) throw new FredRefusal('Not Found', 404)
    const query = readFredQuery(new URLSearchParams(search))
    const key = query.text('api_key') ?? ''
    if (!KEY.test(key)) throw new FredRefusal(malformedKey())
    if (key !== apiKey) throw new FredRefusal(BAD_KEY)
    // Where nobody asks for JSON, FRED says XML; nobody here reads that.
    if (query.text('file_type') !== 'json') throw new FredRefusal('Bad Request.  Variable file_type is not json.')
    const now = clock()
    for (const ledger of source.ledgers.values()) ledger.advance(now)
    const body = route(query, source, now)
    if (!faults.befall(path.split('/').at(-1)!, response, body)) sendJson(response, body)
  }
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const [path = '', search = ''] = (request.url ?? '').split('?')
    requests.set(path, (requests.get(path) ?? 0) + 1)
    try {
      answer(path, search, response)
    } catch (error) {
      refuse(error, response)
    }
  }
  return { handle, seen: seen as FredSeen }
}

function refuse(error: unknown, response: ServerResponse): void {
  // Anything else is a fault of the simulator's own; the one who asked is told, as there is nobody else.
  const { status, retryAfterS } = error instanceof FredRefusal ? error : { status: 500, retryAfterS: undefined }
  if (retryAfterS !== undefined) response.setHeader('Retry-After', retryAfterS)
  const body = { error_code: status, error_message: describeError(error) }
  response.writeHead(status, { 'Content-Type': 'application/json; charset=UTF-8' }).end(JSON.stringify(body))
}

function malformedKey(): string {
  const rule = 'is not a 32 character alpha-numeric lower-case string'
  const advice = 'Read https://fred.stlouisfed.org/docs/api/api_key.html for more information.'
  return `Bad Request.  The value for variable api_key ${rule}.  ${advice}`
}
