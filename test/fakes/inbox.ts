/** What came, for a test that waits for the next of it: nothing is missed, whichever is first. */
export interface Inbox<T> {
  put(item: T): void
  /** The oldest item not yet taken, when there is one. */
  take(): Promise<T>
}

export function createInbox<T>(): Inbox<T> {
  const items: T[] = []
  const takers: ((item: T) => void)[] = []
  return {
    put(item) {
      const taker = takers.shift()
      if (taker) taker(item)
      else items.push(item)
    },
    take() {
      const item = items.shift()
      if (item !== undefined) return Promise.resolve(item)
      return new Promise((resolve) => {
        takers.push(resolve)
      })
    },
  }
}
