import type { Observation } from '../../market/observation.ts'
import type { Update } from '../../market/tick.ts'

/** As `Database.observations`, of what is stored and of what waits for the database: of one id what is stored. */
export function mergeObservations(
  waiting: readonly Update[],
  stored: readonly Observation[],
  asOf: string | undefined,
): readonly Observation[] {
  if (waiting.length === 0) return stored
  const byId = new Map([...waiting.flatMap(toObservation), ...stored].map((each) => [each.id, each]))
  const all = [...byId.values()].sort(byPeriodAndVintage)
  if (asOf === undefined) return all
  const known = all.filter(({ vintage }) => vintage <= asOf)
  return [...new Map(known.map((each) => [each.period, each])).values()]
}

function toObservation({ id, period, vintage, price, time }: Update): readonly Observation[] {
  return period === undefined || vintage === undefined ? [] : [{ id, period, vintage, value: price, knownAt: time }]
}

/** Days in ISO form are in the order of their letters. */
function byPeriodAndVintage(a: Observation, b: Observation): number {
  if (a.period !== b.period) return a.period < b.period ? -1 : 1
  if (a.vintage !== b.vintage) return a.vintage < b.vintage ? -1 : 1
  return a.id - b.id
}
