import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Observation } from '../../../src/market/observation.ts'
import { mergeObservations } from '../../../src/tiers/outage/merged-observations.ts'
import { observed } from '../observations.ts'

const day = fc.integer({ min: 1, max: 9 }).map((of) => `2024-04-0${of}`)
const rows = fc
  .array(fc.tuple(day, day), { maxLength: 30 })
  .map((all) => all.map(([period, vintage], index) => observed(index + 1, period, vintage)))

const toObservation = ({ id, period, vintage, price, time }: ReturnType<typeof observed>): Observation => ({
  ...{ id, period: period!, vintage: vintage!, value: price, knownAt: time },
})
const byPlace = (a: Observation, b: Observation) =>
  a.period.localeCompare(b.period) || a.vintage.localeCompare(b.vintage) || a.id - b.id

/** As the database answers. */
function answer(all: readonly Observation[], asOf?: string): readonly Observation[] {
  const sorted = all.toSorted(byPlace)
  if (asOf === undefined) return sorted
  return [...new Map(sorted.filter(({ vintage }) => vintage <= asOf).map((each) => [each.period, each])).values()]
}

it('what waits and what is stored answer together as if all were stored, whichever lies where, or in both', () => {
  fc.assert(
    fc.property(
      rows,
      fc.option(day, { nil: undefined }),
      fc.infiniteStream(fc.constantFrom(1, 2, 3)),
      (all, asOf, in_) => {
        const places = all.map((row) => ({ row, place: in_.next().value ?? 1 }))
        const waiting = places.filter(({ place }) => place !== 1).map(({ row }) => row)
        const stored = places.filter(({ place }) => place !== 2).map(({ row }) => toObservation(row))
        expect(mergeObservations(waiting, answer(stored, asOf), asOf)).toEqual(answer(all.map(toObservation), asOf))
      },
    ),
  )
})

it('a tick that is no observation is none', () => {
  const { period: _, vintage: __, ...trade } = observed(1, '2024-04-01', '2024-04-01')
  expect(mergeObservations([trade], [], undefined)).toEqual([])
})
