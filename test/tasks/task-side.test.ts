import { describe, expect, it } from 'vitest'
import { createGate } from '../../src/base/gate.ts'
import type { TaskEvent } from '../../src/base/task-event.ts'
import { mendCandles } from '../../src/streams/mend-candles.ts'
import { createTaskSide } from '../../src/tasks/task-side.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import type { TaskRequest } from '../../src/wire/tasks.ts'
import { BTC, ExchangeFeed } from '../fakes/exchange-feed.ts'
import { tradeFor } from '../fakes/ingest-side.ts'
import { MemoryDatabase } from '../fakes/memory-database.ts'

const NOON = Date.UTC(2026, 10, 18, 12)
const VERIFY: TaskRequest = { task: 'verify', symbol: 'BTC' }
const { signal } = new AbortController()

/** A gateway's tasks; its ticks and its newest candles are on their way to the database until it is asked for them. */
async function sideOf() {
  const feed = new ExchangeFeed(NOON)
  feed.pageSize = 1_000
  tradeFor(feed, 200, 700)
  const database = new MemoryDatabase()
  const memory = new MemoryTier()
  const stream = memory.prepare(BTC)
  for (const tick of feed.past) stream.append({ ...tick, prev: tick.id - 1, backfilled: false })
  memory.adopt(stream)
  const asked: string[] = []
  const store = async () => {
    asked.push('stored')
    if (database.ticks.length > 0) return
    database.ticks.push(...feed.past.map((tick) => ({ ...tick, prev: tick.id - 1, backfilled: false })))
    await mendCandles(BTC, { from: NOON, to: feed.time }, { feed, database, now: () => feed.time }, signal)
  }
  const side = createTaskSide({
    ...{ memory, database, feeds: [feed] },
    stored: store,
    storeChanged: () => void asked.push('changed'),
    onSettled: () => {},
    config: { latenessMs: 0, tickRetentionDays: 7 },
    now: () => feed.time,
  })
  return { side, feed, database, asked }
}

async function all(events: AsyncIterable<TaskEvent>): Promise<readonly TaskEvent[]> {
  const told: TaskEvent[] = []
  for await (const event of events) told.push(event)
  return told
}

describe("a running gateway's tasks", () => {
  it('look at the database when what memory has is there', async () => {
    const { side, asked } = await sideOf()
    const events = await all(side.run(VERIFY, signal))
    expect(events).toEqual([expect.objectContaining({ type: 'summary', ok: true })])
    expect(events[0]).toMatchObject({ counts: { trades: 200 } })
    expect(asked.slice(0, 2)).toEqual(['changed', 'stored'])
  })

  it('run one at a time', async () => {
    const { side, database } = await sideOf()
    const gate = createGate()
    const begun = createGate()
    const gaps = database.gaps.bind(database)
    database.gaps = async () => {
      begun.open()
      await gate.opened
      return gaps()
    }
    const first = all(side.run(VERIFY, signal))
    await begun.opened
    await expect(all(side.run(VERIFY, signal))).rejects.toMatchObject({ code: 'rate_limited' })
    gate.open()
    await first
    expect(await all(side.run(VERIFY, signal))).toHaveLength(1)
  })

  it('are for symbols that the gateway has, and leave room for the next when they fail', async () => {
    const { side } = await sideOf()
    await expect(all(side.run({ ...VERIFY, symbol: 'NOPE' }, signal))).rejects.toMatchObject({ code: 'unknown_symbol' })
    const early: TaskRequest = { task: 'backfill', symbol: 'BTC', from: NOON, to: NOON + 60_000 }
    await expect(all(side.run(early, signal))).rejects.toMatchObject({ code: 'unavailable' })
    expect(await all(side.run(VERIFY, signal))).toHaveLength(1)
  })

  it('end with the gateway, without a summary', async () => {
    const { side, feed } = await sideOf()
    const asked = createGate()
    const gate = createGate()
    feed.beforeAnswer = () => {
      asked.open()
      return gate.opened
    }
    const events = all(side.run({ ...VERIFY, source: true }, signal))
    await asked.opened
    const closed = side.close()
    gate.open()
    await closed
    expect((await events).map(({ type }) => type)).not.toContain('summary')
    await expect(all(side.run(VERIFY, signal))).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('whose client has stopped reading do not keep the gateway from ending', async () => {
    const { side, database } = await sideOf()
    await all(side.run(VERIFY, signal))
    database.ticks.splice(50, 1)
    const events = side.run(VERIFY, signal)
    await events.next()
    await side.close()
  })
})
