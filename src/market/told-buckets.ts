/**
 * What was told of the buckets of a window that have no row there: that they are over, without a trade or with a candle
 * that is about to be folded anew. What is told of them next must be a higher revision.
 */
export class ToldBuckets {
  /** Buckets that ended at or before it (Unix ms) are over, those without a candle too. */
  #closedUntil = Number.NEGATIVE_INFINITY
  /** Revisions of final candles that are about to be folded anew, by time. */
  readonly #forgotten = new Map<number, number>()

  close(until: number): void {
    this.#closedUntil = Math.max(this.#closedUntil, until)
  }

  /** The final candle at `time` is let go, to be folded anew. */
  forget(time: number, revision: number): void {
    this.#forgotten.set(time, revision)
  }

  /** Whether the bucket at `time`, which ends at `end`, was told as over. */
  isOver(time: number, end: number): boolean {
    return end <= this.#closedUntil || this.#forgotten.has(time)
  }

  /** The highest revision that was told of any of them. */
  get highest(): number {
    return Math.max(0, ...this.#forgotten.values())
  }

  /** The revision that was told of the bucket at `time`, which has a candle again. */
  recall(time: number): number {
    const revision = this.#forgotten.get(time) ?? 0
    this.#forgotten.delete(time)
    return revision
  }
}
