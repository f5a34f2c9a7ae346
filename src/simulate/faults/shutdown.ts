import { inEnvelope } from '../stream-payload.ts'
import type { StreamPeer } from '../stream-peer.ts'

/** "A serverShutdown event will be sent when the server is about to shutdown, resulting in disconnection." */
export interface Shutdown {
  announce(options: { readonly graceMs: number }): void
  /** The announced ones do not come. */
  cancel(): void
}

const GOING_AWAY = 1001

/** Creates the shutdown of the servers behind all connections of the moment; later ones are of other servers. */
export function createShutdown(peers: ReadonlySet<StreamPeer>, clock: () => number): Shutdown {
  const timers = new Set<NodeJS.Timeout>()
  return {
    announce({ graceMs }) {
      const told = [...peers]
      const payload = JSON.stringify({ e: 'serverShutdown', E: clock() })
      for (const peer of told) peer.say(peer.combined ? inEnvelope('!serverShutdown', payload) : payload)
      const timer = setTimeout(() => {
        timers.delete(timer)
        for (const peer of told) peer.close(GOING_AWAY, 'server shutdown')
      }, graceMs)
      timers.add(timer)
    },
    cancel() {
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
  }
}
