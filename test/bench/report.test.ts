import { describe, expect, it, test } from 'vitest'
import { createReport, formatTable, median, type RowPlan, summarize, unmeasured } from '../../bench/report.ts'

const atLeast: RowPlan = { name: 'speed', unit: 'trades/s', want: { of: 'ratio', least: 0.4 } }
const atMost: RowPlan = { name: 'delay', unit: 'ms', want: { of: 'value', most: 20 } }

test.each([
  [[3, 1, 2], 2],
  [[4, 1, 2, 30], 3],
  [[100, 9], 54.5],
])('the median of %j is %d', (numbers, middle) => {
  expect(median(numbers)).toBe(middle)
})

test('a median of nothing is refused', () => {
  expect(() => median([])).toThrow(RangeError)
})

describe('a row', () => {
  it('pairs each run with its own control, so that a slow moment of the machine does not count', () => {
    const samples = [
      { value: 50, control: 100 },
      { value: 5, control: 10 },
      { value: 60, control: 100 },
    ]
    expect(summarize(atLeast, samples)).toEqual({
      name: 'speed',
      unit: 'trades/s',
      value: 50,
      control: 100,
      ratio: 0.5,
      want: 'ratio >= 0.4',
      runs: 3,
      min: 0.5,
      max: 0.6,
      ok: true,
    })
  })

  it('is judged by its median, and tells the worst run', () => {
    const samples = [19, 18, 90].map((value) => ({ value, control: 1 }))
    expect(summarize(atMost, samples)).toMatchObject({ value: 19, min: 18, max: 90, want: 'value <= 20', ok: true })
    expect(summarize(atMost, [...samples, { value: 90, control: 1 }])).toMatchObject({ value: 54.5, ok: false })
  })

  it('may want a ratio to be at most something', () => {
    const plan: RowPlan = { name: 'delay', unit: 'ms', want: { of: 'ratio', most: 3 } }
    expect(summarize(plan, [{ value: 30, control: 10 }])).toMatchObject({ want: 'ratio <= 3', ok: true })
    expect(summarize(plan, [{ value: 31, control: 10 }])).toMatchObject({ ratio: 3.1, min: 3.1, max: 3.1, ok: false })
  })

  it('misses what it wants just below it, and when it was not measured at all', () => {
    expect(summarize(atLeast, [{ value: 39, control: 100 }]).ok).toBe(false)
    expect(summarize(atLeast, [{ value: 40, control: 100 }]).ok).toBe(true)
    expect(summarize(atLeast, [{ value: Number.NaN, control: 100 }]).ok).toBe(false)
    expect(summarize(atMost, [{ value: Number.NaN }]).ok).toBe(false)
  })

  it('without a control has no ratio, and without a want is all right', () => {
    const row = summarize({ name: 'backlog', unit: 'rows' }, [{ value: 7 }, { value: 9 }, { value: 1 }])
    expect(row).toMatchObject({ value: 7, control: null, ratio: null, want: null, min: 1, max: 9, ok: true })
  })
})

describe('a row of what could not be measured', () => {
  const row = unmeasured(atLeast, 'psql is not here')

  it('says why, and is not all right', () => {
    expect(row).toMatchObject({ value: null, runs: 0, want: 'ratio >= 0.4, not measured: psql is not here', ok: false })
    expect(createReport('tiers', [row]).ok).toBe(false)
  })

  it('is printed without a figure', () => {
    expect(formatTable(createReport('tiers', [row]))).toBe(
      [
        'tiers  value  control  ratio  min .. max  want',
        'speed                                     ratio >= 0.4, not measured: psql is not here  MISSED',
        '',
      ].join('\n'),
    )
  })
})

describe('a report', () => {
  const missed = summarize(atLeast, [{ value: 123_456.7, control: 400_000 }])
  const told = summarize({ name: 'backlog', unit: 'rows' }, [{ value: 12 }])

  it('is ok only when every row is', () => {
    expect(createReport('ingest', [told]).ok).toBe(true)
    expect(createReport('ingest', [told, missed]).ok).toBe(false)
  })

  it('is one object of JSON in which nothing gets lost', () => {
    const report = createReport('ingest', [missed, told])
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
  })

  it('prints as a table with its columns under each other', () => {
    expect(formatTable(createReport('ingest', [missed, told]))).toBe(
      [
        'ingest   value             control  ratio  min .. max      want',
        'speed    123,457 trades/s  400,000  0.309  0.309 .. 0.309  ratio >= 0.4  MISSED',
        'backlog  12 rows                           12 .. 12',
        '',
      ].join('\n'),
    )
  })
})
