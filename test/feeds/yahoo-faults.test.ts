import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createYahooFeed, type YahooTimeouts } from '../../feeds/yahoo.ts'
import type { GatewayError } from '../../src/base/errors.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import { type FeedStatus, supervise } from '../../src/supervise.ts'
import type { HttpAnswer } from '../fakes/http-source.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'
import { type FakeYahoo, quoteRow, startFakeYahoo, type YahooRoute } from '../fakes/yahoo-source.ts'

const CRUMB = 'se/cret+crumb'
const MINUTE = 60_000
const SYMBOLS = ['AAPL', 'MSFT'].map((symbol) => ({ symbol, sourceSymbol: symbol }))
const INSTRUMENTS = SYMBOLS.map(
  (mapping): Instrument => ({
    ...mapping,
    ...{ assetClass: 'stock', source: 'yahoo', priceDigits: 2, sizeDigits: 0 },
  }),
)
const HTML = '<!DOCTYPE html><html><body>Our engineers are working quickly to resolve the issue.</body></html>'
const CONSENT = '<!DOCTYPE html><html><body><form class="consent-form" method="post"></form></body></html>'
const error = (code: string, description: string) => ({ finance: { result: null, error: { code, description } } })

let yahoo: FakeYahoo
let controller: AbortController
let printed: readonly ReturnType<typeof vi.spyOn>[]
beforeEach(async () => {
  yahoo = await startFakeYahoo()
  yahoo.crumb = CRUMB
  for (const { symbol } of SYMBOLS) yahoo.rows.set(symbol, quoteRow(symbol))
  controller = new AbortController()
  const methods = ['log', 'info', 'warn', 'error', 'debug', 'dir'] as const
  printed = methods.map((method) => vi.spyOn(console, method).mockImplementation(() => {}))
})
afterEach(async () => {
  controller.abort()
  for (const spy of printed) expect(spy).not.toHaveBeenCalled()
  vi.restoreAllMocks()
  await yahoo.close()
})

/** What goes wrong, on which kind of request, and what has to be said of it. */
type Fault = readonly [name: string, route: YahooRoute, answer: HttpAnswer | 'silence', reason: RegExp]

/** Those that are meant for this address: nothing is asked for a while. */
const REFUSALS: readonly (readonly [...Fault, waitMs: number])[] = [
  ['429', 'quote', { status: 429, body: 'Too Many Requests' }, /429/, MINUTE],
  ['429 in JSON', 'quote', { status: 429, body: error('Too Many Requests', 'slow down') }, /429/, MINUTE],
  ['429 with a longer wait', 'quote', { status: 429, body: '', headers: { 'Retry-After': 120 } }, /429/, 2 * MINUTE],
  ['429 with a shorter wait', 'quote', { status: 429, body: '', headers: { 'Retry-After': 5 } }, /429/, MINUTE],
  [
    ...(['429 until a date', 'quote'] as const),
    {
      status: 429,
      body: '',
      headers: { Date: 'Mon, 04 Mar 2024 15:00:00 GMT', 'Retry-After': 'Mon, 04 Mar 2024 15:05:00 GMT' },
    },
    /429/,
    5 * MINUTE,
  ],
  ['429 of the page that gives cookies', 'page', { status: 429, body: 'Too Many Requests' }, /429/, MINUTE],
  ['429 of the crumb', 'crumb', { status: 429, body: 'Too Many Requests' }, /429/, MINUTE],
  ['999, as crawlers got it', 'quote', { status: 999, body: 'Unable to process request' }, /999/, MINUTE],
  ['a crumb that says no', 'crumb', { body: 'Too Many Requests\r\n' }, /Too Many Requests/, MINUTE],
  ['text with status 200 that says no', 'quote', { body: 'Edge: Too Many Requests' }, /Too Many Requests/, MINUTE],
  ['a consent page in the place of data', 'quote', { body: CONSENT }, /consent/, MINUTE],
  [
    ...(['data sent on to a consent page', 'quote'] as const),
    { status: 302, body: '', headers: { Location: 'https://consent.yahoo.com/v2/collectConsent?sessionId=1' } },
    /consent/,
    MINUTE,
  ],
  [
    ...(['the page sent on to a consent that leads nowhere', 'page'] as const),
    {
      status: 302,
      body: '',
      headers: { Location: 'https://guce.yahoo.com/consent?done=1', 'Set-Cookie': 'A3=x; Domain=.yahoo.com; Path=/' },
    },
    /consent/,
    MINUTE,
  ],
]

/** All others: the supervisor's backoff is enough. */
const BREAKS: readonly Fault[] = [
  ['500', 'quote', { status: 500, body: 'Internal Server Error' }, /500/],
  ['503', 'quote', { status: 503, body: HTML }, /503/],
  ['403', 'quote', { status: 403, body: error('Forbidden', 'no') }, /403 no/],
  ['503 of the page that gives cookies', 'page', { status: 503, body: HTML }, /503/],
  ['a page without cookies', 'page', { body: HTML }, /set-cookie/i],
  ['a crumb of HTML', 'crumb', { body: HTML }, /HTML/],
  ['no crumb', 'crumb', { body: '' }, /crumb/],
  ['401 of the crumb', 'crumb', { status: 401, body: error('Unauthorized', 'Invalid Cookie') }, /401 Invalid Cookie/],
  ['HTML with status 200', 'quote', { body: HTML }, /HTML/],
  ['a redirect', 'quote', { status: 301, body: '', headers: { Location: 'https://example.com/' } }, /301/],
  ['half an answer', 'quote', { body: '{"quoteResponse":{"result":[{"symbol"' }, /JSON|not parsable/i],
  ['no answer', 'quote', 'silence', /silent for 0\.3 s/],
  ['no rows', 'quote', { body: { quoteResponse: { result: [], error: null } } }, /one of its symbols/],
  ['an answer without a result', 'quote', { body: { quoteResponse: { result: null, error: null } } }, /result/],
  ['something else', 'quote', { body: { spark: 1 } }, /result/],
  ['null', 'quote', { body: 'null' }, /result/],
  ['an error with status 200', 'quote', { body: error('Bad Request', 'Missing symbols') }, /Missing symbols/],
]

describe('a refusal that is meant for this address', () => {
  test.each(REFUSALS)('%s: down, and nothing is asked until it is over', async (_, route, answer, reason, waitMs) => {
    yahoo.trouble = (asked) => (asked === route ? answer : undefined)
    const feed = feedOf({ requestMs: 10_000 })
    const told = await firstFailure(feed)
    expect(told).toMatchObject({ state: 'down', reason: expect.stringMatching(reason) })
    const asked = countAll()
    const refused = await failureOf(feed.resolve(controller.signal))
    expect(refused).toMatchObject({ code: 'feed_broken', decision: 'retry' })
    expect(refused.retryAfterMs).toBeGreaterThan(waitMs - 30_000)
    expect(refused.retryAfterMs).toBeLessThanOrEqual(waitMs)
    const candles = feed.candles(INSTRUMENTS[0]!, '1D', { limit: 1 }, controller.signal)
    expect(await failureOf(candles)).toMatchObject({ code: 'feed_broken', retryAfterMs: expect.any(Number) })
    expect(countAll()).toBe(asked)
    expect(refused.message).not.toContain('crumb=')
  })
})

describe('a failure that may be over next time', () => {
  test.each(BREAKS)('%s: down, and asked again', async (_, route, answer, reason) => {
    yahoo.trouble = (asked) => (asked === route ? answer : undefined)
    const feed = feedOf({ requestMs: answer === 'silence' ? 300 : 10_000 })
    const told = await firstFailure(feed)
    expect(told).toMatchObject({ state: 'down', reason: expect.stringMatching(reason) })
    expect(told.reason).not.toContain(CRUMB)
    expect(told.reason!.length).toBeLessThan(300)
    const failure = await failureOf(collectOne(feed))
    expect(failure).toMatchObject({ code: 'feed_broken', retryAfterMs: undefined })
    yahoo.trouble = () => undefined
    expect(await collectOne(feed)).toHaveLength(2)
  })

  test('one that says when is over then', async () => {
    const answer = { status: 503, body: HTML, headers: { 'Retry-After': 7 } }
    yahoo.trouble = (route) => (route === 'quote' ? answer : undefined)
    expect(await failureOf(collectOne(feedOf()))).toMatchObject({ code: 'feed_broken', retryAfterMs: 7_000 })
  })

  test('nobody there: down', async () => {
    const feed = createYahooFeed({ symbols: SYMBOLS, yahooUrl: 'http://127.0.0.1:1', pollMs: 1 })
    expect(await firstFailure(feed)).toMatchObject({
      state: 'down',
      reason: expect.stringMatching(/ECONNREFUSED|fetch/),
    })
  })

  test('an answer without an end is given up', async () => {
    const row = JSON.stringify(quoteRow('AAPL', { longName: 'x'.repeat(2 ** 20) }))
    yahoo.trouble = (route) => (route === 'quote' ? { body: `[${Array(20).fill(row).join()}]` } : undefined)
    expect(await firstFailure(feedOf())).toMatchObject({ state: 'down', reason: expect.stringMatching(/bytes/) })
  })
})

describe('a crumb that is no longer good', () => {
  test('is fetched anew, and the question asked once more', async () => {
    const feed = feedOf()
    expect(await collectOne(feed)).toHaveLength(2)
    yahoo.crumb = 'another'
    const { instruments } = await feed.resolve(controller.signal)
    expect(instruments).toHaveLength(2)
    expect([yahoo.asked('crumb'), yahoo.asked('quote')]).toEqual([2, 3])
  })

  test('is fetched once for all who need it', async () => {
    const feed = feedOf()
    await feed.resolve(controller.signal)
    yahoo.crumb = 'another'
    await Promise.all(Array.from({ length: 6 }, () => feed.resolve(controller.signal)))
    expect(yahoo.asked('crumb')).toBe(2)
  })

  test('and never becomes: down, after one more try', async () => {
    yahoo.trouble = (route) =>
      route === 'quote' ? { status: 401, body: error('Unauthorized', 'Invalid Crumb') } : undefined
    const feed = feedOf()
    expect(await firstFailure(feed)).toMatchObject({ state: 'down', reason: expect.stringMatching(/Invalid Crumb/) })
    expect(yahoo.asked('quote')).toBe(2)
  })

  test('and is told with status 200: the same', async () => {
    yahoo.trouble = (route) =>
      route === 'quote' && yahoo.asked('quote') === 1 ? { body: error('Unauthorized', 'Invalid Crumb') } : undefined
    expect(await collectOne(feedOf())).toHaveLength(2)
  })

  test('whoever gives up waiting for a new one does not spoil it for the others', async () => {
    const impatient = new AbortController()
    const feed = feedOf()
    let hold = true
    yahoo.trouble = (route) => (route === 'crumb' && hold ? 'silence' : undefined)
    const first = failureOf(feed.resolve(impatient.signal))
    await vi.waitFor(() => expect(yahoo.asked('crumb')).toBe(1))
    hold = false
    impatient.abort()
    expect(await first).toMatchObject({ code: 'feed_broken' })
    expect((await feed.resolve(controller.signal)).instruments).toHaveLength(2)
  })
})

test('the page that gives cookies may have headers of tens of kB', async () => {
  const headers = { 'Set-Cookie': 'A3=x; Domain=.yahoo.com; Path=/', 'Content-Security-Policy': 'x'.repeat(40_000) }
  yahoo.trouble = (route) => (route === 'page' ? { body: 'x'.repeat(4_000_000), headers } : undefined)
  expect(await collectOne(feedOf())).toHaveLength(2)
})

test('the way through the consent pages is walked, when it leads to a crumb', async () => {
  const cookie = { 'Set-Cookie': 'GUCS=1; Domain=.yahoo.com; Path=/' }
  const to = (location: string) => ({ status: 302, body: '', headers: { ...cookie, Location: location } })
  const form = '<form><input type="hidden" name="csrfToken" value="x"></form>'
  let isAgreed = false
  yahoo.trouble = (route, { pathname }) => {
    if (route === 'page' && !isAgreed) return to('https://guce.yahoo.com/consent?done=1')
    if (route !== 'consent') return undefined
    if (pathname.endsWith('/consent')) return to('https://consent.yahoo.com/v2/collectConsent?sessionId=1')
    if (pathname.endsWith('/copyConsent')) {
      isAgreed = true
      return to('https://finance.yahoo.com/quote/AAPL?guccounter=2')
    }
    return yahoo.asked('consent') === 2 ? { body: form } : to('https://guce.yahoo.com/copyConsent?sessionId=1')
  }
  expect(await collectOne(feedOf())).toHaveLength(2)
})

function feedOf(timeouts: Partial<YahooTimeouts> = {}) {
  return createYahooFeed({ symbols: SYMBOLS, yahooUrl: yahoo.url, pollMs: 1, timeouts })
}

/** What the supervisor says of the feed when its first connection has failed. */
async function firstFailure(feed: ReturnType<typeof feedOf>): Promise<FeedStatus> {
  const stop = new AbortController()
  const statuses: FeedStatus[] = []
  const onStatus = (status: FeedStatus) => {
    statuses.push(status)
    if (status.state === 'down' || status.state === 'off') stop.abort()
  }
  const attempt = async (connected: () => void, signal: AbortSignal) => {
    for await (const _ of feed.receive(INSTRUMENTS, { connected }, signal));
  }
  const backoff = { firstMs: 1, maxMs: 1 }
  await supervise('yahoo', attempt, { onStatus, log: createLogRecorder(), now: Date.now, backoff }, stop.signal)
  expect(statuses.map(({ state }) => state)).toEqual(['connecting', statuses.at(-1)!.state])
  return statuses.at(-1)!
}

/** The first batch of the feed. */
async function collectOne(feed: ReturnType<typeof feedOf>) {
  for await (const batch of feed.receive(INSTRUMENTS, { connected() {} }, controller.signal)) return batch
  return []
}

async function failureOf(work: Promise<unknown>): Promise<GatewayError> {
  return await work.then(
    () => expect.unreachable('it must fail'),
    (failure) => failure,
  )
}

function countAll(): number {
  return (['page', 'crumb', 'quote', 'chart', 'consent'] as const).reduce((sum, route) => sum + yahoo.asked(route), 0)
}
