import { GatewayError } from '../base/errors.ts'
import { globOf } from '../base/glob.ts'
import { KEY_KINDS } from '../tiers/cache/cache-keys.ts'
import type { RedisStatus, RedisTier } from '../tiers/redis/redis-tier.ts'
import { type KeyList, MOST_KEYS } from '../wire/cache.ts'
import { assertOwnKey, type CacheInspector, kindOf } from './cache-inspector.ts'

/** Of each kind: more are looked at than are listed, for a pattern that few of them match. */
const MOST_SCANNED = 200_000

/** Looks into Redis, for keys of our kinds only: others may share it. Closes it with itself. */
export function inspectRedis(redis: RedisTier): CacheInspector {
  return {
    async list(pattern) {
      await live(redis)
      return list(redis, pattern)
    },
    async read(key) {
      assertOwnKey(key)
      await live(redis)
      const [remaining] = (await redis.remaining([key])) ?? noAnswer(redis)
      if (remaining === undefined) return undefined
      if (remaining === Number.POSITIVE_INFINITY) {
        throw new GatewayError('bad_parameter', `${key} must have an end of its life to be a gateway's, has none`)
      }
      const value = await redis.get(key)
      if (value === 'unavailable') noAnswer(redis)
      if (value?.text === '') throw new GatewayError('bad_parameter', `${key} must hold a text, holds none`)
      return value && { key, ttl: seconds(value.remainingMs), value: jsonOf(value.text) }
    },
    close: () => redis.close(),
  }
}

async function list(redis: RedisTier, pattern: string): Promise<KeyList> {
  const matches = globOf(pattern)
  const names: string[] = []
  let isCut = false
  for (const scanned of kindOf(pattern) === undefined ? KEY_KINDS.map((kind) => `${kind}:*`) : [pattern]) {
    const found = (await redis.scan(scanned, MOST_SCANNED)) ?? noAnswer(redis)
    isCut ||= found.length >= MOST_SCANNED
    names.push(...found.filter(matches))
  }
  const those = names.sort().slice(0, MOST_KEYS)
  const remaining = (await redis.remaining(those)) ?? noAnswer(redis)
  // One whose life has ended meanwhile is not there any more; one whose life has no end is not a gateway's.
  const keys = those.flatMap((key, index) => {
    const ms = remaining[index]
    return ms === undefined || ms === Number.POSITIVE_INFINITY ? [] : [{ key, ttl: seconds(ms) }]
  })
  return { keys, more: isCut || names.length > those.length }
}

/** Resolves when Redis answers. @throws GatewayError tier_unavailable when it is known not to */
async function live(redis: RedisTier): Promise<void> {
  const settled = await new Promise<RedisStatus>((resolve) => {
    const isSettled = ({ state }: RedisStatus) => state !== 'connecting'
    if (isSettled(redis.status)) return resolve(redis.status)
    const end = redis.onStatus((status) => {
      if (!isSettled(status)) return
      end()
      resolve(status)
    })
  })
  if (settled.state !== 'live') throw new GatewayError('tier_unavailable', `Redis must answer, was: ${settled.reason}`)
}

function noAnswer({ status }: RedisTier): never {
  const reason = status.reason ?? 'it did not answer in time'
  throw new GatewayError('tier_unavailable', `Redis must answer, was: ${reason}`)
}

function seconds(ms: number): number {
  return ms / 1_000
}

/** What is no JSON, and so not ours, is shown as it is. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
