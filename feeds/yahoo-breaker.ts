export interface CoolDown {
  readonly firstMs: number
  readonly maxMs: number
}

/**
 * Whether Yahoo may be asked. A refusal that is meant for this address opens it: nothing is asked until a cool-down is
 * over, which doubles with each refusal in a row. A success closes it.
 */
export class YahooBreaker {
  readonly #coolDown: CoolDown
  readonly #clock: () => number
  #openUntil = Number.NEGATIVE_INFINITY
  #refusals = 0

  /** @param clock monotonic, ms */
  constructor(coolDown: CoolDown, clock: () => number = () => performance.now()) {
    this.#coolDown = coolDown
    this.#clock = clock
  }

  /** For how long nothing may be asked; 0: it may. */
  get openMs(): number {
    return Math.max(0, Math.ceil(this.#openUntil - this.#clock()))
  }

  /** @param retryAfterMs what Yahoo has said, which counts when it is longer */
  open(retryAfterMs = 0): void {
    const until = (ms: number) => this.#clock() + Math.max(ms, retryAfterMs)
    // What was under way when it opened is no further refusal.
    if (this.openMs > 0) {
      this.#openUntil = Math.max(this.#openUntil, until(0))
      return
    }
    const { firstMs, maxMs } = this.#coolDown
    this.#openUntil = until(Math.min(maxMs, firstMs * 2 ** Math.min(this.#refusals, 30)))
    this.#refusals++
  }

  close(): void {
    this.#refusals = 0
    this.#openUntil = Number.NEGATIVE_INFINITY
  }
}
