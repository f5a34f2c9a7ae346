/** A bridge from callbacks to `for await`: whatever was pushed since the last read comes out as one batch, in order. */
export interface PushQueue<T> extends AsyncIterable<readonly T[]> {
  /** Adds an item; false when the queue is full or ended (the item is not kept: say so with ids, never silently). */
  push(item: T): boolean
  /** Ends the iteration after what is queued. */
  end(): void
  /** Ends the iteration after what is queued by throwing `error`. */
  fail(error: unknown): void
  readonly size: number
}

/**
 * Creates a queue for one reader. It is full when its items weigh `bound`; each weighs 1 unless `weigh` says more. Leaving
 * the loop, or aborting `signal`, ends the queue; aborting ends the iteration without an error and drops what is queued.
 */
export function createPushQueue<T>(
  bound: number,
  signal?: AbortSignal,
  weigh: (item: T) => number = () => 1,
): PushQueue<T> {
  let queued: T[] = []
  let weight = 0
  let ended = false
  let failure: { readonly error: unknown } | undefined
  let wake: (() => void) | undefined

  const stir = () => {
    wake?.()
    wake = undefined
  }
  const end = () => {
    ended = true
    stir()
  }
  signal?.addEventListener('abort', end, { once: true })

  async function* read(): AsyncGenerator<readonly T[]> {
    try {
      while (!signal?.aborted) {
        if (queued.length > 0) {
          const batch = queued
          queued = []
          weight = 0
          yield batch
        } else if (ended) {
          if (failure) throw failure.error
          return
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    } finally {
      ended = true
      queued = []
      signal?.removeEventListener('abort', end)
    }
  }

  return {
    push(item) {
      if (ended || weight >= bound) return false
      queued.push(item)
      weight += weigh(item)
      stir()
      return true
    },
    end,
    fail(error) {
      failure ??= { error }
      end()
    },
    get size() {
      return queued.length
    },
    [Symbol.asyncIterator]: read,
  }
}
