import { type BackoffBounds, fullJitterMs, pause } from './base/backoff.ts'
import { describeError, isGatewayError } from './base/errors.ts'
import type { Log } from './base/log.ts'

export type FeedState = 'connecting' | 'live' | 'down' | 'off'

export interface FeedStatus {
  readonly feed: string
  readonly state: FeedState
  /** Since when (Unix ms). */
  readonly since: number
  readonly reason: string | undefined
  readonly restarts: number
}

export interface SupervisePorts {
  readonly onStatus: (status: FeedStatus) => void
  readonly log: Log
  readonly now: () => number
  readonly backoff: BackoffBounds
}

/** A connection that lived this long was a good one: the next failure begins the backoff anew. */
const STEADY_MS = 30_000

/**
 * Keeps one feed running: each `attempt` receives until the source is lost, then the next begins after a full-jitter
 * backoff. Ends when `signal` aborts, or when the source refuses for good (the feed is `off`, with the reason).
 */
export async function supervise(
  feed: string,
  attempt: (connected: () => void, signal: AbortSignal) => Promise<void>,
  { onStatus, log, now, backoff }: SupervisePorts,
  signal: AbortSignal,
): Promise<void> {
  let restarts = 0
  let failures = 0
  const tell = (state: FeedState, reason?: string) => onStatus({ feed, state, since: now(), reason, restarts })
  tell('connecting')
  while (!signal.aborted) {
    let connectedAt: number | undefined
    try {
      await attempt(() => {
        connectedAt = now()
        tell('live')
        log.info({ feed, restarts }, 'feed is live')
      }, signal)
      if (signal.aborted) return
      throw new Error('the source ended its stream')
    } catch (error) {
      if (signal.aborted) return
      const reason = describeError(error)
      if (isGatewayError(error) && error.decision === 'refuse') {
        log.error({ feed, reason }, 'feed is off')
        return tell('off', reason)
      }
      failures = connectedAt !== undefined && now() - connectedAt >= STEADY_MS ? 0 : failures + 1
      restarts++
      tell('down', reason)
      const waitMs = Math.round(fullJitterMs(failures, backoff))
      log.warn({ feed, reason, waitMs, restarts }, 'feed lost its source')
      await pause(waitMs, signal)
    }
  }
}
