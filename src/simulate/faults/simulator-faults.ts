import type { Refused } from '../connect-gate.ts'
import type { StreamServer } from '../stream-server.ts'
import type { FrameFault, FrameFaultOptions } from './frame-fault.ts'
import { createFrameFaults, type FrameFaults } from './frame-faults.ts'
import type { RestFault, RestFaultOptions } from './rest-fault.ts'
import type { RestFaults } from './rest-faults.ts'
import { createShutdown } from './shutdown.ts'

/** What can be made to go wrong with a simulated exchange, while it runs. */
export interface SimulatorFaults {
  /**
   * Befalls the next `count` aggTrade frames of each stream connection that exists now. Several faults of one
   * connection come one after another, each to its own frames.
   */
  frames(kind: FrameFault, options: FrameFaultOptions): void
  /** Closes every stream connection: with a close frame when there is a code, else by a cut. */
  closeAll(how?: { readonly code?: number; readonly reason?: string }): void
  /** While true, stream connections are open and dead: nothing is sent, no ping answered. What they miss is lost. */
  stall(stalled: boolean): void
  /** Turns stream connections away, by a TCP reset or an HTTP status at the upgrade; false lets them in again. */
  refuseConnects(how: Refused | false): void
  /** Befalls the next REST requests that the weight limit lets pass. */
  rest(kind: RestFault, options?: RestFaultOptions): void
  /** Tells every stream connection that its server is about to shut down, and closes it (1001) after `graceMs`. */
  serverShutdown(options: { readonly graceMs: number }): void
  /**
   * Ends every fault. Frames held back are delivered at once; what was dropped, mangled or missed in a stall stays
   * lost. Slow answers leave at once, requests that hang are cut, an announced shutdown does not come.
   */
  clear(): void
}

/** The faults, and the way out of every frame. */
export interface FaultSwitchboard {
  readonly faults: SimulatorFaults
  readonly deliver: FrameFaults['deliver']
  /** Leaves no timer. */
  close(): void
}

/** @param clock the exchange's, Unix ms */
export function createFaults(streams: StreamServer, rest: RestFaults, clock: () => number): FaultSwitchboard {
  const frames = createFrameFaults(streams.peers)
  const shutdown = createShutdown(streams.peers, clock)
  const faults: SimulatorFaults = {
    frames: frames.order,
    closeAll({ code, reason = '' } = {}) {
      for (const peer of streams.peers) {
        if (code === undefined) peer.terminate()
        else peer.close(code, reason)
      }
    },
    stall: streams.stall,
    refuseConnects: streams.refuseConnects,
    rest: rest.order,
    serverShutdown: shutdown.announce,
    clear() {
      streams.stall(false)
      streams.refuseConnects(false)
      shutdown.cancel()
      frames.clear()
      rest.clear()
    },
  }
  return {
    faults,
    deliver: frames.deliver,
    close() {
      shutdown.cancel()
      frames.close()
      rest.clear()
    },
  }
}
