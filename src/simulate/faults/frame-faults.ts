import type { Batch } from '../frame.ts'
import type { StreamPeer } from '../stream-peer.ts'
import type { FrameFault, FrameFaultOptions } from './frame-fault.ts'
import { PeerFaults } from './peer-faults.ts'

/** What befalls `@aggTrade` frames on their way out. */
export interface FrameFaults {
  /** Befalls the next frames of the connections that exist now. Faults of one connection come one after another. */
  order(kind: FrameFault, options: FrameFaultOptions): void
  /** The way out of every frame. */
  deliver(peer: StreamPeer, batches: readonly Batch[]): void
  /** Forgets what was ordered; frames held back leave at once, in the order in which they were held. */
  clear(): void
  /** Leaves no timer; what was held is lost. */
  close(): void
}

const LATE_MS = 250

export function createFrameFaults(peers: ReadonlySet<StreamPeer>): FrameFaults {
  const troubled = new Map<StreamPeer, PeerFaults>()
  return {
    order(kind, { count, symbol, ms = LATE_MS }) {
      for (const peer of troubled.keys()) if (!peers.has(peer)) troubled.delete(peer)
      for (const peer of peers) {
        const faults = troubled.get(peer) ?? new PeerFaults(peer)
        troubled.set(peer, faults)
        faults.order({ kind, left: count, stream: symbol && `${symbol.toLowerCase()}@aggTrade`, ms })
      }
    },
    deliver(peer, batches) {
      const faults = troubled.get(peer)
      if (faults === undefined) peer.write(batches)
      else faults.write(batches)
    },
    clear() {
      for (const faults of troubled.values()) faults.release()
      troubled.clear()
    },
    close() {
      for (const faults of troubled.values()) faults.forget()
      troubled.clear()
    },
  }
}
