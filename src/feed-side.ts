import { describeError } from './base/errors.ts'
import type { Log } from './base/log.ts'
import { createTally, type Tally } from './base/tally.ts'
import type { Config } from './config.ts'
import type { Feed } from './feed.ts'
import type { Hub } from './hub/hub.ts'
import { createDelivery } from './ingest.ts'
import { type Instrument, streamName } from './market/instrument.ts'
import type { Hole } from './market/sequencer.ts'
import { FeedRun, type RunFeedPorts } from './streams/run-feed.ts'
import type { Database, Gap } from './tiers/database.ts'
import type { MemoryTier } from './tiers/memory.ts'
import type { DatabaseWriter } from './tiers/writer.ts'

export interface FeedSideParts {
  readonly memory: MemoryTier
  readonly database: Database
  readonly writer: DatabaseWriter
  readonly hub: Hub
  readonly config: Pick<Config, 'holdBackMs' | 'backfillMax'>
  readonly log: Log
  readonly now: () => number
}

/** What did not become a tick of a stream. */
export interface FeedTallies {
  /** Messages that could not be read. */
  readonly skipped: Tally
  /** Ticks that a stream had already. */
  readonly doubles: Tally
}

export interface RunningFeeds {
  /** Resolves when the start is over: every feed stands where its live ticks join, or MAX_WARM_UP_MS have passed. */
  readonly ready: Promise<void>
  readonly isReady: () => boolean
  readonly tallies: FeedTallies
  /** What is not warm yet, a sentence each; the gateway may serve all the same. */
  readonly reasons: () => readonly string[]
  close(): Promise<void>
}

/** Past it the gateway serves what it has, whatever the sources do. */
const MAX_WARM_UP_MS = 10_000

/** Starts the feeds; everything they bring goes where `feedPorts` says. */
export function startFeeds(feeds: readonly Feed[], parts: FeedSideParts): RunningFeeds {
  const stop = new AbortController()
  const { log, now } = parts
  const tallies = {
    skipped: createTally((count, reason) => log.warn({ count, reason }, 'messages skipped'), now),
    doubles: createTally((count, last) => log.debug({ count, last }, 'doubles'), now),
  }
  const ports = feedPorts(parts, tallies)
  const waitingFor = new Set(feeds.map(({ name }) => name))
  const runs = feeds.map((feed) => ({ name: feed.name, run: new FeedRun(feed, ports, stop.signal) }))
  for (const { name, run } of runs) {
    void run.warm.then(() => waitingFor.delete(name))
    void run.ended.catch((error) => log.error({ feed: name, reason: describeError(error) }, 'feed ended'))
  }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, MAX_WARM_UP_MS)
  })
  const warm = Promise.all(runs.map(({ run }) => run.warm))
  let isReady = false
  return {
    ready: Promise.race([warm, late]).then(() => {
      clearTimeout(timer)
      isReady = true
    }),
    isReady: () => isReady,
    tallies,
    reasons: () => [...waitingFor].map((name) => `feed ${name} is not warm yet`),
    async close() {
      stop.abort()
      await Promise.allSettled(runs.map(({ run }) => run.ended))
    },
  }
}

/** Where everything a feed brings goes: the tick's three stations, candles, gaps, and what is only said in the log. */
function feedPorts(
  { memory, database, writer, hub, config, log, now }: FeedSideParts,
  { skipped, doubles }: FeedTallies,
): RunFeedPorts {
  const deliver = createDelivery({
    remember(update) {
      memory.stream(update.symbol)?.append(update)
    },
    publish: (update) => hub.publish(update),
    store(update) {
      const stream = memory.stream(update.symbol)
      if (stream !== undefined) writer.tick(stream.instrument, update)
    },
  })
  return {
    memory,
    database,
    deliver,
    storeCandle: (row) => writer.candle(row),
    onGap(instrument: Instrument, { symbol, from, to }: Hole, reason: string) {
      log.warn({ stream: streamName(instrument), from, to, reason }, 'gap')
      writer.gap({ instrument, from, to, status: 'open', reason })
      hub.gap({ symbol, from, to, status: 'open', reason })
    },
    storeLate(instrument, updates) {
      for (const update of updates) writer.tick(instrument, update)
    },
    stored: () => writer.flush(),
    onRevised: (symbol, time) => hub.revise(symbol, time),
    onGapSettled(gap: Gap) {
      const { instrument, from, to, status, reason } = gap
      const { symbol } = instrument
      log.info({ stream: streamName(instrument), from, to, status, reason }, 'gap settled')
      writer.gap(gap)
      hub.gap({ symbol, from, to, status, ...(reason === undefined ? {} : { reason }) })
    },
    onStatus: (status) => log.debug({ ...status }, 'feed status'),
    onDouble: ({ symbol, id }) => doubles.count(`${symbol} ${id}`),
    onSkipped: ({ message }) => skipped.count(message),
    holdBackMs: config.holdBackMs,
    backfillMax: config.backfillMax,
    log,
    now,
  }
}
