/** Time that only grows, and timers on it: the platform's own, or a test's. */
export interface Clock {
  /** Ms from any moment on; they never step back. */
  now(): number
  /** Calls `run` once, `ms` from now; returns how to take it back. */
  after(ms: number, run: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
}

/** The same clock for measuring waits: where it is set back, this one goes on from where it was. */
export function neverBack(now: () => number): () => number {
  // In one object: V8 writes its numbers in place, where variables of a closure would be allocated at every reading.
  const reading = { last: Number.NEGATIVE_INFINITY, ahead: 0 }
  return () => {
    const time = now()
    if (time + reading.ahead < reading.last) reading.ahead = reading.last - time
    reading.last = time + reading.ahead
    return reading.last
  }
}
