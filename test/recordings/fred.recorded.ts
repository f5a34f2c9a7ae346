import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createFredFeed } from '../../feeds/fred.ts'
import type { Tick } from '../../src/market/tick.ts'
import { type HttpSource, startHttpSource } from '../fakes/http-source.ts'
import { createObservationStore, type ObservationStore } from '../fakes/observation-store.ts'
import { answerFrom, type RecordedRow, type RecordedSeries, readBody } from './recorded-fred.ts'
import { recordingsDirectory } from './recordings-dir.ts'

const directory = recordingsDirectory()
const GENEROUS_MS = 20_000

describe('recorded bodies of FRED', () => {
  const body = (name: string) => readBody(directory, name)
  let source: HttpSource
  let recorded: RecordedSeries
  let store: ObservationStore
  let stop: AbortController

  beforeEach(async () => {
    recorded = await gdp(1)
    source = await startHttpSource((url) => answerFrom(recorded, url))
    store = createObservationStore()
    stop = new AbortController()
  })
  afterEach(async () => {
    stop.abort()
    await source.close()
  })

  async function gdp(poll: 1 | 2): Promise<RecordedSeries> {
    const dates = await body(`vintagedates_GDP__poll${poll}`)
    return {
      series: await body(`series_GDP__poll${poll}`),
      observations: await body(`obs_GDP_all_vintages__poll${poll}`),
      vintageDates: dates.vintage_dates,
    }
  }

  function follow(sourceSymbol: string): Promise<void> {
    const symbols = [{ symbol: 'US', sourceSymbol }]
    const options = { symbols, url: source.url, apiKey: 'k'.repeat(32), pollMs: 5, bounds: { spacingMs: 0 } }
    return store.follow(createFredFeed(options), {}, stop.signal)
  }

  async function stored(count: number): Promise<readonly Tick[]> {
    await expect.poll(() => store.ticks.length, { timeout: GENEROUS_MS }).toBe(count)
    // Two more polls: nothing else comes of them.
    const { length } = source.requests
    await expect.poll(() => source.requests.length, { timeout: GENEROUS_MS }).toBeGreaterThan(length + 2)
    expect(store.ticks).toHaveLength(count)
    expect(store.skipped).toEqual([])
    return store.ticks
  }

  test('GDP: every vintage is a tick, the two of the next poll are the only ones that follow', async () => {
    const following = follow('GDP')
    const { length } = recorded.observations.observations
    const history = await stored(length)
    expect(new Set(history.map(print))).toEqual(new Set(recorded.observations.observations.map(printRow)))
    expect(new Set(history.map(({ id }) => id)).size).toBe(length)

    recorded = await gdp(2)
    const ticks = await stored(length + 2)
    expect(ticks.slice(-2)).toMatchObject([
      { period: '2024-07-01', vintage: '2024-11-27', price: 29354.321, isPast: true },
      { period: '2024-07-01', vintage: '2024-12-19', price: 29374.914, time: Date.UTC(2024, 11, 19, 13, 55, 1) },
    ])
    expect(ticks.at(-1)).not.toHaveProperty('isPast')
    expect(ticks.at(-1)!.id).toBeGreaterThan(Math.max(...ticks.slice(0, -1).map(({ id }) => id)))
    stop.abort()
    await following
    const asked = source.requests.filter((request) => request.startsWith('/fred/series/observations'))
    expect(
      asked.every((request) => /realtime_start=(1776-07-04|2024-10-29)&realtime_end=9999-12-31/.test(request)),
    ).toBe(true)
  })

  test('GDP: what was known on a day, what is known now and what was said first agree with FRED', async () => {
    recorded = await gdp(2)
    void follow('GDP')
    const ticks = await stored(recorded.observations.observations.length)
    const asOf = await body('obs_GDP_asof_2019-01-01')
    const lastThen = asOf.observations.filter((row) => row.realtime_end === '2019-01-01')
    expect(known(ticks, '2019-01-01')).toEqual(valueByPeriod(lastThen))
    const current = await body('obs_GDP_current__poll2')
    expect(known(ticks, '9999-12-31')).toEqual(valueByPeriod(current.observations))
    const initial = await body('obs_GDP_initial_release_output4__poll2')
    expect(ticks.map(print)).toEqual(expect.arrayContaining(initial.observations.map(printRow)))
  })

  test.each([
    ['WGS10YR', 'obs_WGS10YR_weekly__poll1', 'Weekly, Ending Friday'],
    ['CPILFESL', 'obs_CPILFESL_monthly__poll1', 'Monthly'],
  ])('%s: every row is read', async (id, name, frequency) => {
    const observations = await body(name)
    const [first] = observations.observations
    recorded = { series: await body(`series_${id}__poll1`), observations, vintageDates: [first!.realtime_start] }
    void follow(id)
    const ticks = await stored(observations.observations.length)
    expect(valueByPeriod(observations.observations)).toEqual(known(ticks, '9999-12-31'))
    const feed = createFredFeed({
      ...{ symbols: [{ symbol: 'US', sourceSymbol: id }], url: source.url, apiKey: 'k', pollMs: 5 },
    })
    const { instruments } = await feed.resolve(stop.signal)
    expect(instruments[0]?.about).toMatchObject({ frequency })
  })
})

function print({ period, vintage, price }: Tick): string {
  return `${period} ${vintage} ${price ?? '.'}`
}

function printRow({ date, realtime_start, value }: RecordedRow): string {
  return `${date} ${realtime_start} ${plain(value)}`
}

/** FRED prints `318.14` and `318.140`. */
function plain(value: string): string {
  return value === '.' ? '.' : String(Number(value))
}

/** Of each period the newest vintage up to a day. */
function known(ticks: readonly Tick[], day: string): ReadonlyMap<string, string> {
  const upTo = ticks.filter(({ vintage = '' }) => vintage <= day).toSorted((a, b) => a.id - b.id)
  return new Map(upTo.map(({ period = '', price }) => [period, String(price ?? '.')]))
}

function valueByPeriod(rows: readonly RecordedRow[]): ReadonlyMap<string, string> {
  return new Map(rows.map(({ date, value }) => [date, plain(value)]))
}
