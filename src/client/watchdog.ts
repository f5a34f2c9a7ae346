import type { Clock } from '../base/clock.ts'

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
