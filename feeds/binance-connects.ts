// https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#general-wss-information
import { pause } from '../src/base/backoff.ts'

/** At most `limit` connects within any `windowMs`. */
export interface ConnectRate {
  readonly limit: number
  readonly windowMs: number
}

/** Binance allows an address 300 in 5 minutes; some of them may be another program's. */
const BINANCE_RATE: ConnectRate = { limit: 250, windowMs: 5 * 60_000 }

export interface ConnectBudget {
  /** Waits until one more connect may be made, and counts it; false when `signal` aborted first. */
  take(signal: AbortSignal): Promise<boolean>
}

/** One for the process: a source that closes every connection at once must not get us banned. */
export function createConnectBudget({ limit, windowMs }: ConnectRate = BINANCE_RATE): ConnectBudget {
  /** When the last connects were made, the oldest first; at most `limit`. */
  const times: number[] = []
  return {
    async take(signal) {
      while (!signal.aborted) {
        const waitMs = times.length < limit ? 0 : times[0]! + windowMs - performance.now()
        if (waitMs <= 0) {
          times.push(performance.now())
          if (times.length > limit) times.shift()
          return true
        }
        // A timer may come a moment early, and others wait too: looked at again.
        await pause(Math.ceil(waitMs), signal)
      }
      return false
    },
  }
}
