/**
 * Lets so much of something be done in a turn of the event loop; the others wait in line. Live ticks come between two
 * turns, so a crowd delays them by as much as is done in one.
 */
export class PerTurn {
  readonly #perTurn: number
  #left: number
  #line: (() => void)[] = []
  #isRefilling = false

  constructor(perTurn: number) {
    this.#perTurn = perTurn
    this.#left = perTurn
  }

  /** Undefined: go at once. Else resolves when it is the caller's turn. */
  take(): Promise<void> | undefined {
    if (!this.#isRefilling) setImmediate(this.#refill)
    this.#isRefilling = true
    if (this.#left > 0) {
      this.#left -= 1
      return undefined
    }
    return new Promise((resolve) => {
      this.#line.push(resolve)
    })
  }

  readonly #refill = (): void => {
    const next = this.#line.slice(0, this.#perTurn)
    this.#line = this.#line.slice(next.length)
    this.#left = this.#perTurn - next.length
    this.#isRefilling = next.length > 0
    if (this.#isRefilling) setImmediate(this.#refill)
    for (const admit of next) admit()
  }
}
