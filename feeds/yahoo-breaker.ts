export interface CoolDown {
  readonly firstMs: number
  readonly maxMs: number
}

/** What Yahoo is asked for; of each it refuses and answers by itself. */
export type Asked = 'quote' | 'chart'

/**
 * Whether Yahoo may be asked. A refusal that is meant for this address opens it: nothing is asked until a cool-down is
 * over, which doubles with each refusal in a row. The row ends when what was refused is answered again: Yahoo may refuse
 * quotes, and answer charts all the while.
 */
export class YahooBreaker {
  readonly #coolDown: CoolDown
  readonly #clock: () => number
  #openUntil = Number.NEGATIVE_INFINITY
  #refusals = 0
  /** What was refused last. */
  #refused: Asked | undefined

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
  open(refused: Asked, retryAfterMs = 0): void {
    this.#refused = refused
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

  /** What was under way when it opened, and is answered all the same, ends no cool-down. */
  close(answered: Asked): void {
    if (this.openMs === 0 && answered === this.#refused) this.#refusals = 0
  }
}
