/** The clock and the timer of the client: the platform's own, or a test's. */
export interface Clock {
  /** Unix ms, or any ms that only grow. */
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

/** Notices silence. */
export interface Watchdog {
  /** Something was heard. */
  heard(): void
  /** From now on this much silence is too much. */
  allow(silenceMs: number): void
  stop(): void
}

/** Calls `onSilence` once when nothing was heard for `silenceMs`. One timer at a time, whatever the rate of frames. */
export function createWatchdog(silenceMs: number, onSilence: () => void, clock: Clock): Watchdog {
  let allowedMs = silenceMs
  let heardAt = clock.now()
  let cancel = clock.after(allowedMs, look)

  function look() {
    const leftMs = heardAt + allowedMs - clock.now()
    if (leftMs <= 0) onSilence()
    else cancel = clock.after(leftMs, look)
  }

  return {
    heard() {
      heardAt = clock.now()
    },
    allow(silenceMs) {
      allowedMs = silenceMs
      cancel()
      look()
    },
    stop: () => cancel(),
  }
}
