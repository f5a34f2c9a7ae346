import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { z } from 'zod'
import type { Log } from '../../base/log.ts'
import { describeFailure } from './failures.ts'
import { connectPauseMs, linkOptions } from './link-options.ts'
import type { RedisAddress } from './redis-address.ts'

/** What processes on one Redis tell each other. */
export const DELETIONS_CHANNEL = 'tickgate:deleted'
const CHECK_EVERY_MS = 1_000
/** Before the next attempt when Redis has refused the subscription. */
const REFUSED_PAUSE_MS = 5_000

const message = z.object({ from: z.string(), keys: z.array(z.string()) })

export interface DeletionsOptions {
  readonly address: RedisAddress
  readonly channel: string
  readonly log: Log
}

/** The deletions of other processes, on a connection of its own: one that listens cannot be used for much else. */
export interface Deletions {
  /** A message for the others, to be published on the channel. */
  message(keys: readonly string[]): string
  /** Told of each key; undefined: deletions may have been missed. Returns what ends that. */
  listen(listener: (key: string | undefined) => void): () => void
  close(): void
}

/** Listens from now on, whenever Redis is there. Never throws. */
export function followDeletions({ address, channel, log }: DeletionsOptions): Deletions {
  const listeners = new Set<(key: string | undefined) => void>()
  const self = randomUUID()
  let refused = false
  const redis = new Redis({
    ...linkOptions(address, 'tickgate-deletions', (attempt) => (refused ? REFUSED_PAUSE_MS : connectPauseMs(attempt))),
    // Not one of the pauses of a connection that only listens is anybody's wait.
    maxRetriesPerRequest: null,
  })
  const tell = (key: string | undefined) => {
    for (const listener of listeners) listener(key)
  }
  const renew = () => {
    if (redis.status === 'ready') redis.disconnect(true)
  }
  // The link to the same Redis reports how it is; every error here is followed by the close.
  redis.on('error', () => undefined)
  redis.on('ready', () => {
    redis.subscribe(channel).then(
      () => {
        refused = false
        // Before now nobody could tell us anything.
        tell(undefined)
      },
      (error: unknown) => {
        const { kind, reason } = describeFailure(error)
        const isNew = !refused
        refused = kind === 'refused' || kind === 'command'
        if (refused && isNew) log.warn({ reason }, 'Redis refused to tell of deletions by others')
        renew()
      },
    )
  })
  redis.on('message', (_channel: string, text: string) => {
    for (const key of keysOfOthers(text, self)) tell(key)
  })
  // A connection that only listens would never find out that the other end is gone.
  const check = setInterval(() => {
    if (redis.status === 'ready') redis.ping().catch(renew)
  }, CHECK_EVERY_MS)
  return {
    message: (keys) => JSON.stringify({ from: self, keys }),
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close() {
      clearInterval(check)
      listeners.clear()
      redis.disconnect()
    },
  }
}

/** Anybody can publish anything on a channel: what is not ours is nothing. */
function keysOfOthers(text: string, self: string): readonly string[] {
  try {
    const { success, data } = message.safeParse(JSON.parse(text))
    return success && data.from !== self ? data.keys : []
  } catch {
    return []
  }
}
