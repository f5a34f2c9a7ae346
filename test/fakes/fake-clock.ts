import type { Clock } from '../../src/base/clock.ts'

/** A clock that stands until the test moves it on. */
export class FakeClock implements Clock {
  #now = 0
  #timers: { readonly at: number; readonly run: () => void }[] = []

  now(): number {
    return this.#now
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Timers that are set. */
  get set(): number {
    return this.#timers.length
  }

  /** Moves on, from timer to timer; between them is a turn of the event loop. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      this.#now = next ? Math.max(this.#now, next.at) : end
      if (!next) break
      this.#timers = this.#timers.filter((other) => other !== next)
      next.run()
      await turn()
    }
    await turn()
  }
}

/** Two turns: one for what was woken, one for what that woke. */
async function turn(): Promise<void> {
  for (let count = 0; count < 2; count += 1) await new Promise((resolve) => setImmediate(resolve))
}
