import { describeError, GatewayError } from '../base/errors.ts'
import { readKeptValue, readKeyList } from '../wire/cache.ts'
import { assertOwnKey, type CacheInspector } from './cache-inspector.ts'

const NOT_FOUND = 404
const ANSWER_WITHIN_MS = 10_000

/** Asks a running gateway what its memory holds. */
export function askCache(url: string): CacheInspector {
  return {
    async list(pattern) {
      return readKeyList(await answerOf(await ask(url, `?pattern=${encodeURIComponent(pattern)}`)))
    },
    async read(key) {
      assertOwnKey(key)
      const response = await ask(url, `/${encodeURIComponent(key)}`)
      return response.status === NOT_FOUND ? undefined : readKeptValue(await answerOf(response))
    },
    close: async () => undefined,
  }
}

async function ask(url: string, what: string): Promise<Response> {
  const address = new URL(`/api/v1/cache/keys${what}`, url.replace(/^ws/, 'http'))
  try {
    return await fetch(address, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
  } catch (error) {
    // fetch says only that it failed; why is in the cause.
    const reason = describeError(error instanceof Error ? (error.cause ?? error) : error)
    throw new GatewayError('unavailable', `a gateway must answer at ${url}, was: ${reason}`, { cause: error })
  }
}

async function answerOf(response: Response): Promise<unknown> {
  const answer: unknown = await response.json().catch(() => undefined)
  if (response.ok) return answer
  const detail = typeof answer === 'object' && answer !== null && 'detail' in answer ? `: ${answer.detail}` : ''
  throw new GatewayError('unavailable', `the gateway answers ${response.status}${detail}`)
}
