/**
 * The control messages of the exchange's streams: SUBSCRIBE and its like. Answers are what the exchange was seen to
 * send: `{"result":...,"id":...}`, or `{"error":{"code":...,"msg":...},"id":...}`.
 * Source: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
 */

/** The part of a connection that commands read and change. */
export interface StreamSettings {
  readonly streams: Set<string>
  /** Payloads come in a `{"stream","data"}` envelope. */
  combined: boolean
}

export const MAX_STREAMS = 1024

const METHODS = ['SUBSCRIBE', 'UNSUBSCRIBE', 'LIST_SUBSCRIPTIONS', 'SET_PROPERTY', 'GET_PROPERTY'] as const
type Method = (typeof METHODS)[number]

/** Obeys one message and returns the answer to send. */
export function answerCommand(text: string, settings: StreamSettings): string {
  let command: unknown
  try {
    command = JSON.parse(text)
  } catch {
    // The only thing to do about a message that is not JSON is to say so.
    return failure(3, 'Invalid JSON: expected value at line 1 column 1', null)
  }
  if (typeof command !== 'object' || command === null) return failure(2, 'Invalid request: expected an object', null)
  const { method, params, id } = command as {
    readonly method?: unknown
    readonly params?: unknown
    readonly id?: unknown
  }
  if (!isRequestId(id)) return failure(2, 'Invalid request: request ID must be an unsigned integer', null)
  if (method === undefined) return failure(2, 'Invalid request: missing field `method` at line 1 column 1', id)
  if (!isMethod(method)) {
    const expected = METHODS.map((name) => `\`${name}\``).join(', ')
    return failure(2, `Invalid request: unknown variant \`${String(method)}\`, expected one of ${expected}`, id)
  }
  return obey(method, params, settings, id)
}

type RequestId = number | string | null

function obey(method: Method, params: unknown, settings: StreamSettings, id: RequestId): string {
  switch (method) {
    case 'SUBSCRIBE':
    case 'UNSUBSCRIBE':
      return changeStreams(method, params, settings, id)
    case 'LIST_SUBSCRIPTIONS':
      return success([...settings.streams], id)
    case 'SET_PROPERTY':
    case 'GET_PROPERTY':
      return property(method, params, settings, id)
  }
}

function changeStreams(method: Method, params: unknown, { streams }: StreamSettings, id: RequestId): string {
  if (!Array.isArray(params) || !params.every((name): name is string => typeof name === 'string')) {
    return failure(2, 'Invalid request: params must be an array of stream names', id)
  }
  if (method === 'UNSUBSCRIBE') {
    for (const name of params) streams.delete(name)
    return success(null, id)
  }
  if (new Set([...streams, ...params]).size > MAX_STREAMS) {
    return failure(2, `Invalid request: too many streams, at most ${MAX_STREAMS}`, id)
  }
  for (const name of params) streams.add(name)
  return success(null, id)
}

function property(method: Method, params: unknown, settings: StreamSettings, id: RequestId): string {
  const [name, value, ...rest]: readonly unknown[] = Array.isArray(params) ? params : []
  if (typeof name !== 'string') return failure(2, 'Invalid request: property name must be a string', id)
  if (name !== 'combined') return failure(0, 'Unknown property', id)
  if (method === 'GET_PROPERTY') return success(settings.combined, id)
  if (rest.length > 0) return failure(2, 'Invalid request: too many parameters', id)
  if (typeof value !== 'boolean') return failure(1, 'Invalid value type: expected Boolean', id)
  settings.combined = value
  return success(null, id)
}

/** An absent id is refused, as documented. */
function isRequestId(id: unknown): id is RequestId {
  return id === null || (typeof id === 'string' && id.length <= 36) || Number.isSafeInteger(id)
}

function isMethod(method: unknown): method is Method {
  return METHODS.some((name) => name === method)
}

function success(result: null | boolean | readonly string[], id: RequestId): string {
  return JSON.stringify({ result, id })
}

function failure(code: number, msg: string, id: RequestId): string {
  return JSON.stringify({ error: { code, msg }, id })
}
