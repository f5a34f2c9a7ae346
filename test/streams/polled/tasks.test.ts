import { expect, it } from 'vitest'
import type { TaskEvent } from '../../../src/base/task-event.ts'
import { verify } from '../../../src/streams/verify/verify.ts'
import { runTask } from '../../../src/tasks/run-task.ts'
import { MemoryDatabase } from '../../fakes/memory-database.ts'
import { NVDA, PolledFeed, quote } from '../../fakes/polled-feed.ts'

const NOON = Date.UTC(2026, 10, 18, 17)
const { signal } = new AbortController()

function stored(...times: readonly number[]) {
  const database = new MemoryDatabase()
  database.ticks.push(...times.map((time) => ({ ...quote(time), prev: null, backfilled: false })))
  const candle = { open: 1, high: 2, low: 1, close: 2, volume: 9, quoteVolume: 0, buyVolume: 0, trades: 7 }
  const row = { ...candle, time: NOON, firstId: null, lastId: null, final: true, revision: 0 }
  database.rows.set('1m', new Map([[NOON, row]]))
  return database
}

async function all(events: AsyncIterable<TaskEvent>): Promise<readonly TaskEvent[]> {
  const told: TaskEvent[] = []
  for await (const event of events) told.push(event)
  return told
}

it('a polled stream is verified without holes, and without holding its source’s candles against its ticks', async () => {
  const database = stored(NOON, NOON + 5_000, NOON + 300_000)
  const ports = { database, feed: new PolledFeed(), latenessMs: 0, now: () => NOON + 600_000 }
  const events = await all(verify(NVDA, {}, ports, signal))
  expect(events).toMatchObject([
    { type: 'note', kind: 'polled' },
    { type: 'summary', ok: true, counts: { trades: 3 } },
  ])
  const unconfigured = await all(verify(NVDA, {}, { ...ports, feed: undefined }, signal))
  expect(unconfigured.at(-1)).toMatchObject({ ok: true })
})

it('a polled stream is verified for ticks that happened long before the one before them', async () => {
  const database = stored(NOON, NOON + 60_000)
  database.ticks.push({ ...quote(NOON), id: NOON * 1_000 + 61_000_000, prev: null, backfilled: false })
  const ports = { database, feed: new PolledFeed(), latenessMs: 0 }
  const events = await all(verify(NVDA, {}, ports, signal))
  expect(events).toMatchObject([{ kind: 'polled' }, { type: 'difference', kind: 'order' }, { ok: false }])
})

it('a backfill of a polled symbol is refused with the reason', () => {
  const request = { task: 'backfill', symbol: 'NVDA', from: NOON, to: NOON + 60_000 } as const
  const ports = { instrument: NVDA, feed: new PolledFeed(), database: stored(), latenessMs: 0, tickRetentionDays: 7 }
  const run = () => runTask(request, { ...ports, now: Date.now }, signal)
  expect(run).toThrow(/quotes is polled/)
})
