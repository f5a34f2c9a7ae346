import { performance } from 'node:perf_hooks'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createFredFeed, type FredBounds } from '../../feeds/fred.ts'
import type { FredRow } from '../../feeds/fred-row.ts'
import { createFeeds } from '../../feeds/index.ts'
import { GatewayError } from '../../src/base/errors.ts'
import type { Feed } from '../../src/feed.ts'
import { type FredSimulator, startFredSimulator } from '../../src/simulate/fred.ts'
import { createObservationStore, type FollowPorts, type ObservationStore } from '../fakes/observation-store.ts'
import { watchTimers } from '../fakes/timer-watch.ts'

const BEGIN = Date.UTC(2026, 10, 22, 18)
const DAY = 86_400_000
const ABORT_MS = 100

let simulator: FredSimulator
let wall: number
let store: ObservationStore
let controller: AbortController
beforeEach(async () => {
  wall = 0
  simulator = await startFredSimulator({ start: BEGIN, now: () => wall })
  store = createObservationStore()
  controller = new AbortController()
})
afterEach(async () => {
  controller.abort()
  await simulator.close()
})

function make(series: readonly string[] = ['GDP'], bounds: Partial<FredBounds> = {}): Feed<FredRow> {
  const symbols = series.map((sourceSymbol) => ({ symbol: `US_${sourceSymbol}`, sourceSymbol }))
  const { url, apiKey } = simulator
  return createFredFeed({ symbols, url, apiKey, pollMs: 2, bounds: { spacingMs: 0, ...bounds } })
}

/** Follows in the background. Rejects with what ends it. */
function follow(feed: Feed<FredRow>, ports: FollowPorts = {}): { readonly ended: Promise<void> } {
  const ended = store.follow(feed, ports, controller.signal)
  ended.catch(() => {})
  return { ended }
}

async function stop({ ended }: { readonly ended: Promise<void> }): Promise<void> {
  controller.abort()
  await ended
  controller = new AbortController()
}

/** Everything of the series is stored, and FRED was asked once more since. */
async function caughtUp(series: string, rows = simulator.truth(series).length): Promise<void> {
  await expect.poll(() => store.of(`US_${series}`).length, { timeout: 20_000 }).toBe(rows)
  await polls(2)
}

async function polls(count: number): Promise<void> {
  const asked = () => simulator.seen.requests.get('/fred/series/updates') ?? 0
  const before = asked()
  await expect.poll(asked, { timeout: 20_000 }).toBeGreaterThanOrEqual(before + count)
}

function requests(path: string): number {
  return simulator.seen.requests.get(`/fred/series${path}`) ?? 0
}

describe('resolve', () => {
  test('tells what FRED says of a series', async () => {
    expect(await make(['GDP', 'UNRATE']).resolve(controller.signal)).toEqual({
      instruments: [
        {
          symbol: 'US_GDP',
          sourceSymbol: 'GDP',
          assetClass: 'macro',
          source: 'fred',
          priceDigits: 3,
          sizeDigits: 0,
          about: {
            title: 'Gross Domestic Product',
            frequency: 'Quarterly',
            units: 'Billions of Dollars',
            seasonalAdjustment: 'Seasonally Adjusted Annual Rate',
          },
        },
        expect.objectContaining({ symbol: 'US_UNRATE', priceDigits: 2 }),
      ],
      refused: [],
    })
  })

  test('refuses a series that FRED does not have, and no other', async () => {
    const { instruments, refused } = await make(['NOPE', 'GDP']).resolve(controller.signal)
    expect(instruments.map(({ symbol }) => symbol)).toEqual(['US_GDP'])
    const reason = 'FRED has no series NOPE: Bad Request.  The series does not exist.'
    expect(refused).toEqual([{ symbol: 'US_NOPE', reason }])
  })

  test('refuses all when FRED has none', async () => {
    await expect(make(['NOPE', 'NADA']).resolve(controller.signal)).rejects.toMatchObject({
      code: 'feed_refused',
      message: expect.stringMatching(/MACRO_SERIES .*NOPE.*NADA/),
    })
  })
})

describe('history', () => {
  test.each([
    ['in one piece', {}],
    ['in pages and windows', { rowsAPage: 300, datesAWindow: 200 }],
  ])('has every vintage once, the oldest first, as a fact of the past: %s', async (_, bounds) => {
    follow(make(['GDP', 'DGS10'], bounds))
    for (const series of ['GDP', 'DGS10']) {
      await caughtUp(series)
      const ticks = store.of(`US_${series}`)
      expect(ticks.map(({ period, vintage, price: value }) => ({ period, vintage, value }))).toEqual(
        simulator.truth(series).map(({ period, vintage, value }) => ({ period, vintage, value })),
      )
      expect(ticks.every(({ isPast, time, vintage = '' }) => isPast && time === Date.parse(vintage))).toBe(true)
      expect(ticks.map(({ id }) => id)).toEqual(ticks.map(({ id }) => id).sort((a, b) => a - b))
    }
    expect(store.ticks.some(({ price }) => price === undefined)).toBe(true)
    expect(store.skipped).toEqual([])
  })

  test('is not told again, neither by polls on other days nor to another process', async () => {
    const first = follow(make())
    await caughtUp('GDP')
    wall += 3 * DAY
    await polls(35)
    await stop(first)
    follow(make())
    await polls(3)
    await caughtUp('GDP')
  })

  test('goes on after a death in its middle', async () => {
    await expect(follow(make(), { dieAfter: 300 }).ended).rejects.toThrow('killed')
    follow(make())
    await caughtUp('GDP')
    expect(new Set(store.ticks.map(({ id }) => id)).size).toBe(store.ticks.length)
  })

  test('is read from the store once: FRED comes back while the database is away', async () => {
    const feed = make()
    const { ended } = follow(feed)
    await caughtUp('GDP')
    simulator.faults.order(503, { count: 1, on: 'updates' })
    await expect(ended).rejects.toThrow('status 503')
    vi.spyOn(store.past, 'observations').mockRejectedValue(new GatewayError('tier_unavailable', 'away'))
    follow(feed)
    wall += DAY
    simulator.publish('GDP', [{ period: '2026-07-01', value: '6' }])
    await caughtUp('GDP')
  })

  test('is read from the store again after a reader left before it came back for more', async () => {
    const feed = make()
    await expect(follow(feed, { dieAfter: 300 }).ended).rejects.toThrow('killed')
    follow(feed)
    await caughtUp('GDP')
  })

  test('is told again to a reader that left before it came back for more', async () => {
    const feed = make()
    await expect(follow(feed, { dieAfter: 300, withoutPast: true }).ended).rejects.toThrow('killed')
    follow(feed, { withoutPast: true })
    await caughtUp('GDP', simulator.truth('GDP').length + 300)
  })
})

describe('live', () => {
  /** What came after everything was known. */
  async function news(publish: () => void): Promise<readonly string[]> {
    const { length } = store.ticks
    publish()
    await polls(4)
    return store.ticks.slice(length).map(({ period, vintage, price, time, isPast }) => {
      const moment = isPast ? 'past' : new Date(time).toISOString().slice(0, 19)
      return `${period} ${vintage} ${price ?? '.'} ${moment}`
    })
  }

  let heard: () => void
  beforeEach(async () => {
    heard = () => {}
    follow(make(), { heard: () => heard() })
    await caughtUp('GDP')
  })

  test('nothing is asked but what was updated, as long as nothing was', async () => {
    const asked = [requests('/observations'), requests('/vintagedates')]
    wall += 2 * DAY
    await polls(20)
    expect([requests('/observations'), requests('/vintagedates')]).toEqual(asked)
    expect(requests('')).toBeLessThanOrEqual(2)
  })

  test('revisions of one update come in order of period, known since the update', async () => {
    wall += DAY
    const rows = ['2026-07-01', '2026-04-01'].map((period, n) => ({ period, value: `${n + 1}.5` }))
    expect(await news(() => simulator.publish('GDP', rows))).toEqual([
      '2026-04-01 2026-11-23 2.5 2026-11-23T18:00:00',
      '2026-07-01 2026-11-23 1.5 2026-11-23T18:00:00',
    ])
  })

  test('a missing value is news as any', async () => {
    wall += DAY
    expect(await news(() => simulator.publish('GDP', [{ period: '2026-07-01', value: '.' }]))).toEqual([
      '2026-07-01 2026-11-23 . 2026-11-23T18:00:00',
    ])
  })

  test('an update that reveals nothing makes no tick', async () => {
    wall += DAY
    expect(await news(() => simulator.publish('GDP', []))).toEqual([])
  })

  test('a value that is there later than its update was listed is found', async () => {
    wall += DAY
    const lastUpdated = simulator.clock()
    const asked = requests('/observations')
    let isPublished = false
    heard = () => {
      // The newest vintages and then all have just been read in vain.
      if (isPublished || requests('/observations') < asked + 2) return
      isPublished = true
      simulator.publish('GDP', [{ period: '2026-07-01', value: '6' }], { lastUpdated })
    }
    expect(await news(() => simulator.publish('GDP', []))).toEqual(['2026-07-01 2026-11-23 6 2026-11-23T18:00:00'])
    expect(requests('/observations')).toBe(asked + 3)
  })

  test('an update after an update that ran backwards is streamed all the same', async () => {
    wall += DAY
    await news(() => simulator.publish('GDP', [{ period: '2026-07-01', value: '1' }]))
    wall += DAY
    const lastUpdated = BEGIN - 5 * DAY
    simulator.publish('GDP', [{ period: '2026-07-01', value: '2' }], { lastUpdated })
    // It is far down the list of updates: a roll call finds it.
    await expect.poll(() => store.ticks.at(-1)?.price, { timeout: 20_000 }).toBe(2)
    expect(store.ticks.at(-1)).not.toHaveProperty('isPast')
    expect(store.ticks.at(-1)!.id).toBeGreaterThan(store.ticks.at(-2)!.id)
  })

  test('two updates of one second are two ticks', async () => {
    wall += DAY
    expect(await news(() => simulator.publish('GDP', [{ period: '2026-04-01', value: '1' }]))).toHaveLength(1)
    const lastUpdated = simulator.clock()
    wall += 20
    simulator.publish('GDP', [{ period: '2026-01-01', value: '2' }], { lastUpdated })
    // Its moment says nothing new: it is found when the next update comes.
    wall += 60_000
    expect(await news(() => simulator.publish('GDP', [{ period: '2026-07-01', value: '3' }]))).toEqual([
      '2026-01-01 2026-11-23 2 2026-11-23T18:01:00',
      '2026-07-01 2026-11-23 3 2026-11-23T18:01:00',
    ])
  })

  test('a vintage that comes late is stored as of its day, whether it still holds or not', async () => {
    wall += DAY
    const holds = [{ period: '2025-01-01', value: '7', vintage: '2026-10-01' }]
    expect(await news(() => simulator.publish('GDP', holds))).toEqual(['2025-01-01 2026-10-01 7 past'])
    const [first] = simulator.truth('GDP').filter(({ period }) => period === '2020-01-01')
    const vintage = new Date(Date.parse(first!.vintage) + 3 * DAY).toISOString().slice(0, 10)
    const held = [{ period: '2020-01-01', value: '8', vintage }]
    wall += DAY
    expect(await news(() => simulator.publish('GDP', held))).toEqual([`2020-01-01 ${vintage} 8 past`])
  })

  test('a list of updates that is too long to be read costs no news', async () => {
    controller.abort()
    controller = new AbortController()
    follow(make(['GDP'], { updatesAPage: 1 }))
    await polls(3)
    wall += 20 * DAY
    simulator.publish('GDP', [{ period: '2026-07-01', value: '4' }])
    wall += 40_000
    for (const other of ['DGS10', 'UNRATE', 'CPIAUCSL', 'FEDFUNDS']) simulator.publish(other, [])
    await expect.poll(() => store.ticks.at(-1)?.price, { timeout: 20_000 }).toBe(4)
  })
})

test('odd rows are counted, and the good ones among them taken', async () => {
  simulator.faults.order('odd-rows', { count: 1, on: 'observations' })
  follow(make())
  await caughtUp('GDP')
  expect(store.skipped).toHaveLength(4)
})

test('a series that FRED refuses later costs the others nothing', async () => {
  const feed = make(['UNRATE'])
  const { instruments } = await feed.resolve(controller.signal)
  const gone = { ...instruments[0]!, symbol: 'GONE', sourceSymbol: 'GONE' }
  const { ended } = follow({ ...feed, resolve: async () => ({ instruments: [gone, ...instruments], refused: [] }) })
  await caughtUp('UNRATE')
  expect(store.skipped[0]).toMatch(/^FRED must give GONE, was: .*does not exist/)
  await stop({ ended })
})

test('ends within 100 ms of an abort and leaves no timer', async () => {
  const timers = watchTimers()
  const followed = follow(make(['GDP'], { spacingMs: 60_000 }))
  await expect.poll(() => requests('')).toBe(1)
  const start = performance.now()
  controller.abort()
  await followed.ended.catch(() => {})
  expect(performance.now() - start).toBeLessThan(ABORT_MS)
  expect(await timers.left()).toBe(0)
})

test('the list of feeds makes it with a key and a series, and says what else it needs', () => {
  const sources = { binanceStreamUrl: 'ws://127.0.0.1:1', binanceRestUrl: 'http://127.0.0.1:1', dataDir: '/nowhere' }
  const others = { ...sources, cryptoSymbols: [], stockSymbols: [], yahooPollMs: 1_000, fredPollMs: 1_000 }
  const macroSeries = [{ symbol: 'GDP', sourceSymbol: 'GDP' }]
  const { feeds } = createFeeds({ ...others, macroSeries, fredApiKey: 'k' })
  expect(feeds).toMatchObject([{ name: 'fred', symbols: macroSeries, ids: 'given' }])
  const reasonOf = (config: object) =>
    createFeeds({ ...others, macroSeries, ...config }).off.find(({ feed }) => feed === 'fred')?.reason
  expect(reasonOf({})).toMatch(/^FRED_API_KEY must be set.* https:\/\//)
  expect(reasonOf({ fredApiKey: 'k', macroSeries: [] })).toBe('MACRO_SERIES must name a series, is empty')
})
