import { afterEach, expect, test } from 'vitest'
import { createFredFeed } from '../../feeds/fred.ts'
import { supervise } from '../../src/supervise.ts'
import { type HttpAnswer, type HttpSource, startHttpSource } from '../fakes/http-source.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'
import { createObservationStore } from '../fakes/observation-store.ts'

const GENEROUS_MS = 20_000

let source: HttpSource
let stop: AbortController
let ended: Promise<void>
afterEach(async () => {
  stop.abort()
  await ended
  await source.close()
})

/** Two series of one value each, of which BAD answers with `trouble` when its values are asked for. */
async function run(trouble: () => HttpAnswer | undefined) {
  source = await startHttpSource((url) => {
    const id = url.searchParams.get('series_id') ?? 'OTHER'
    if (url.pathname.endsWith('/observations')) return (id === 'BAD' ? trouble() : undefined) ?? VALUE
    const series = { id, title: id, frequency: 'M', units: 'U', seasonal_adjustment: 'S', last_updated: UPDATED }
    return { body: { count: 1, vintage_dates: ['2024-01-02'], seriess: [series] } }
  })
  const symbols = ['BAD', 'GOOD'].map((symbol) => ({ symbol, sourceSymbol: symbol }))
  const feed = createFredFeed({ symbols, url: source.url, apiKey: 'k', pollMs: 1, bounds: { spacingMs: 0 } })
  const store = createObservationStore()
  stop = new AbortController()
  ended = supervise(
    feed.name,
    (connected, signal) => store.follow(feed, { connected }, signal),
    { onStatus: () => {}, backoff: { firstMs: 1, maxMs: 5 }, log: createLogRecorder(), now: Date.now },
    stop.signal,
  )
  return store
}

const UPDATED = '2024-01-02 08:00:00-06'
const VALUE: HttpAnswer = {
  body: { count: 1, observations: [{ realtime_start: '2024-01-02', date: '2023-12-01', value: '1.5' }] },
}

test('a series that FRED fails to give does not keep those behind it from being read', async () => {
  const store = await run(() => ({ status: 500, body: '' }))
  await expect.poll(() => store.of('GOOD').length, { timeout: GENEROUS_MS }).toBe(1)
})

test('a series whose values FRED has refused is asked for again', async () => {
  let isRefused = true
  const store = await run(() =>
    isRefused ? { status: 400, body: { error_code: 400, error_message: 'Bad Request.' } } : undefined,
  )
  await expect.poll(() => store.skipped.length, { timeout: GENEROUS_MS }).toBeGreaterThan(0)
  expect(store.of('BAD')).toEqual([])
  isRefused = false
  await expect.poll(() => store.of('BAD').length, { timeout: GENEROUS_MS }).toBe(1)
})
