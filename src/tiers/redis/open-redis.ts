import type { Redis } from 'ioredis'
import type { Log } from '../../base/log.ts'
import { DELETIONS_CHANNEL, followDeletions } from './deletions.ts'
import { OwedDeletions } from './owed-deletions.ts'
import type { RedisAddress } from './redis-address.ts'
import { RedisLink } from './redis-link.ts'
import { RedisCounts } from './redis-stats.ts'
import type { GetOrLock, RedisEntry, RedisTier, RedisValue } from './redis-tier.ts'
import { scanKeys } from './scan-keys.ts'
import { DELETE, FILL, GET, GET_OR_LOCK, REMAINING, RENEW, UNLOCK } from './scripts.ts'
import { SetAllCommand } from './set-all-command.ts'

export interface OpenRedisOptions {
  readonly address: RedisAddress
  readonly log: Log
  /** Unix ms. */
  readonly now: () => number
  /** On which processes tell each other of deletions. */
  readonly channel?: string
}

/** A script runs as one step: a long one would hold up everybody else on this Redis. */
const MOST_KEYS_A_SCRIPT = 500
const MOST_BYTES_A_SCRIPT = 2 ** 20

/** Opens the tier without waiting for Redis. Never throws. */
export function openRedis({ address, log, now, channel = DELETIONS_CHANNEL }: OpenRedisOptions): RedisTier {
  const stats = new RedisCounts()
  const link = new RedisLink({ address, counts: stats, onServing: () => void owed.settle(), log, now })
  const deletions = followDeletions({ address, channel, log })
  const deleteAll = async (keys: readonly string[]) => {
    const names = keys.flatMap((key) => [key, lockOf(key)])
    const answer = await link.ask(0, (redis) =>
      redis.eval(DELETE, names.length, ...names, channel, deletions.message(keys)),
    )
    return answer !== undefined
  }
  const owed = new OwedDeletions(deleteAll)

  return {
    get status() {
      return link.status
    },
    stats,
    async get(key) {
      const answer = await link.ask(0, (redis) => redis.eval(GET, 1, key))
      return answer === undefined ? 'unavailable' : toValue(answer.value)
    },
    async getOrLock(key, token, lockMs) {
      const answer = await link.ask(0, (redis) => redis.eval(GET_OR_LOCK, 2, key, lockOf(key), token, lockMs))
      return answer === undefined ? { outcome: 'unavailable' } : toGetOrLock(answer.value)
    },
    async renew(key, token, lockMs) {
      const answer = await link.ask(0, (redis) => redis.eval(RENEW, 2, key, lockOf(key), token, lockMs))
      if (answer === undefined) return 'unavailable'
      return answer.value === 1 ? 'renewed' : 'lost'
    },
    async fill({ key, text, seconds }, token) {
      const answer = await link.ask(text.length, (redis) => redis.eval(FILL, 2, key, lockOf(key), token, text, seconds))
      if (answer === undefined) return 'unavailable'
      return answer.value === 1 ? 'filled' : 'refused'
    },
    async unlock(key, token) {
      await link.ask(0, (redis) => redis.eval(UNLOCK, 1, lockOf(key), token))
    },
    async setAll(entries) {
      const startedAt = performance.now()
      const answer = await link.ask(bytesOf(entries), (redis) => setInPieces(redis, entries))
      if (answer !== undefined) stats.written(entries.length, performance.now() - startedAt)
      return answer !== undefined
    },
    async discard(key) {
      return (await link.ask(0, (redis) => redis.unlink(key))) !== undefined
    },
    async delete(key) {
      const done = await deleteAll([key])
      if (!done) owed.add(key)
      return done
    },
    onDeleted: (listener) => deletions.listen(listener),
    scan: (pattern, limit) => scanKeys(link, pattern, limit),
    async remaining(keys) {
      const answer = await link.ask(0, (redis) => redis.eval(REMAINING, keys.length, ...keys))
      return Array.isArray(answer?.value) ? answer.value.map(toRemaining) : undefined
    },
    onStatus: (listener) => link.onStatus(listener),
    async close() {
      link.close()
      deletions.close()
    },
  }
}

function lockOf(key: string): string {
  return `lock:${key}`
}

function bytesOf(entries: readonly RedisEntry[]): number {
  return entries.reduce((bytes, { key, text }) => bytes + key.length + text.length, 0)
}

/** Keys that live equally long, to be set by one script. */
interface Piece {
  readonly seconds: number
  readonly keys: string[]
  readonly texts: string[]
  length: number
}

/** All pieces are sent at once: together they take one round trip. */
function setInPieces(redis: Redis, entries: readonly RedisEntry[]): Promise<unknown> {
  return Promise.all(
    piecesOf(entries).map(({ seconds, keys, texts }) => redis.sendCommand(new SetAllCommand(keys, texts, seconds))),
  )
}

/** One life is sent once. A key has the same one each time, so what is told of it stays in its order. */
function piecesOf(entries: readonly RedisEntry[]): readonly Piece[] {
  const pieces: Piece[] = []
  const filling = new Map<number, Piece>()
  for (const { key, text, seconds } of entries) {
    let piece = filling.get(seconds)
    if (!piece || piece.keys.length >= MOST_KEYS_A_SCRIPT || piece.length + text.length > MOST_BYTES_A_SCRIPT) {
      piece = { seconds, keys: [], texts: [], length: 0 }
      pieces.push(piece)
      filling.set(seconds, piece)
    }
    piece.keys.push(key)
    piece.texts.push(text)
    piece.length += text.length
  }
  return pieces
}

function toValue(reply: unknown): RedisValue | undefined {
  if (!Array.isArray(reply)) return undefined
  const [text, remainingMs] = reply
  return typeof text === 'string' && typeof remainingMs === 'number' ? { text, remainingMs } : undefined
}

function toGetOrLock(reply: unknown): GetOrLock {
  const value = toValue(reply)
  if (value !== undefined) return { outcome: 'found', value }
  return { outcome: reply === 1 ? 'locked' : 'busy' }
}

function toRemaining(ms: unknown): number | undefined {
  if (ms === -1) return Number.POSITIVE_INFINITY
  return typeof ms === 'number' && ms >= 0 ? ms : undefined
}
