import type { SeenCounters } from './seen.ts'

/** How a connection is turned away: by a TCP reset, or by an HTTP status at the upgrade. */
export type Refused = 'reset' | number

/** Decides who may open a stream connection. */
export interface ConnectGate {
  /** From now on everybody is turned away like this; false lets them in again. */
  refuseAll(how: Refused | false): void
  /** Counts an attempt; undefined lets it in. */
  admit(address: string, now: number): Refused | undefined
}

/** Attempts of one address, in ms. */
export interface ConnectLimit {
  readonly mostConnects: number
  readonly connectWindowMs: number
}

const TOO_MANY_REQUESTS = 429

/**
 * Creates the gate of a server. Attempts count whether they succeed or not; one too many gets a 429, as an edge server
 * would give: the documents name the limit and not the answer.
 */
export function createConnectGate(limit: ConnectLimit, seen: SeenCounters): ConnectGate {
  let refusal: Refused | false = false
  const attemptsByAddress = new Map<string, number[]>()

  const withinLimit = (address: string, now: number): boolean => {
    const recent = (attemptsByAddress.get(address) ?? []).filter((at) => now - at < limit.connectWindowMs)
    attemptsByAddress.set(address, [...recent, now])
    return recent.length < limit.mostConnects
  }

  return {
    refuseAll(how) {
      refusal = how
    },
    admit(address, now) {
      seen.connects += 1
      const allowed = withinLimit(address, now)
      if (refusal !== false) return refusal
      return allowed ? undefined : TOO_MANY_REQUESTS
    },
  }
}
