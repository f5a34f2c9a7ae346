/** So much of a turn of the event loop is given to work that can wait; live ticks and sockets have the rest. */
const BUDGET_MS = 2

/**
 * Work in small steps, in turn: whoever wants another step goes to the end of the line, and when the budget of an
 * event-loop turn is used up, the line waits for the next one. So a crowd at work delays what comes in by one budget.
 */
export class Turns {
  readonly #line = new Set<() => void>()
  #next: NodeJS.Immediate | undefined

  /** Runs `step` once, in its turn. It MUST be short and never throw. */
  add(step: () => void): void {
    this.#line.add(step)
    this.#next ??= setImmediate(this.#run)
  }

  close(): void {
    this.#line.clear()
    clearImmediate(this.#next)
    this.#next = undefined
  }

  readonly #run = (): void => {
    const end = performance.now() + BUDGET_MS
    for (const step of this.#line) {
      this.#line.delete(step)
      step()
      if (performance.now() >= end) break
    }
    this.#next = this.#line.size > 0 ? setImmediate(this.#run) : undefined
  }
}
