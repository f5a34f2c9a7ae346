import type { Clock } from '../../base/clock.ts'

/** Wakes of the same step share one timer, of which there is one for all. */
const STEP_MS = 5
/** Who wants to sleep longer is woken to look again, so that the steps to come are few. */
const LONGEST_MS = 1_000

/** Wakes sleepers: thousands of them cost one timer. */
export class Wakes {
  readonly #clock: Clock
  readonly #steps = new Map<number, Set<() => void>>()
  #timer: { readonly step: number; cancel(): void } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Calls `run` once, `ms` from now or up to a step later, at the latest after a second; returns how to take it back. */
  after(ms: number, run: () => void): () => void {
    const step = Math.ceil((this.#clock.now() + Math.min(ms, LONGEST_MS)) / STEP_MS)
    const sleepers = this.#steps.get(step) ?? new Set()
    this.#steps.set(step, sleepers.add(run))
    if (!this.#timer || step < this.#timer.step) this.#set(step)
    return () => {
      sleepers.delete(run)
      if (sleepers.size === 0 && this.#steps.get(step) === sleepers) this.#steps.delete(step)
      if (this.#steps.size === 0) this.close()
    }
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#steps.clear()
  }

  #set(step: number): void {
    this.#timer?.cancel()
    const cancel = this.#clock.after(Math.max(0, step * STEP_MS - this.#clock.now()), () => this.#run())
    this.#timer = { step, cancel }
  }

  #run(): void {
    this.#timer = undefined
    const now = this.#clock.now()
    const due = [...this.#steps.keys()].filter((step) => step * STEP_MS <= now).sort((a, b) => a - b)
    for (const step of due) {
      const sleepers = this.#steps.get(step)
      this.#steps.delete(step)
      for (const run of sleepers ?? []) run()
    }
    // Also where one that was woken has set it: another may be earlier.
    if (this.#steps.size > 0) this.#set(Math.min(...this.#steps.keys()))
  }
}
