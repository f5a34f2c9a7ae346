import { expect, it } from 'vitest'
import { createTally } from '../../src/base/tally.ts'

it('a flood is counted whole and reported once a second, with how many there were', () => {
  let now = 0
  const reports: [number, string][] = []
  const tally = createTally(
    (count, detail) => reports.push([count, detail]),
    () => now,
  )
  for (const time of [0, 1, 2, 999, 1_000, 1_500, 2_000]) {
    now = time
    tally.count(`at ${time}`)
  }
  expect(tally.total).toBe(7)
  expect(reports).toEqual([
    [1, 'at 0'],
    [4, 'at 1000'],
    [2, 'at 2000'],
  ])
})
