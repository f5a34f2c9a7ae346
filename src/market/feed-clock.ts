/**
 * The time at a source: its newest event time plus what has passed since that event came in. Candles close on it, so
 * that recorded days, fast clocks and sources that run a second late all behave.
 */
export class FeedClock {
  #newest: number | undefined
  #arrived = 0

  /** `time`: when it happened there; `received`: when it came in here. Both Unix ms. */
  observe(time: number, received: number): void {
    if (this.#newest !== undefined && time < this.#newest) return
    this.#newest = time
    this.#arrived = received
  }

  /** The source's time at our `now` (Unix ms); undefined before its first event. */
  now(now: number): number | undefined {
    return this.#newest === undefined ? undefined : this.#newest + Math.max(0, now - this.#arrived)
  }
}
