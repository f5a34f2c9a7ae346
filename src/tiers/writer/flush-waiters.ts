import type { GatewayError } from '../../base/errors.ts'

/** How much each queue has ever taken in, or let go of. */
export interface QueueCounts {
  readonly ticks: number
  readonly candles: number
  readonly gaps: number
}

interface Waiter {
  readonly added: QueueCounts
  done(): void
  fail(error: GatewayError): void
}

/** Those who wait for a flush: until what was added before they asked has left the queues, and is committed. */
export class FlushWaiters {
  #waiters: Waiter[] = []

  get size(): number {
    return this.#waiters.length
  }

  /** Resolves when everything up to `added` was told to `answer`. */
  wait(added: QueueCounts): Promise<void> {
    return new Promise((done, fail) => this.#waiters.push({ added, done, fail }))
  }

  /** Everything up to `taken` is committed, or has left at a bound. */
  answer(taken: QueueCounts): void {
    const isDone = ({ added }: Waiter) =>
      taken.ticks >= added.ticks && taken.candles >= added.candles && taken.gaps >= added.gaps
    const done = this.#waiters.filter(isDone)
    this.#waiters = this.#waiters.filter((waiter) => !isDone(waiter))
    for (const waiter of done) waiter.done()
  }

  fail(error: GatewayError): void {
    for (const waiter of this.#waiters) waiter.fail(error)
    this.#waiters = []
  }
}
