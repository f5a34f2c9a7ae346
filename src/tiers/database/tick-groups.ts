import type { Update } from '../../market/tick.ts'

/** Ticks of one instrument, which has this number in this database. */
export interface TickGroup {
  readonly instrumentId: number
  readonly updates: readonly Update[]
}

/** One group for each instrument, each in the order of the rows. */
export function groupTicks<Instrument>(
  rows: readonly { readonly instrument: Instrument; readonly update: Update }[],
  numberOf: (instrument: Instrument) => number,
): readonly TickGroup[] {
  const updatesOf = new Map<Instrument, Update[]>()
  for (const { instrument, update } of rows) {
    const updates = updatesOf.get(instrument)
    if (updates) updates.push(update)
    else updatesOf.set(instrument, [update])
  }
  return Array.from(updatesOf, ([instrument, updates]) => ({ instrumentId: numberOf(instrument), updates }))
}

/**
 * Sorts by key, so that neighbors in the index are written together, and keeps the first of each id. Within an instrument
 * nearly everything comes in order: then nothing is copied.
 */
export function sortTicks(groups: readonly TickGroup[]): readonly TickGroup[] {
  const updatesOf = new Map<number, readonly Update[]>()
  for (const { instrumentId, updates } of groups) {
    const before = updatesOf.get(instrumentId)
    updatesOf.set(instrumentId, before ? [...before, ...updates] : updates)
  }
  return [...updatesOf]
    .sort(([a], [b]) => a - b)
    .map(([instrumentId, updates]) => ({ instrumentId, updates: isAscending(updates) ? updates : distinct(updates) }))
}

function isAscending(updates: readonly Update[]): boolean {
  let before = -1
  for (const { id } of updates) {
    if (id <= before) return false
    before = id
  }
  return true
}

function distinct(updates: readonly Update[]): readonly Update[] {
  const sorted = updates.toSorted((a, b) => a.id - b.id)
  return sorted.filter(({ id }, index) => id !== sorted[index - 1]?.id)
}

/** The ticks for which `keep` is true; groups of none are left out. */
export function filterTicks(
  groups: readonly TickGroup[],
  keep: (update: Update, instrumentId: number) => boolean,
): readonly TickGroup[] {
  return groups
    .map(({ instrumentId, updates }) => ({
      instrumentId,
      updates: updates.filter((update) => keep(update, instrumentId)),
    }))
    .filter(({ updates }) => updates.length > 0)
}

export function countTicks(groups: readonly TickGroup[]): number {
  return groups.reduce((sum, { updates }) => sum + updates.length, 0)
}
