import { describeError, GatewayError } from '../base/errors.ts'
import type { Config } from '../config.ts'
import { holderOf } from '../tiers/data-dir-lock.ts'
import { type FeedsAnswer, readFeedsAnswer } from '../wire/feeds.ts'

const ANSWER_WITHIN_MS = 10_000

/**
 * How the feeds and tiers of the gateway at `url` are; where none is named, of the one that holds DATA_DIR.
 * @throws GatewayError unavailable when there is none, or it does not answer
 */
export async function askStatus(url: string | undefined, config: () => Config): Promise<FeedsAnswer> {
  const gateway = url ?? (await runningIn(config().dataDir))
  const address = new URL('/api/v1/feeds', gateway.replace(/^ws/, 'http'))
  const response = await fetch(address, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }).catch((error: unknown) => {
    // fetch says only that it failed; why is in the cause.
    const reason = describeError(error instanceof Error ? (error.cause ?? error) : error)
    throw new GatewayError('unavailable', `a gateway must answer at ${gateway}, was: ${reason}`, { cause: error })
  })
  const answer: unknown = await response.json().catch(() => undefined)
  if (response.ok) return readFeedsAnswer(answer)
  const detail = typeof answer === 'object' && answer !== null && 'detail' in answer ? `: ${answer.detail}` : ''
  throw new GatewayError('unavailable', `the gateway answers ${response.status}${detail}`)
}

async function runningIn(dataDir: string): Promise<string> {
  const holder = await holderOf(dataDir)
  if (holder?.url !== undefined) return holder.url
  throw new GatewayError('unavailable', `a gateway must run in DATA_DIR, but nothing runs in ${dataDir}`)
}
