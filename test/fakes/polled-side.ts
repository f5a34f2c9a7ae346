import { setImmediate as nextTurn } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { createDelivery } from '../../src/ingest.ts'
import type { MarketState } from '../../src/market/market-state.ts'
import type { Tick, Update } from '../../src/market/tick.ts'
import { PolledRun, type PolledRunPorts } from '../../src/streams/polled/polled-run.ts'
import type { FeedStatus } from '../../src/supervise.ts'
import type { CandleRow, Database } from '../../src/tiers/database/database.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import { createLogRecorder } from './log-recorder.ts'
import { NVDA, type PolledFeed } from './polled-feed.ts'

const GENEROUS_MS = 20_000

/** A gateway's side of one polled feed, on a source and a database that outlive it. Ends with the test at the latest. */
export function startPolledSide(feed: PolledFeed, database: Database, ports: Partial<PolledRunPorts> = {}) {
  const memory = new MemoryTier()
  const published: Update[] = []
  const listeners: ((update: Update) => void)[] = []
  const late: Update[] = []
  const candles: CandleRow[] = []
  const revised: number[] = []
  const statuses: FeedStatus[] = []
  const doubles: Tick[] = []
  const skipped: string[] = []
  const states: MarketState[] = []
  const log = createLogRecorder()
  const stop = new AbortController()
  const run = new PolledRun(
    feed,
    {
      memory,
      database,
      deliver: createDelivery({
        remember: (update) => memory.stream(update.symbol)!.append(update),
        publish: (update) => {
          published.push(update)
          for (const tell of listeners) tell(update)
        },
        store: ({ id }) => memory.stream(NVDA.symbol)!.durable(id),
      }),
      onLate: (_, update) => late.push(update),
      storeCandle: (row) => candles.push(row),
      onRevised: (_, time) => revised.push(time),
      onState: (_, state) => states.push(state),
      onStatus: (status) => statuses.push(status),
      onDouble: (tick) => doubles.push(tick),
      onSkipped: ({ message }) => skipped.push(message),
      backoff: { firstMs: 0, maxMs: 0 },
      retry: { firstMs: 0, maxMs: 0 },
      log,
      now: Date.now,
      ...ports,
    },
    stop.signal,
  )
  const end = async () => {
    stop.abort()
    await run.ended
  }
  onTestFinished(end)
  return {
    ...{ memory, published, late, candles, revised, statuses, doubles, skipped, states, log, run },
    warm: run.warm,
    stop: end,
    onPublish: (tell: (update: Update) => void) => listeners.push(tell),
    stream: () => memory.stream(NVDA.symbol)!,
    ids: () => published.map(({ id }) => id),
    until: async (isThere: () => boolean) => {
      const deadline = Date.now() + GENEROUS_MS
      while (!isThere()) {
        if (Date.now() > deadline) throw new Error(`waited in vain: ${isThere}`)
        await nextTurn()
      }
    },
  }
}

export type PolledSide = ReturnType<typeof startPolledSide>
