/** One holder at a time, in the order of asking. */
export interface Mutex {
  /** Resolves with the function that lets the next one in; calling it twice does nothing. */
  lock(): Promise<() => void>
}

export function createMutex(): Mutex {
  let last: Promise<void> = Promise.resolve()
  return {
    async lock() {
      const before = last
      let unlock = () => {}
      last = new Promise((resolve) => {
        unlock = resolve
      })
      await before
      return unlock
    },
  }
}
