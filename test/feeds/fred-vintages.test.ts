import { expect, test } from 'vitest'
import type { z } from 'zod'
import type { FredClient, FredQuestion } from '../../feeds/fred-client.ts'
import { parseDay, printDay } from '../../feeds/fred-day.ts'
import {
  type Refused,
  readVintages,
  type VintagePages,
  type VintageSpan,
  type VintageWindow,
} from '../../feeds/fred-vintages.ts'

const DATES = Array.from({ length: 10 }, (_, n) => `2024-01-${String(n + 11)}`)

type Answer = (question: FredQuestion) => object

/** FRED, with these vintage dates, and no values but those that a test says. */
function fred(answer: Answer = () => ({ count: 0, observations: [] })) {
  const asked: FredQuestion[] = []
  const client: FredClient = {
    async ask<T>(question: FredQuestion, schema: z.ZodType<T>) {
      asked.push(question)
      const { realtime_start: start = '' } = question.parameters
      const dates = DATES.filter((date) => date >= String(start))
      const isDates = question.path === 'series/vintagedates'
      const body = isDates ? { count: dates.length, vintage_dates: dates } : answer(question)
      return 'refusal' in body ? { refusal: String(body.refusal) } : { body: schema.parse(body) }
    },
  }
  return { client, asked }
}

async function read(client: FredClient, since?: VintageSpan, pages: Partial<VintagePages> = {}) {
  const windows: (VintageWindow | Refused)[] = []
  const { signal } = new AbortController()
  const all = { rowsAPage: 100, datesAWindow: 4, rowsAWindow: 1_000, ...pages }
  for await (const window of readVintages(client, 'GDP', since, signal, all)) windows.push(window)
  return windows
}

function stretches(asked: readonly FredQuestion[]): readonly string[] {
  const questions = asked.filter(({ path }) => path === 'series/observations')
  return questions.map(({ parameters }) => `${parameters.realtime_start} ${parameters.realtime_end}`)
}

const row = (vintage: string, date = '2023-10-01') => ({ realtime_start: vintage, date, value: '1' })

test('windows hold no more vintage dates than FRED gives, and each begins with the last of the one before', async () => {
  const { client, asked } = fred()
  const windows = await read(client)
  expect(stretches(asked)).toEqual(['1776-07-04 2024-01-14', '2024-01-14 2024-01-17', '2024-01-17 9999-12-31'])
  expect(windows.map((window) => 'isLast' in window && window.isLast)).toEqual([false, false, true])
})

test('what a window cuts at its beginning was published before, in the very first window nothing was', async () => {
  const rows = ['1776-07-04', '2024-01-14', '2024-01-15'].map((vintage) => row(vintage))
  const { client } = fred(() => ({ count: 3, observations: rows }))
  const [first, second] = await read(client)
  expect(first).toMatchObject({ published: [{}, {}, {}], held: [] })
  expect(second).toMatchObject({ published: [{}, {}], held: [{ vintage: parseDay('2024-01-14') }] })
})

test('from a vintage on it is asked from the day before, so that what is of its day is not cut', async () => {
  const { client, asked } = fred(() => ({ count: 2, observations: [row('2024-01-17'), row('2024-01-18')] }))
  const since = { day: parseDay('2024-01-18')!, lastUpdated: Date.UTC(2024, 0, 18, 13) / 1_000 }
  const [window] = await read(client, since)
  expect(stretches(asked)).toEqual(['2024-01-17 9999-12-31'])
  expect(window).toMatchObject({ published: [{ vintage: since.day }], held: [{ vintage: since.day - 1 }] })
  expect(asked).toHaveLength(1)
})

test('from a vintage that is long ago its later dates are asked for first', async () => {
  const { client, asked } = fred()
  await read(client, { day: parseDay('2024-01-12')!, lastUpdated: Date.UTC(2024, 0, 21) / 1_000 })
  expect(asked[0]?.path).toBe('series/vintagedates')
  expect(stretches(asked)).toEqual(['2024-01-11 2024-01-14', '2024-01-14 2024-01-17', '2024-01-17 9999-12-31'])
})

test('a window with too many rows is halved, down to a date', async () => {
  const { client, asked } = fred(({ parameters: { realtime_start: start = '', realtime_end: end = '' } }) => {
    const dates = DATES.filter((date) => date >= String(start) && date <= String(end))
    return { count: dates.length * 10, observations: dates.map((date) => row(date)) }
  })
  const windows = await read(client, undefined, { datesAWindow: 20, rowsAWindow: 35 })
  expect(new Set(stretches(asked))).toEqual(
    new Set([
      '1776-07-04 9999-12-31',
      ...['1776-07-04 2024-01-16', '1776-07-04 2024-01-14', '1776-07-04 2024-01-13', '2024-01-13 2024-01-14'],
      ...['2024-01-14 2024-01-16', '2024-01-16 9999-12-31', '2024-01-16 2024-01-18', '2024-01-18 9999-12-31'],
    ]),
  )
  const published = windows.flatMap((window) => ('published' in window ? window.published : []))
  expect(published.map(({ vintage }) => printDay(vintage))).toEqual(DATES)
  expect(windows.map((window) => 'isLast' in window && window.isLast).indexOf(true)).toBe(windows.length - 1)
})

test('a series that changes between two pages is not read half', async () => {
  const { client } = fred(({ parameters }) => ({
    count: parameters.offset === 0 ? 3 : 4,
    observations: [row('2024-01-11'), row('2024-01-11', '2023-11-01')],
  }))
  await expect(read(client, undefined, { rowsAPage: 2 })).rejects.toMatchObject({
    code: 'feed_broken',
    message: 'GDP must not change while it is read, had 3 rows, then 4',
  })
})

test('a series that FRED refuses ends with its words', async () => {
  const { client } = fred(() => ({ refusal: 'The series does not exist in ALFRED but may exist in FRED.' }))
  expect(await read(client)).toEqual([{ refusal: 'The series does not exist in ALFRED but may exist in FRED.' }])
})

test('others have their turns while a long window is read', async () => {
  const rows = Array.from({ length: 5_000 }, () => row('2024-01-11'))
  const { client } = fred(() => ({ count: rows.length, observations: rows }))
  let turns = 0
  const count = () => {
    turns++
    immediate = setImmediate(count)
  }
  let immediate = setImmediate(count)
  try {
    await read(client, undefined, { rowsAPage: 5_000, rowsAWindow: 5_000 })
  } finally {
    clearImmediate(immediate)
  }
  expect(turns).toBeGreaterThanOrEqual(4)
})
