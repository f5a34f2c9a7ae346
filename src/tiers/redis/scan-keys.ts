import type { RedisLink } from './redis-link.ts'

const KEYS_A_STEP = 1_000
const MOST_MS = 2_000

/** Names that match, by SCAN, which may say one more than once. Undefined: not all could be looked at in time. */
export async function scanKeys(
  link: RedisLink,
  pattern: string,
  limit: number,
): Promise<readonly string[] | undefined> {
  const names = new Set<string>()
  const startedAt = performance.now()
  let cursor = '0'
  do {
    const from = cursor
    const answer = await link.ask(0, (redis) => redis.scan(from, 'MATCH', pattern, 'COUNT', KEYS_A_STEP))
    if (answer === undefined || performance.now() - startedAt > MOST_MS) return undefined
    const [next, found] = answer.value
    for (const name of found) names.add(name)
    cursor = next
  } while (cursor !== '0' && names.size < limit)
  return [...names].slice(0, limit)
}
