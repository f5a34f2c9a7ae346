import type { Batch } from '../../../src/tiers/database/database.ts'

/** A database whose every write waits until the test ends it, well or badly. */
export function createGatedDatabase() {
  const writes: { readonly batch: Batch; readonly succeed: () => void; readonly fail: (error: unknown) => void }[] = []
  let arrived = () => {}
  return {
    writes,
    write: (batch: Batch) =>
      new Promise<void>((succeed, fail) => {
        writes.push({ batch, succeed, fail })
        arrived()
      }),
    /** Resolves with write number `index` as soon as it has begun. */
    async begun(index: number) {
      while (!writes[index]) {
        await new Promise<void>((resolve) => {
          arrived = resolve
        })
      }
      return writes[index]
    },
  }
}
