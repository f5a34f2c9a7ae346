import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { GatewayError } from '../../src/base/errors.ts'
import type { Feed, FeedEvents, Received } from '../../src/feed.ts'
import { startFeeds } from '../../src/gateway/feed-side.ts'
import type { Hub } from '../../src/hub/hub.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import type { FeedStatus } from '../../src/supervise.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import { createDatabaseWriter } from '../../src/tiers/writer/writer.ts'
import { ExchangeFeed } from '../fakes/exchange-feed.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12, 0, 30)

function instrumentOf(source: string): Instrument {
  const symbol = source.toUpperCase()
  return { symbol, sourceSymbol: symbol, source, assetClass: 'crypto', priceDigits: 2, sizeDigits: 2 }
}

type Fault = Partial<Pick<Feed, 'resolve' | 'receive' | 'normalize'>>

/** A feed of one instrument that is well but for its fault. */
function feedWith(name: string, fault: Fault): Feed {
  const instrument = instrumentOf(name)
  return {
    ...{ name, assetClass: 'crypto', ids: 'contiguous', symbols: [instrument] },
    resolve: async () => ({ instruments: [instrument], refused: [] }),
    async *receive(_, events, signal) {
      events.connected()
      yield [{ raw: 1, received: NOON }]
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    },
    normalize: () => [],
    ...fault,
  }
}

const boom = (): never => {
  throw new TypeError('undefined is not a function')
}

/** What it tells the gateway by its events is nonsense, and then it is lost. */
async function* nonsense(_: readonly Instrument[], events: FeedEvents): AsyncGenerator<readonly Received<unknown>[]> {
  events.missing?.()
  events.connected()
  events.connected()
  events.state?.('NOBODY', { market: '?', delayMs: Number.NaN, day: {} } as never)
  events.overlapping?.(true)
  events.heard?.()
  yield [null as never]
}

const FAULTS: Readonly<Record<string, Fault>> = {
  'throws when it is asked for its instruments': { resolve: boom },
  'rejects when it is asked for its instruments': { resolve: async () => boom() },
  'has no instruments to give': { resolve: async () => undefined as never },
  'throws when it is to receive': { receive: boom },
  'throws while it receives': {
    async *receive(_, events) {
      events.connected()
      yield []
      boom()
    },
  },
  'throws at every message': { normalize: boom },
  'cannot read any message': {
    normalize: () => {
      throw new GatewayError('feed_payload', 'a trade must have a price, was null')
    },
  },
  'tells nonsense': { receive: nonsense },
  'never says what it has': { resolve: () => new Promise(() => {}) },
  'receives nothing for ever, and heeds no abort': {
    async *receive(_, events) {
      events.connected()
      await new Promise(() => {})
      yield []
    },
  },
}

function start(feeds: readonly Feed[]) {
  const memory = new MemoryTier()
  const database = new MemoryDatabase()
  const writer = createDatabaseWriter({ database, flushMs: 60_000 })
  const published: number[] = []
  const statuses = new Map<string, FeedStatus>()
  const hub = { publish: ({ id }) => published.push(id), gap() {}, revise() {}, requote() {} } as Partial<Hub> as Hub
  const running = startFeeds(feeds, {
    ...{ memory, database, writer, hub, log: createLogRecorder(), now: Date.now },
    config: { holdBackMs: 5_000, backfillMax: 1_000, tickRetentionDays: 7 },
    waiting: async () => undefined,
    closeMs: 100,
    onTick: () => undefined,
    onStatus: (status) => statuses.set(status.feed, status),
  })
  onTestFinished(() => running.close())
  return { memory, published, statuses, running }
}

describe.each(Object.entries(FAULTS))('a feed that %s', (_, fault) => {
  it('touches no other: the healthy one beside it streams on, and the end is bounded', async () => {
    const healthy = new ExchangeFeed(NOON)
    healthy.trade()
    const { published, statuses, running } = start([feedWith('broken', fault), healthy])
    await expect.poll(() => statuses.get('exchange')?.state, { timeout: 10_000 }).toBe('live')
    await expect.poll(() => published.at(-1), { timeout: 10_000 }).toBe(1)
    for (let id = 2; id <= 50; id += 1) {
      healthy.trade()
      await nextTurn()
    }
    await expect.poll(() => published, { timeout: 10_000 }).toEqual(Array.from({ length: 50 }, (_, index) => index + 1))
    expect(statuses.get('exchange')).toMatchObject({ state: 'live', restarts: 0 })
    await running.close()
  }, 30_000)
})

it('three feeds, of which one throws everywhere and one hangs, are each in a state of their own', async () => {
  const healthy = new ExchangeFeed(NOON)
  healthy.trade()
  const throwing = feedWith('throwing', { resolve: boom, receive: boom, normalize: boom })
  const hanging = feedWith('hanging', { resolve: () => new Promise(() => {}) })
  const { statuses, running } = start([throwing, hanging, healthy])
  await expect.poll(() => statuses.get('throwing')?.restarts ?? 0, { timeout: 20_000 }).toBeGreaterThan(1)
  expect(statuses.get('throwing')).toMatchObject({ state: 'down', reason: 'undefined is not a function' })
  expect(statuses.get('hanging')).toMatchObject({ state: 'connecting', restarts: 0 })
  expect(statuses.get('exchange')).toMatchObject({ state: 'live', restarts: 0 })
  expect(running.reasons()).toEqual(['feed throwing is not warm yet', 'feed hanging is not warm yet'])
  await running.close()
}, 30_000)
