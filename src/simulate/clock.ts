/** The exchange's clock. All times are Unix ms; `now` is wall time. */
export interface ExchangeClock {
  at(now: number): number
  /** Somebody listens for the first time: a recording begins to play. */
  begin(now: number): void
  /** Moves on to the next trades, for a clock that goes as fast as its listeners can take; false at the end. */
  readonly advance?: (() => boolean) | undefined
}

/** Wall time. `reserve` is told before any moment is shown, so that what was shown once stays true after a crash. */
export function createWallClock(reserve: (time: number) => void): ExchangeClock {
  let latest = Number.NEGATIVE_INFINITY
  return {
    at(now) {
      // A host's clock can be set back; what has happened stays so.
      latest = Math.max(latest, now)
      reserve(latest)
      return latest
    },
    begin() {},
  }
}

/** A clock that starts at `start`, runs `speed` times as fast as wall time, and waits for the first listener. */
export function createPlaybackClock(start: number, speed: number): ExchangeClock {
  let begun: number | undefined
  return {
    at: (now) => (begun === undefined ? start : Math.floor(start + (now - begun) * speed)),
    begin(now) {
      begun ??= now
    },
  }
}

/** A clock that stands still until it is advanced, each time to what `next` says; undefined is the end. */
export function createDemandClock(start: number, next: (time: number) => number | undefined): ExchangeClock {
  let time = start
  return {
    at: () => time,
    begin() {},
    advance() {
      const later = next(time)
      if (later === undefined) return false
      time = later
      return true
    },
  }
}
