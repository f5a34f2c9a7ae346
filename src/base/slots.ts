/** A number of places at work; who finds none waits for one, first come first served. */
export interface Slots {
  /** Runs `work` in a place of its own. Rejects as `work` does. */
  run<T>(work: () => Promise<T>): Promise<T>
}

export function createSlots(count: number): Slots {
  let free = count
  const waiting: (() => void)[] = []
  return {
    async run(work) {
      if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve))
      else free--
      try {
        return await work()
      } finally {
        // A place is handed on, not freed and taken again: nobody can slip in between.
        const next = waiting.shift()
        if (next) next()
        else free++
      }
    },
  }
}
