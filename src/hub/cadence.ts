import type { Flusher } from './flusher.ts'

/** Runs what was marked, once per interval; one timer serves all of an interval, and none runs while nothing changes. */
export class Cadence {
  readonly #flusher: Flusher
  readonly #slots = new Map<number, { readonly marked: Set<() => void>; readonly timer: NodeJS.Timeout }>()

  constructor(flusher: Flusher) {
    this.#flusher = flusher
  }

  /** Runs `drain` within `intervalMs`, however often it is marked until then; 0: at the end of this turn. */
  mark(intervalMs: number, drain: () => void): void {
    if (intervalMs === 0) {
      this.#flusher.before(drain)
      return
    }
    const slot = this.#slots.get(intervalMs)
    if (slot) {
      slot.marked.add(drain)
      return
    }
    const timer = setTimeout(() => this.#run(intervalMs), intervalMs).unref()
    this.#slots.set(intervalMs, { marked: new Set([drain]), timer })
  }

  close(): void {
    for (const { timer } of this.#slots.values()) clearTimeout(timer)
    this.#slots.clear()
  }

  #run(intervalMs: number): void {
    const slot = this.#slots.get(intervalMs)
    this.#slots.delete(intervalMs)
    for (const drain of slot?.marked ?? []) drain()
  }
}

const STEP_MS = 50
const LONGEST_MS = 60_000

/** The interval that is granted: rounded up to steps, so that clients share timers and frames. */
export function grantInterval(askedMs: number): number {
  return Math.min(LONGEST_MS, Math.ceil(askedMs / STEP_MS) * STEP_MS)
}
