import { type BackoffBounds, fullJitterMs, pause } from '../base/backoff.ts'
import { refusal } from './close-codes.ts'
import { type Dialing, type Link, openLink } from './link.ts'
import type { Notice } from './notices.ts'

/** How to stay connected. */
export interface Redialing extends Dialing {
  readonly backoff: BackoffBounds
  readonly onNotice: (notice: Notice) => void
}

/**
 * Yields one open connection after another: the next when the one before has ended and may be had again. The consumer
 * comes back for the next one when it has read `link.messages` to its end; leaving the loop closes the connection.
 *
 * @throws GatewayError when the gateway closed for good (close codes 4500 to 4999, 1009).
 */
export async function* links(redialing: Redialing, signal: AbortSignal): AsyncGenerator<Link> {
  const { clock, backoff, onNotice } = redialing
  const url = redialing.url.origin + redialing.url.pathname
  for (let attempt = 0; !signal.aborted; attempt++) {
    const startedAt = clock.now()
    const link = openLink(redialing)
    const leave = () => link.cut('left')
    signal.addEventListener('abort', leave)
    try {
      if (await link.opened) {
        onNotice({ type: 'connected', url })
        yield link
      }
    } finally {
      signal.removeEventListener('abort', leave)
      leave()
    }
    if (signal.aborted || !link.ending) return
    const refused = refusal(link.ending, link.complaint)
    if (refused) throw refused
    // A gateway that accepts and hangs up at once is not well: only a connection that held begins a new count.
    if (clock.now() - startedAt > backoff.maxMs) attempt = 0
    const retryInMs = fullJitterMs(attempt, backoff)
    onNotice({ type: 'disconnected', url, ...link.ending, retryInMs })
    if (!(await pause(retryInMs, signal))) return
  }
}
