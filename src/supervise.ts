import { type BackoffBounds, fullJitterMs, pause } from './base/backoff.ts'
import { type Clock, systemClock } from './base/clock.ts'
import { describeError, isGatewayError } from './base/errors.ts'
import type { Log } from './base/log.ts'
import type { ServiceState } from './base/service-state.ts'

export interface FeedStatus {
  readonly feed: string
  /** `stale`: connected, but not heard for longer than it should be. */
  readonly state: ServiceState
  /** Since when (Unix ms). */
  readonly since: number
  /** Why it is stale, down or off. */
  readonly reason: string | undefined
  readonly restarts: number
}

/** How it is known that a source which is connected is still there; that one of its symbols is quiet says nothing. */
export interface Silence {
  /** When the source was heard last, be it that it had no news (ms of `now`); undefined: never yet. */
  readonly heardAt: () => number | undefined
  readonly staleAfterMs: number
}

export interface SupervisePorts {
  readonly onStatus: (status: FeedStatus) => void
  readonly log: Log
  readonly now: () => number
  readonly backoff: BackoffBounds
  /** Unset: it is never stale. */
  readonly silence?: Silence
  /** What it waits by. */
  readonly clock?: Pick<Clock, 'after'>
}

/** A connection that lived this long was a good one: the next failure begins the backoff anew. */
const STEADY_MS = 30_000
const LOOKS_PER_SILENCE = 10

/**
 * Keeps one feed running: each `attempt` receives until the source is lost, then the next begins after a full-jitter
 * backoff, or as late as the source has asked for. Ends when `signal` aborts, or when the source refuses for good (the
 * feed is `off`, with the reason). Never rejects, whatever the feed throws.
 */
export async function supervise(
  feed: string,
  attempt: (connected: () => void, signal: AbortSignal) => Promise<void>,
  ports: SupervisePorts,
  signal: AbortSignal,
): Promise<void> {
  const { log, now, backoff } = ports
  const status = new StatusTeller(feed, ports)
  let failures = 0
  status.tell('connecting')
  while (!signal.aborted) {
    let connectedAt: number | undefined
    let isOver = false
    const unwatch = watchSilence(status, () => connectedAt, ports)
    try {
      await attempt(() => {
        // A feed that has thrown may have left something running.
        if (isOver) return
        connectedAt = now()
        status.tell('live')
        log.info({ feed, restarts: status.restarts }, 'feed is live')
      }, signal)
      if (signal.aborted) return
      throw new Error('the source ended its stream')
    } catch (error) {
      isOver = true
      unwatch()
      if (signal.aborted) return
      const reason = describeError(error)
      if (isGatewayError(error) && error.decision === 'refuse') {
        log.error({ feed, reason }, 'feed is off')
        return status.tell('off', reason)
      }
      failures = connectedAt !== undefined && now() - connectedAt >= STEADY_MS ? 0 : failures + 1
      const asked = isGatewayError(error) ? (error.retryAfterMs ?? 0) : 0
      const waitMs = Math.round(Math.max(fullJitterMs(failures, backoff), asked))
      status.restarts += 1
      status.tell('down', reason)
      log.warn({ feed, reason, waitMs, restarts: status.restarts }, 'feed lost its source')
      await pause(waitMs, signal)
    } finally {
      unwatch()
    }
  }
}

/** Tells what has changed. Who is told must not end the feed. */
class StatusTeller {
  readonly #feed: string
  readonly #ports: SupervisePorts
  #told: FeedStatus | undefined
  restarts = 0

  constructor(feed: string, ports: SupervisePorts) {
    this.#feed = feed
    this.#ports = ports
  }

  get state(): ServiceState | undefined {
    return this.#told?.state
  }

  tell(state: ServiceState, reason?: string): void {
    const { onStatus, now, log } = this.#ports
    const { restarts } = this
    const told = this.#told
    if (told?.state === state && told.reason === reason && told.restarts === restarts) return
    // Another reason for the same state: it has lasted since it began.
    const since = told?.state === state ? told.since : now()
    this.#told = { feed: this.#feed, state, since, reason, restarts }
    try {
      onStatus(this.#told)
    } catch (error) {
      log.error({ feed: this.#feed, reason: describeError(error) }, 'a status could not be told')
    }
  }
}

/** Looks, now and then, whether a connected source was heard; returns what ends that. */
function watchSilence(
  status: StatusTeller,
  connectedAt: () => number | undefined,
  { silence, now, clock = systemClock }: SupervisePorts,
): () => void {
  if (silence === undefined) return () => {}
  const { heardAt, staleAfterMs } = silence
  const look = () => {
    const silentMs = now() - Math.max(heardAt() ?? 0, connectedAt() ?? 0)
    if (status.state === 'live' && silentMs >= staleAfterMs) {
      status.tell('stale', `its source must be heard every ${staleAfterMs / 1_000} s, was not`)
    } else if (status.state === 'stale' && silentMs < staleAfterMs) status.tell('live')
    cancel = clock.after(staleAfterMs / LOOKS_PER_SILENCE, look)
  }
  let cancel = clock.after(staleAfterMs / LOOKS_PER_SILENCE, look)
  return () => cancel()
}
