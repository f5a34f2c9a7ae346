import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FRED_FAULTS } from '../../src/simulate/fred/faults.ts'
import { type FredSimulator, startFredSimulator } from '../../src/simulate/fred.ts'

const NOON = Date.UTC(2026, 10, 22, 12)
const DAY = 86_400_000
const EVERYTHING = 'realtime_start=1776-07-04&realtime_end=9999-12-31'

let simulator: FredSimulator
let wall: number
beforeEach(async () => {
  wall = NOON
  simulator = await startFredSimulator({ now: () => wall })
})
afterEach(() => simulator.close())

interface Row {
  readonly realtime_start: string
  readonly realtime_end: string
  readonly date: string
  readonly value: string
}

/** What the answers have between them. */
interface Body extends Readonly<Record<string, unknown>> {
  readonly seriess: readonly { readonly id: string; readonly last_updated: string }[]
  readonly observations: readonly Row[]
}

async function get(path: string, key = simulator.apiKey) {
  const response = await fetch(`${simulator.url}/fred/${path}&file_type=json&api_key=${key}`)
  return { status: response.status, body: (await response.json()) as Body }
}

describe('series', () => {
  test('are described as FRED does, under "seriess", with the moment of the last update in St. Louis', async () => {
    const { body } = await get('series?series_id=GDP')
    expect(body.seriess).toEqual([
      expect.objectContaining({
        id: 'GDP',
        realtime_start: '2026-11-22',
        frequency: 'Quarterly',
        units: 'Billions of Dollars',
        seasonal_adjustment: 'Seasonally Adjusted Annual Rate',
        last_updated: expect.stringMatching(/^2026-10-\d\d 07:\d\d:\d\d-05$/),
      }),
    ])
  })

  test('have another hour in winter', async () => {
    const { body } = await get('series?series_id=DGS10')
    expect(body.seriess[0]).toHaveProperty('last_updated', expect.stringMatching(/^2026-11-20 15:\d\d:\d\d-06$/))
  })
})

describe('observations', () => {
  test('are stamped with today where no real-time period is asked for', async () => {
    const { body } = await get('series/observations?series_id=UNRATE')
    expect(new Set(body.observations.map((row) => row.realtime_start))).toEqual(new Set(['2026-11-22']))
    expect(new Set(body.observations.map((row) => row.date)).size).toBe(body.observations.length)
  })

  test('have all their vintages where every day is asked for, end to end, with a point for a missing value', async () => {
    const { body } = await get(`series/observations?series_id=GDP&${EVERYTHING}`)
    const truth = simulator.truth('GDP')
    expect(body.observations).toHaveLength(truth.length)
    expect(body.observations.some(({ value }) => value === '.')).toBe(true)
    const byPeriod = groupByDate(body.observations)
    expect([...byPeriod.values()].some((rows) => rows.length > 2)).toBe(true)
    for (const rows of byPeriod.values()) {
      for (const [n, row] of rows.entries()) {
        const next = rows[n + 1]
        const end = next === undefined ? '9999-12-31' : new Date(Date.parse(next.realtime_start) - DAY).toISOString()
        expect(row.realtime_end).toBe(end.slice(0, 10))
        expect(row.value).not.toBe(next?.value)
      }
    }
  })

  test('are cut at the ends of the real-time period', async () => {
    const { body } = await get(
      'series/observations?series_id=GDP&realtime_start=2020-01-01&realtime_end=2020-12-31&observation_start=2019-07-01',
    )
    expect(body.observations[0]).toMatchObject({ date: '2019-07-01', realtime_start: '2020-01-01' })
    const ends = body.observations.map((row) => row.realtime_end)
    expect(ends.every((end) => end <= '2020-12-31')).toBe(true)
    expect(ends).toContain('2020-12-31')
  })

  test('come in pages', async () => {
    const all = await get(`series/observations?series_id=GDP&${EVERYTHING}`)
    const page = await get(`series/observations?series_id=GDP&${EVERYTHING}&limit=10&offset=5`)
    expect(page.body).toMatchObject({ count: all.body.observations.length, offset: 5, limit: 10 })
    expect(page.body.observations).toEqual(all.body.observations.slice(5, 15))
  })

  test('of more than 2000 vintage dates are refused', async () => {
    const { status, body } = await get(`series/observations?series_id=DGS10&${EVERYTHING}`)
    expect(status).toBe(400)
    expect(body.error_message).toMatch(/exceeds the maximum number of vintage dates allowed \(2000\)/)
    const dates = await get('series/vintagedates?series_id=DGS10')
    expect(dates.body.count).toBeGreaterThan(2_000)
  })
})

test('updates are those of the last two weeks, the newest first', async () => {
  const { body } = await get('series/updates?limit=2')
  expect(body).toMatchObject({ order_by: 'last_updated', limit: 2 })
  expect(body.seriess.map(({ id }) => id)).toEqual(['DGS10', 'UNRATE'])
})

test('a clock that runs fast publishes in order, and what was published stays', async () => {
  const before = simulator.truth('DGS10')
  wall += 5 * DAY
  const after = simulator.truth('DGS10')
  expect(after.length).toBeGreaterThan(before.length)
  expect(after.slice(0, before.length)).toEqual(before)
  expect(simulator.truth('DGS10', NOON)).toEqual(before)
})

test('a seed decides everything, whenever the simulator was started', async () => {
  const twin = await startFredSimulator({ start: NOON - 300 * DAY, speed: 1_000, now: () => wall })
  const other = await startFredSimulator({ seed: 2, now: () => wall })
  wall += DAY
  const asOf = NOON - 100 * DAY
  expect(twin.truth('CPIAUCSL', asOf)).toEqual(simulator.truth('CPIAUCSL', asOf))
  expect(other.truth('CPIAUCSL', asOf)).not.toEqual(simulator.truth('CPIAUCSL', asOf))
  await Promise.all([twin.close(), other.close()])
})

test('a value can be published by hand, with any vintage and moment', async () => {
  simulator.publish('GDP', [{ period: '2026-07-01', value: '1.5', vintage: '2026-11-20' }], { lastUpdated: NOON - DAY })
  expect(simulator.truth('GDP').at(-1)).toMatchObject({ period: '2026-07-01', vintage: '2026-11-20', value: 1.5 })
  const { body } = await get('series?series_id=GDP')
  expect(body.seriess[0]).toHaveProperty('last_updated', '2026-11-21 06:00:00-06')
})

describe('refuses in FRED’s words', () => {
  test('a key that is none, and one that nobody has', async () => {
    const malformed = await get('series?series_id=GDP', 'KEY')
    expect(malformed).toMatchObject({ status: 400, body: { error_code: 400 } })
    expect(malformed.body.error_message).toMatch(/is not a 32 character alpha-numeric lower-case string/)
    const unknown = await get('series?series_id=GDP', 'z'.repeat(32))
    expect(unknown.body.error_message).toMatch(/api_key is not registered/)
  })

  test('a series that there is not', async () => {
    const { status, body } = await get('series?series_id=NOPE')
    expect([status, body.error_message]).toEqual([400, 'Bad Request.  The series does not exist.'])
  })

  test('more requests in a second than it allows', async () => {
    const strict = await startFredSimulator({ requestsPerSecond: 2 })
    const ask = () => fetch(`${strict.url}/fred/series?series_id=GDP&api_key=${strict.apiKey}&file_type=json`)
    const statuses = (await Promise.all([ask(), ask(), ask()])).map(({ status }) => status)
    expect(statuses.sort()).toEqual([200, 200, 429])
    expect(strict.seen.tooFast).toBe(1)
    await strict.close()
  })
})

describe('faults', () => {
  test.each(FRED_FAULTS.filter((kind) => kind !== 'hang'))(
    'of kind %s befall one question of their kind',
    async (kind) => {
      simulator.faults.order(kind, { count: 1, on: 'observations', retryAfterS: 7, delayMs: 20 })
      const ask = async (path: string) => {
        try {
          const response = await fetch(`${simulator.url}/fred/${path}&file_type=json&api_key=${simulator.apiKey}`)
          return {
            status: response.status,
            retryAfter: response.headers.get('retry-after'),
            text: await response.text(),
          }
        } catch (error) {
          return { status: 0, retryAfter: null, text: String(error) }
        }
      }
      expect((await ask('series?series_id=GDP')).status).toBe(200)
      const befallen = await ask('series/observations?series_id=GDP')
      const fine = await ask('series/observations?series_id=GDP')
      expect(fine.status).toBe(200)
      if (kind === 'slow') expect(befallen).toEqual(fine)
      else expect(befallen.text).not.toEqual(fine.text)
      if (kind === 429) expect(befallen.retryAfter).toBe('7')
      if (kind === 'html') expect(befallen).toMatchObject({ status: 200, text: expect.stringMatching(/^<!DOCTYPE/) })
    },
  )

  test('that hang are cut when faults are cleared', async () => {
    simulator.faults.order('hang', { count: 1 })
    const asked = get('series?series_id=GDP').then(
      () => 'answered',
      () => 'cut',
    )
    await expect.poll(() => simulator.seen.requests.get('/fred/series')).toBe(1)
    simulator.faults.clear()
    expect(await asked).toBe('cut')
  })
})

function groupByDate(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>()
  for (const row of rows) groups.set(row.date, [...(groups.get(row.date) ?? []), row])
  return groups
}
