import type { Slots } from '../../base/slots.ts'

interface Queued<T> {
  readonly askers: (() => boolean)[]
  done: Promise<T | undefined>
}

/**
 * Reads that wait for a place at work, each key once: who asks for what is waiting already gets the same answer. A read
 * that has begun is not shared with who comes then: it may be of a moment before.
 */
export class SharedReads<T> {
  readonly #slots: Slots
  readonly #queued = new Map<string, Queued<T>>()

  constructor(slots: Slots) {
    this.#slots = slots
  }

  /** Undefined: when its turn came, nobody who had asked wanted it any more. Rejects as `work` does. */
  read(key: string, isOver: () => boolean, work: () => Promise<T>): Promise<T | undefined> {
    const waiting = this.#queued.get(key)
    if (waiting) {
      waiting.askers.push(isOver)
      return waiting.done
    }
    const queued: Queued<T> = { askers: [isOver], done: Promise.resolve(undefined) }
    this.#queued.set(key, queued)
    queued.done = this.#slots.run(async () => {
      this.#queued.delete(key)
      return queued.askers.every((asker) => asker()) ? undefined : work()
    })
    return queued.done
  }
}
