import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BATCH_ROWS, Histogram, READ_SECONDS, WRITE_SECONDS } from '../../src/base/histogram.ts'

test('a value belongs to the first bound that it does not exceed, and above them all to the last bucket', () => {
  const histogram = new Histogram([1, 10, 100])
  for (const value of [0, 1, 1.5, 10, 99, 1_000]) histogram.observe(value)
  expect(histogram.counts).toEqual([2, 2, 1, 1])
  expect(histogram.sum).toBe(1_111.5)
  expect(histogram.count).toBe(6)
})

test('what is no number is not counted', () => {
  const histogram = new Histogram([1])
  histogram.observe(Number.NaN)
  expect(histogram).toMatchObject({ counts: [0, 0], sum: 0, count: 0 })
})

test('whatever comes, the buckets hold as many as there were, each within its bounds', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, min: 0, max: 200_000 })), (values) => {
      const histogram = new Histogram(BATCH_ROWS)
      for (const value of values) histogram.observe(value)
      expect(histogram.counts.reduce((sum, count) => sum + count, 0)).toBe(values.length)
      let below = 0
      for (const [index, bound] of BATCH_ROWS.entries()) {
        below += histogram.counts[index] ?? 0
        expect(below).toBe(values.filter((value) => value <= bound).length)
      }
    }),
  )
})

describe.each([
  ['READ_SECONDS', READ_SECONDS],
  ['WRITE_SECONDS', WRITE_SECONDS],
  ['BATCH_ROWS', BATCH_ROWS],
])('%s', (_, bounds) => {
  test('ascend without doubles', () => {
    expect(bounds).toEqual([...new Set(bounds)].sort((a, b) => a - b))
  })
})
