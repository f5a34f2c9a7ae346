import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createFredFeed } from '../../feeds/fred.ts'
import type { FredFault, FredFaultOptions, FredQuestion } from '../../src/simulate/fred/faults.ts'
import { type FredSimulator, startFredSimulator } from '../../src/simulate/fred.ts'
import { type FeedStatus, supervise } from '../../src/supervise.ts'
import { type HttpAnswer, startHttpSource } from '../fakes/http-source.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'
import { createObservationStore } from '../fakes/observation-store.ts'

const GENEROUS_MS = 20_000
/** Longest wait for an answer, where there will be none, and where there will. */
const SOON_MS = 500
const PATIENT_MS = 10_000
const SYMBOLS = [{ symbol: 'GDP', sourceSymbol: 'GDP' }]
/** Looks different in an address. */
const ODD_KEY = 'se/cr+et key&0123456789abcdefghi'

let stop: AbortController
beforeEach(() => {
  stop = new AbortController()
})
afterEach(() => stop.abort())

/** A feed as the gateway runs it, with all that is said of it. */
function run(url: string, apiKey: string, requestMs = SOON_MS) {
  const feed = createFredFeed({
    ...{ symbols: SYMBOLS, url, apiKey, pollMs: 20 },
    bounds: { spacingMs: 0, requestMs, mostBytes: 2 ** 20 },
  })
  const store = createObservationStore()
  const statuses: FeedStatus[] = []
  const errors: unknown[] = []
  const log = createLogRecorder()
  const ended = supervise(
    feed.name,
    async (connected, signal) => {
      try {
        await store.follow(feed, { connected }, signal)
      } catch (error) {
        errors.push(error)
        throw error
      }
    },
    { onStatus: (status) => statuses.push(status), backoff: { firstMs: 1, maxMs: 5 }, log, now: Date.now },
    stop.signal,
  )
  const said = () => [statuses, log.lines, store.skipped, errors].map((each) => inspect(each, { depth: 20 })).join('\n')
  return { feed, store, statuses, errors, log, ended, said }
}

type Row = readonly [
  fault: FredFault,
  on: FredQuestion,
  options: FredFaultOptions,
  state: FeedStatus['state'],
  code: string,
  reason: RegExp,
]

const OFF = /^FRED_API_KEY must be a key that FRED knows, was: .*not registered/
const LATE = { delayMs: 60_000 }
const FAULTS: readonly Row[] = [
  [429, 'series', {}, 'down', 'feed_broken', /^FRED must answer series, was: status 429 Too Many Requests/],
  [429, 'observations', {}, 'down', 'feed_broken', /series\/observations, was: status 429/],
  [429, 'updates', { retryAfterS: 1 }, 'down', 'feed_broken', /series\/updates, was: status 429/],
  [500, 'series', {}, 'down', 'feed_broken', /series, was: status 500/],
  [500, 'vintagedates', {}, 'down', 'feed_broken', /series\/vintagedates, was: status 500/],
  [503, 'updates', { retryAfterS: 1 }, 'down', 'feed_broken', /series\/updates, was: status 503/],
  ['slow', 'series', LATE, 'down', 'feed_broken', /series, was: silent for 0.5 s/],
  ['slow', 'observations', LATE, 'down', 'feed_broken', /silent for 0.5 s/],
  ['hang', 'updates', {}, 'down', 'feed_broken', /silent for 0.5 s/],
  ['cut', 'observations', {}, 'down', 'feed_broken', /series\/observations, was: /],
  ['cut', 'updates', {}, 'down', 'feed_broken', /series\/updates, was: /],
  ['html', 'series', {}, 'down', 'feed_broken', /series, was: no JSON \(text\/html\)/],
  ['html', 'vintagedates', {}, 'down', 'feed_broken', /no JSON \(text\/html\)/],
  ['html', 'updates', {}, 'down', 'feed_broken', /no JSON \(text\/html\)/],
  ['bad-key', 'series', {}, 'off', 'feed_refused', OFF],
  ['bad-key', 'observations', {}, 'off', 'feed_refused', OFF],
  ['bad-key', 'updates', {}, 'off', 'feed_refused', OFF],
]

describe('a fault of FRED', () => {
  let simulator: FredSimulator
  beforeEach(async () => {
    simulator = await startFredSimulator()
    // What it has published by now is made up here, not while an answer is waited for.
    for (const series of simulator.series) simulator.truth(series)
  })
  afterEach(async () => {
    stop.abort()
    await simulator.close()
  })

  test.each(FAULTS)('%s on %s with %j ends %s (%s)', async (fault, on, options, state, code, reason) => {
    simulator.faults.order(fault, { on, ...options })
    const requestMs = fault === 'slow' || fault === 'hang' ? SOON_MS : PATIENT_MS
    const { statuses, errors, log, store, said } = run(simulator.url, simulator.apiKey, requestMs)
    const failed = () => statuses.find((status) => status.state !== 'connecting' && status.state !== 'live')
    await expect.poll(failed, { timeout: GENEROUS_MS }).toBeDefined()
    expect(failed()).toMatchObject({ state, reason: expect.stringMatching(reason) })
    const retryAfterMs = options.retryAfterS === undefined ? undefined : options.retryAfterS * 1_000
    expect(errors[0]).toMatchObject({ code })
    expect(errors[0]).toHaveProperty('retryAfterMs', retryAfterMs)
    const waits = log.lines.flatMap(({ fields }) => (typeof fields.waitMs === 'number' ? [fields.waitMs] : []))
    expect(waits[0] ?? 0).toBeGreaterThanOrEqual(retryAfterMs ?? 0)
    expect(said()).not.toContain(simulator.apiKey)

    simulator.faults.clear()
    if (state === 'off') return
    const { length } = simulator.truth('GDP')
    await expect.poll(() => store.of('GDP').length, { timeout: GENEROUS_MS }).toBe(length)
    await expect.poll(() => statuses.at(-1)?.state, { timeout: GENEROUS_MS }).toBe('live')
  })

  test('odd-rows on observations leaves it live, each odd row counted', async () => {
    simulator.faults.order('odd-rows', { on: 'observations', count: 1 })
    const { statuses, store } = run(simulator.url, simulator.apiKey, PATIENT_MS)
    await expect.poll(() => store.skipped.length, { timeout: GENEROUS_MS }).toBe(4)
    expect(store.of('GDP')).toHaveLength(simulator.truth('GDP').length)
    expect(statuses.map(({ state }) => state)).toEqual(['connecting', 'live'])
  })

  test('an unknown key and a malformed one are refused by FRED itself', async () => {
    for (const key of ['z'.repeat(32), 'too short']) {
      const { statuses, ended, said } = run(simulator.url, key, PATIENT_MS)
      await ended
      expect(statuses.at(-1)).toMatchObject({ state: 'off', reason: expect.stringMatching(/^FRED_API_KEY must be/) })
      expect(said()).not.toContain(key)
    }
  })

  test('no series that FRED has ends off, with its words', async () => {
    const [symbols, apiKey] = [[{ symbol: 'X', sourceSymbol: 'NOPE' }], simulator.apiKey]
    const feed = createFredFeed({ symbols, apiKey, url: simulator.url, pollMs: 5, bounds: { spacingMs: 0 } })
    await expect(feed.resolve(stop.signal)).rejects.toMatchObject({ code: 'feed_refused' })
  })
})

describe('the key is not said', () => {
  const repeat = (url: URL) => `${url.searchParams.get('api_key')} ${url.search} ${url.pathname}`
  const series = {
    ...{ id: 'GDP', title: 'T', frequency: 'Q', units: 'U', seasonal_adjustment: 'S' },
    last_updated: '2024-12-19 07:55:01-06',
  }
  const ANSWERS: readonly (readonly [name: string, answer: (url: URL) => HttpAnswer | undefined])[] = [
    ['refused with it', (url) => ({ status: 400, body: { error_code: 400, error_message: repeat(url) } })],
    [
      'refused as a key',
      (url) => ({ status: 400, body: { error_code: 400, error_message: `api_key ${repeat(url)}` } }),
    ],
    ['failing with it', (url) => ({ status: 500, body: { error_code: 500, error_message: repeat(url).repeat(9) } })],
    ['a page with it', (url) => ({ status: 502, body: `<html>${repeat(url)}</html>` })],
    ['a type with it', (url) => ({ body: 'x', headers: { 'content-type': `text/${encodeURI(repeat(url))}` } })],
    ['sent elsewhere with it', (url) => ({ status: 302, body: '', headers: { location: `/other${url.search}` } })],
    ['silent', () => undefined],
    ['too long', () => ({ body: 'x'.repeat(2 ** 21) })],
    ['not what was asked', (url) => ({ body: { seriess: [{ ...series, last_updated: repeat(url) }] } })],
    [
      'giving odd rows with it',
      (url) => {
        if (url.pathname.endsWith('/observations')) return { body: { count: 1, observations: [repeat(url)] } }
        return { body: { count: 0, vintage_dates: [], seriess: [series] } }
      },
    ],
  ]

  test.each(ANSWERS)('by a FRED that is %s', async (name, answer) => {
    const asked: string[] = []
    const source = await startHttpSource((url) => {
      asked.push(url.pathname)
      return answer(url)
    })
    const { errors, store, ended, said } = run(source.url, ODD_KEY)
    await expect.poll(() => errors.length + store.skipped.length, { timeout: GENEROUS_MS }).toBeGreaterThan(0)
    stop.abort()
    await ended
    await source.close()
    const spellings = [ODD_KEY, encodeURIComponent(ODD_KEY), new URLSearchParams({ k: ODD_KEY }).toString().slice(2)]
    const text = said().toLowerCase()
    for (const spelling of [...spellings, encodeURI(ODD_KEY)]) expect(text).not.toContain(spelling.toLowerCase())
    if (name === 'sent elsewhere with it') expect(asked).not.toContain('/other')
  })

  test('by an address where nobody is', async () => {
    const { errors, said } = run('http://127.0.0.1:1', ODD_KEY)
    await expect.poll(() => errors.length, { timeout: GENEROUS_MS }).toBeGreaterThan(0)
    expect(String(errors[0])).toMatch(/FRED must answer series, was: .*(ECONNREFUSED|bad port)/)
    expect(said()).not.toMatch(/se.{1,3}cr.{1,3}et/)
  })
})
