import type { Update } from '../../market/tick.ts'

/** Ascending and without doubles: of one id, what came first. Costs a comparison a tick where nothing came late. */
export function inOrder(updates: readonly Update[]): readonly Update[] {
  if (updates.every((update, index) => index === 0 || update.id > updates[index - 1]!.id)) return updates
  const sorted = updates.toSorted((a, b) => a.id - b.id)
  return sorted.filter((update, index) => index === 0 || update.id !== sorted[index - 1]!.id)
}

/** Links each tick to the one before it; the first one to `before`, or as it was. */
export function linked(updates: readonly Update[], before: number | undefined): readonly Update[] {
  return updates.map((update, index) => {
    const prev = index === 0 ? (before ?? update.prev) : updates[index - 1]!.id
    return prev === update.prev ? update : { ...update, prev }
  })
}
