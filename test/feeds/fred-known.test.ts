import { describe, expect, test } from 'vitest'
import { parseDay, printDay } from '../../feeds/fred-day.ts'
import { KnownVintages } from '../../feeds/fred-known.ts'
import { type FredRow, idOf, knownAtOf, normalizeRow } from '../../feeds/fred-row.ts'
import { parseLastUpdated } from '../../feeds/fred-series.ts'

const DAY = 86_400
const UPDATED = parseLastUpdated('2024-12-19 07:55:01-06')

/** `2024-07-01 2024-11-27 29354.321` */
function row(text: string) {
  const [period = '', vintage = '', value = '.'] = text.split(' ')
  return { period: parseDay(period)!, vintage: parseDay(vintage)!, value: value === '.' ? undefined : Number(value) }
}

function known(...rows: readonly string[]): KnownVintages {
  const vintages = new KnownVintages()
  vintages.remember(vintages.sift(rows.map(row), undefined))
  return vintages
}

/** `period vintage value`, and `past` or the second at which it became known. */
function told(vintages: KnownVintages, rows: readonly string[], lastUpdated: number | undefined = UPDATED) {
  return vintages.sift(rows.map(row), lastUpdated).map(({ period, vintage, value, knownAt, isPast }) => {
    const moment = isPast ? 'past' : new Date(knownAt * 1_000).toISOString().slice(0, 19)
    return `${printDay(period)} ${printDay(vintage)} ${value ?? '.'} ${moment}`
  })
}

const Q2 = '2024-04-01 2024-09-26 29016.714'
const Q3 = '2024-07-01 2024-10-30 29349.924'

describe('what is news', () => {
  test('is a vintage that is not known, and no other', () => {
    const vintages = known(Q2, Q3)
    expect(told(vintages, [Q2, Q3])).toEqual([])
    expect(told(vintages, [Q2, Q3, '2024-07-01 2024-12-19 29374.914'])).toEqual([
      '2024-07-01 2024-12-19 29374.914 2024-12-19T13:55:01',
    ])
  })

  test('of one update comes in order of period, all in the second of the update', () => {
    const rows = ['2024-10-01 2024-12-19 3', '2024-04-01 2024-12-19 1', '2024-07-01 2024-12-19 .']
    const moment = '2024-12-19T13:55:01'
    expect(told(known(Q2, Q3), rows)).toEqual([
      `2024-04-01 2024-12-19 1 ${moment}`,
      `2024-07-01 2024-12-19 . ${moment}`,
      `2024-10-01 2024-12-19 3 ${moment}`,
    ])
  })

  test('is history where nothing is known, the oldest vintage first, known from the beginning of its day', () => {
    const news = new KnownVintages().sift([row(Q3), row('2024-07-01 2024-08-01 1'), row(Q2)], UPDATED)
    expect(news.map(({ isPast, knownAt }) => [isPast, knownAt])).toEqual([
      [true, Date.UTC(2024, 7, 1) / 1_000],
      [true, Date.UTC(2024, 8, 26) / 1_000],
      [true, Date.UTC(2024, 9, 30) / 1_000],
    ])
  })

  test('is history where it was missed and another came after it', () => {
    const rows = ['2024-07-01 2024-11-27 29354.321', '2024-07-01 2024-12-19 29374.914']
    expect(told(known(Q2, Q3), rows)).toEqual([
      '2024-07-01 2024-11-27 29354.321 past',
      '2024-07-01 2024-12-19 29374.914 2024-12-19T13:55:01',
    ])
  })

  test('is not known before its day, be the update that was told an older one', () => {
    expect(told(known(Q2), [Q3], parseLastUpdated('2024-09-26 07:55:01-05'))).toEqual([
      '2024-07-01 2024-10-30 29349.924 2024-10-30T00:00:00',
    ])
  })

  test('is another value of the same day, too', () => {
    expect(told(known(Q2, Q3), ['2024-07-01 2024-10-30 29350'])).toEqual([
      '2024-07-01 2024-10-30 29350 2024-12-19T13:55:01',
    ])
  })

  test('is a value where there was none, and none where there was one', () => {
    const vintages = known('2024-07-01 2024-10-30 .', '2024-04-01 2024-10-30 1')
    expect(told(vintages, ['2024-07-01 2024-12-19 1', '2024-04-01 2024-12-19 .'])).toHaveLength(2)
    expect(told(vintages, ['2024-07-01 2024-10-30 .', '2024-04-01 2024-10-30 1'])).toEqual([])
  })
})

describe('ids', () => {
  const ids = (vintages: KnownVintages, rows: readonly string[], lastUpdated = UPDATED) =>
    vintages.sift(rows.map(row), lastUpdated).map(({ knownAt, period }) => idOf(knownAt, period))

  test('are the second and the day, which can be read back', () => {
    const [id = 0] = ids(known(Q2), [Q3])
    expect(knownAtOf(id)).toBe(UPDATED)
    expect(printDay(id % 2 ** 18)).toBe('2024-07-01')
  })

  test.each([
    ['ran backwards', UPDATED - 3 * DAY],
    ['is the second of the update before', UPDATED],
  ])('rise although last_updated %s', (_, lastUpdated) => {
    const vintages = known(Q2)
    const first = vintages.sift(['2024-04-01 2024-12-19 1', '2024-07-01 2024-12-19 2'].map(row), UPDATED)
    vintages.remember(first)
    const last = Math.max(...first.map(({ knownAt, period }) => idOf(knownAt, period)))
    const next = ids(vintages, ['2024-04-01 2024-12-19 3', '2024-10-01 2024-12-19 4'], lastUpdated)
    expect(next[0]).toBeGreaterThan(last)
    expect(next[1]).toBeGreaterThan(next[0]!)
    expect(knownAtOf(next[0]!)).toBe(UPDATED + 1)
  })

  test('of a vintage that comes late lie at its day, and are free', () => {
    const vintages = known(Q2, Q3)
    const [late = 0] = ids(vintages, ['2024-04-01 2024-09-26 1'])
    expect(knownAtOf(late)).toBe(Date.UTC(2024, 8, 26) / 1_000 + 1)
  })

  test('of vintages before 1970 are of second 0, and only the newest of a period is kept', () => {
    const rows = ['1958-01-01 1959-01-01 1', '1958-01-01 1960-01-01 2', '1958-01-01 1971-01-01 3']
    const vintages = new KnownVintages()
    const news = vintages.sift(rows.map(row), undefined)
    expect(news.map(({ knownAt, value }) => [knownAt, value])).toEqual([
      [0, 2],
      [365 * DAY, 3],
    ])
    vintages.remember(news)
    expect(vintages.sift(rows.map(row), UPDATED)).toEqual([])
  })
})

test('what is stored is known again, and of two values of a day the later counts', () => {
  const stored = { period: '2024-07-01', vintage: '2024-10-30', knownAt: 0 }
  const vintages = new KnownVintages([
    { ...stored, id: 2, value: 29_350 },
    { ...stored, id: 1, value: 29_349.924 },
  ])
  expect(told(vintages, ['2024-07-01 2024-10-30 29350'])).toEqual([])
  expect(told(vintages, [Q3])).toHaveLength(1)
})

test.each([
  ['2025-03-27 07:51:52-05', '2025-03-27T12:51:52.000Z'],
  ['2024-12-19 07:55:01-06', '2024-12-19T13:55:01.000Z'],
  ['2024-12-19 07:55:01-0630', '2024-12-19T14:25:01.000Z'],
])('last_updated %s is %s', (text, moment) => {
  expect(new Date(parseLastUpdated(text) * 1_000).toISOString()).toBe(moment)
})

describe('a row', () => {
  const observation = {
    realtime_start: '2024-10-30',
    realtime_end: '9999-12-31',
    date: '2024-07-01',
    value: '29349.924',
  }
  const raw = (changes: object = {}): FredRow => ({
    ...{ symbol: 'US_GDP', observation: { ...observation, ...changes }, knownAt: UPDATED, isPast: false },
  })

  test('is a tick with its period and its vintage', () => {
    expect(normalizeRow(raw(), 5, String)).toEqual([
      {
        symbol: 'US_GDP',
        id: UPDATED * 2 ** 18 + 90_577,
        price: 29349.924,
        size: undefined,
        side: undefined,
        trades: 1,
        time: UPDATED * 1_000,
        received: 5,
        period: '2024-07-01',
        vintage: '2024-10-30',
      },
    ])
  })

  test('with a point has no price', () => {
    expect(normalizeRow(raw({ value: '.' }), 5, String)[0]).toMatchObject({ price: undefined, period: '2024-07-01' })
  })

  test.each([
    ['a value that is none', { value: 'n/a' }],
    ['an empty value', { value: '' }],
    ['a value beyond all numbers', { value: '1e999' }],
    ['a value that is a number', { value: 1 }],
    ['a day that there is not', { date: '2024-02-30' }],
    ['a day before FRED’s first', { date: '1776-07-03' }],
    ['a day beyond an id’s room', { date: '2494-06-01' }],
    ['no vintage', { realtime_start: undefined }],
  ])('with %s is refused', (_, changes) => {
    expect(() => normalizeRow(raw(changes), 0, String)).toThrow(expect.objectContaining({ code: 'feed_payload' }))
  })

  test('that FRED does not give is refused in its words', () => {
    const refused: FredRow = { symbol: 'GDP', refusal: 'The series does not exist in ALFRED.' }
    expect(() => normalizeRow(refused, 0, String)).toThrow(/does not exist in ALFRED/)
  })
})
