import type { Follower } from './follow.ts'
import type { StatusMessage } from './messages.ts'

/** Follows how the gateway's feeds and tiers are: each at once, then each change; after a cut all of them again. */
export function createStatusFollower(): Follower<StatusMessage> {
  const symbols = new Set(['*'])
  return {
    symbols,
    start: (ask) => ask({ channel: 'status', symbols: [...symbols] }),
    take: (message) => (message.type === 'status' ? [message] : []),
  }
}
