import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { createGate } from '../../src/base/gate.ts'
import { startFeeds } from '../../src/gateway/feed-side.ts'
import { createHub } from '../../src/hub/hub.ts'
import type { FeedStatus } from '../../src/supervise.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import { createDatabaseWriter } from '../../src/tiers/writer/writer.ts'
import { ExchangeFeed } from '../fakes/exchange-feed.ts'
import { FakeSource } from '../fakes/fake-source.ts'
import { createLogRecorder } from '../fakes/log-recorder.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'
import { NVDA, PolledFeed, quote } from '../fakes/polled-feed.ts'

const NOON = Date.UTC(2026, 10, 18, 17)
const GENEROUS_MS = 20_000

/** A database of which each instrument has its own, and one of which answers when the test says. */
class TwoDatabases extends MemoryDatabase {
  readonly polled = new MemoryDatabase()
  readonly answered = createGate()
  isHolding = false

  override async write(batch: Parameters<MemoryDatabase['write']>[0]) {
    const isPolled = batch.ticks.some(({ instrument }) => instrument.source === NVDA.source)
    if (!isPolled) return super.write(batch)
    this.isHolding = true
    await this.answered.opened
    await this.polled.write(batch)
  }
}

async function until(isThere: () => boolean): Promise<void> {
  const deadline = Date.now() + GENEROUS_MS
  while (!isThere()) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${isThere}`)
    await nextTurn()
  }
}

it('a polled feed that waits for its database, or fails, holds up no other feed, and ends with the rest', async () => {
  const exchange = new ExchangeFeed(NOON)
  const polled = new PolledFeed()
  const database = new TwoDatabases()
  const memory = new MemoryTier()
  const hub = createHub({ source: new FakeSource(), heartbeatMs: 60_000 })
  onTestFinished(() => hub.close())
  const log = createLogRecorder()
  const statuses: FeedStatus[] = []
  const running = startFeeds([polled, exchange], {
    ...{ memory, database, hub, log, now: () => exchange.time, waiting: async () => undefined },
    writer: createDatabaseWriter({ database }),
    config: { holdBackMs: 5_000, backfillMax: 1_000, tickRetentionDays: 7 },
    onTick: () => {},
    onStatus: (status) => statuses.push(status),
  })
  exchange.trade()
  polled.answer(quote(NOON))
  await until(() => database.isHolding && memory.stream('BTC')?.live === true)
  for (let count = 0; count < 500; count++) exchange.trade()
  await until(() => memory.stream('BTC')?.cursor === 501)
  expect(memory.stream('NVDA')?.cursor).toBe(null)
  database.answered.open()
  await until(() => memory.stream('NVDA')?.cursor === NOON * 1_000)
  polled.fail()
  await until(() => statuses.some(({ feed, state }) => feed === 'quotes' && state === 'down'))
  exchange.trade()
  await until(() => memory.stream('BTC')?.cursor === 502)
  expect(statuses.filter(({ feed, state }) => feed === 'exchange' && state !== 'connecting')).toHaveLength(1)
  await running.close()
})
