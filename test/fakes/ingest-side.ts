import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import { createDelivery } from '../../src/ingest.ts'
import type { Hole } from '../../src/market/sequencer.ts'
import type { Update } from '../../src/market/tick.ts'
import { TIMEFRAMES } from '../../src/market/timeframe.ts'
import { FeedRun } from '../../src/streams/run-feed.ts'
import type { FeedStatus } from '../../src/supervise.ts'
import type { CandleRow, Gap } from '../../src/tiers/database/database.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import { BTC, type ExchangeFeed } from './exchange-feed.ts'
import { createLogRecorder } from './log-recorder.ts'
import type { MemoryDatabase } from './memory-database.ts'

export interface SideSettings {
  readonly backfillMax?: number
  readonly holdBackMs?: number
  readonly now?: () => number
  readonly backoffMs?: number
  readonly quietMs?: number
  readonly keptSince?: number
}

/** A gateway's ingest side on an exchange and a database that outlive it. Ends with the test at the latest. */
export function startSide(feed: ExchangeFeed, database: MemoryDatabase, settings: SideSettings = {}) {
  const { backfillMax = 1_000, holdBackMs = 5_000, backoffMs = 0 } = settings
  const memory = new MemoryTier()
  const published: Update[] = []
  const events: string[] = []
  const gaps: (Hole & { reason: string })[] = []
  const candles: CandleRow[] = []
  const settled: Gap[] = []
  const stored: Gap[] = []
  const revised: number[] = []
  const statuses: FeedStatus[] = []
  const log = createLogRecorder()
  const stop = new AbortController()
  let clock = 0
  const sayGap = (gap: Gap) => {
    memory.stream('BTC')?.sayGap(gap)
    void database.write({ ticks: [], candles: [], gaps: [gap] })
  }
  const run = new FeedRun(
    feed,
    {
      memory,
      database,
      deliver: createDelivery({
        remember: (update) => memory.stream(update.symbol)!.append(update),
        publish: (update) => {
          published.push(update)
          events.push(`tick ${update.id}`)
        },
        store: (update) => void database.write({ ticks: [{ instrument: BTC, update }], candles: [], gaps: [] }),
      }),
      storeCandle: (row) => candles.push(row),
      onGap: (_, hole, reason) => {
        gaps.push({ ...hole, reason })
        sayGap({ instrument: BTC, ...hole, status: 'open', reason })
        events.push(`gap ${hole.from}-${hole.to}`)
      },
      storeGap: (gap) => {
        stored.push(gap)
        void database.write({ ticks: [], candles: [], gaps: [gap] })
      },
      storeLate: (instrument, updates) =>
        database.write({ ticks: updates.map((update) => ({ instrument, update })), candles: [], gaps: [] }),
      stored: async () => {},
      keptSince: () => settings.keptSince ?? Number.NEGATIVE_INFINITY,
      ...(settings.quietMs === undefined ? {} : { quietMs: settings.quietMs }),
      onRevised: (_, time) => revised.push(time),
      onGapSettled: (gap) => {
        settled.push(gap)
        sayGap(gap)
      },
      onStatus: (status) => statuses.push(status),
      onDouble: () => {},
      onSkipped: () => {},
      holdBackMs,
      backfillMax,
      backoff: { firstMs: backoffMs, maxMs: backoffMs },
      retry: { firstMs: 0, maxMs: 0 },
      log,
      // A clock that moves only when asked, so that waiting for the source costs the test no time.
      now: settings.now ?? (() => (clock += 10)),
    },
    stop.signal,
  )
  const end = async () => {
    stop.abort()
    await run.ended.catch(() => undefined)
  }
  onTestFinished(end)
  return {
    ...{ memory, published, events, gaps, settled, stored, revised, statuses, log, run, warm: run.warm, stop: end },
    stream: () => memory.stream('BTC')!,
    until: async (condition: () => boolean) => {
      while (!condition()) await nextTurn()
    },
    storeCandles() {
      const changed = memory.stream('BTC')?.history.takeDirty() ?? []
      const rows = changed.flatMap(({ timeframe, candles: each }) =>
        each.map((candle) => ({ instrument: BTC, timeframe, candle })),
      )
      return database.write({ ticks: [], candles: [...candles.splice(0), ...rows], gaps: [] })
    },
    /** Resolves when the stream runs live at the exchange's newest trade. */
    async caughtUp() {
      const isThere = () => memory.stream('BTC')?.live === true && memory.stream('BTC')?.cursor === feed.past.at(-1)!.id
      const deadline = Date.now() + 10_000
      while (!isThere()) {
        if (Date.now() > deadline) throw new Error(`the stream is at ${memory.stream('BTC')?.cursor}`)
        await nextTurn()
      }
    },
  }
}

export type Side = ReturnType<typeof startSide>

/** A run that catches up, stores its candles and ends. */
export async function runAndStop(feed: ExchangeFeed, database: MemoryDatabase): Promise<void> {
  const side = startSide(feed, database)
  await side.caughtUp()
  await side.storeCandles()
  await side.stop()
}

/** `trades` trades happen, one every `everyMs`. */
export function tradeFor(feed: ExchangeFeed, trades: number, everyMs = 700): void {
  for (let count = 0; count < trades; count++) feed.trade(everyMs)
}

/** Memory's candles against a fold of the exchange's whole past, as numbers. */
export async function expectCandlesOf(feed: ExchangeFeed, side: Side): Promise<void> {
  for (const timeframe of TIMEFRAMES) {
    const plain = (rows: readonly object[]) =>
      rows.map((row) => ({ ...row, ...{ firstId: 0, lastId: 0, final: 0, revision: 0 } }))
    const theirs = plain(await feed.candles(BTC, timeframe))
    expect(plain(side.stream().candles(timeframe, 1_000)).slice(-theirs.length), timeframe).toEqual(theirs)
  }
}
