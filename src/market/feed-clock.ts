/**
 * The time at a source: its newest event time plus what has passed since that event came in. Candles close on it, so
 * that recorded days, fast clocks and sources that run a second late all behave.
 */
export class FeedClock {
  #newest: number | undefined
  #arrived = 0
  #heardAt: number | undefined

  /** `time`: when it happened there; `received`: when it came in here. Both Unix ms. */
  observe(time: number, received: number): void {
    this.heard(received)
    if (this.#newest !== undefined && time < this.#newest) return
    this.#newest = time
    this.#arrived = received
  }

  /** As `observe`, for what was asked for afterwards: it is no earlier there than `time`, but may be much later. */
  observeLate(time: number, received: number): void {
    if (time > (this.now(received) ?? Number.NEGATIVE_INFINITY)) this.observe(time, received)
  }

  /** The source was there at our `now` (Unix ms), whether it had news or not. */
  heard(now: number): void {
    this.#heardAt = Math.max(this.#heardAt ?? now, now)
  }

  /** When the source was there last (Unix ms); undefined: never yet. */
  get heardAt(): number | undefined {
    return this.#heardAt
  }

  /** The source's time at our `now` (Unix ms); undefined before its first event. */
  now(now: number): number | undefined {
    return this.#newest === undefined ? undefined : this.#newest + Math.max(0, now - this.#arrived)
  }
}
