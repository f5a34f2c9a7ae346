import { setMaxListeners } from 'node:events'
import { pause } from '../base/backoff.ts'
import { describeError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { createTally, type Tally } from '../base/tally.ts'
import type { Config } from '../config.ts'
import type { Feed } from '../feed.ts'
import type { Hub } from '../hub/hub.ts'
import { createDelivery } from '../ingest.ts'
import { type Instrument, streamName } from '../market/instrument.ts'
import type { Hole } from '../market/sequencer.ts'
import { PolledRun } from '../streams/polled/polled-run.ts'
import { FeedRun, type RunFeedPorts } from '../streams/run-feed.ts'
import type { FeedStatus } from '../supervise.ts'
import type { Database, Gap } from '../tiers/database/database.ts'
import type { MemoryStream, MemoryTier } from '../tiers/memory/memory.ts'
import type { DatabaseWriter } from '../tiers/writer/writer.ts'
import { polledPorts } from './polled-ports.ts'

export interface FeedSideParts {
  readonly memory: MemoryTier
  readonly database: Database
  readonly waiting: NonNullable<RunFeedPorts['waiting']>
  readonly writer: DatabaseWriter
  readonly hub: Hub
  readonly config: Pick<Config, 'holdBackMs' | 'backfillMax' | 'tickRetentionDays'>
  /** A stream has a new tick: told on its path. */
  readonly onTick: (stream: MemoryStream) => void
  readonly onStatus: (status: FeedStatus) => void
  readonly quietMs?: number | undefined
  /** How long `close` waits for feeds that do not heed it; 3 s unless told. */
  readonly closeMs?: number
  readonly log: Log
  readonly now: () => number
}

/** What a feed has brought since the start. */
export interface FeedTallies {
  /** Ticks that memory took. */
  readonly ticks: number
  /** Holes that were told, which the stream went on without. */
  readonly gaps: number
  /** Messages that could not be read. */
  readonly skipped: Tally
  /** Ticks that a stream had already. */
  readonly doubles: Tally
}

export interface RunningFeeds {
  /** Resolves when the start is over: every feed stands where its live ticks join, or MAX_WARM_UP_MS have passed. */
  readonly ready: Promise<void>
  readonly isReady: () => boolean
  /** By the feed's name. */
  readonly tallies: ReadonlyMap<string, FeedTallies>
  /** What is not warm yet, a sentence each; the gateway may serve all the same. */
  readonly reasons: () => readonly string[]
  /** Fetches ticks again that were on the stream, and have left before they were stored. */
  refill(gap: Gap): void
  close(): Promise<void>
}

/** Past it the gateway serves what it has, whatever the sources do. */
const MAX_WARM_UP_MS = 10_000
const DAY_MS = 24 * 60 * 60_000
const CLOSE_MS = 3_000

/** Starts the feeds; everything they bring goes where `feedPorts` says. */
export function startFeeds(feeds: readonly Feed[], parts: FeedSideParts): RunningFeeds {
  const stop = new AbortController()
  // Every stream has waits that end with it: many are no leak.
  setMaxListeners(0, stop.signal)
  const { closeMs = CLOSE_MS, log, now } = parts
  const waitingFor = new Set(feeds.map(({ name }) => name))
  const tallies = new Map<string, FeedCounts>()
  const runs = feeds.map((feed) => {
    const { name } = feed
    const counts = new FeedCounts(name, log, now)
    tallies.set(name, counts)
    const run =
      feed.ids === 'contiguous'
        ? new FeedRun(feed, feedPorts(parts, counts), stop.signal)
        : new PolledRun(feed, polledPorts(parts, counts), stop.signal)
    return { name, run }
  })
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
    refill: (gap) => runs.find(({ name }) => name === gap.instrument.source)?.run.refill(gap),
    async close() {
      stop.abort()
      await endedWithin(closeMs, runs, log)
    },
  }
}

/** A feed that does not heed the abort holds the others' end up no longer than that. */
async function endedWithin(
  ms: number,
  runs: readonly { readonly name: string; readonly run: Pick<FeedRun, 'ended'> }[],
  log: Log,
): Promise<void> {
  const running = new Set(runs.map(({ name }) => name))
  const inTime = new AbortController()
  const ended = Promise.allSettled(runs.map(({ name, run }) => run.ended.finally(() => running.delete(name))))
  await Promise.race([ended, pause(ms, inTime.signal)])
  inTime.abort()
  if (running.size > 0) log.warn({ feeds: [...running] }, 'feeds did not end in time')
}

/** Plain numbers on the path of every tick; whoever wants to know them reads them. */
class FeedCounts implements FeedTallies {
  readonly skipped: Tally
  readonly doubles: Tally
  ticks = 0
  gaps = 0

  constructor(feed: string, log: Log, now: () => number) {
    this.skipped = createTally((count, reason) => log.warn({ feed, count, reason }, 'messages skipped'), now)
    this.doubles = createTally((count, last) => log.debug({ feed, count, last }, 'doubles'), now)
  }
}

/** Where everything a feed brings goes: the tick's three stations, candles, gaps, and what is only said in the log. */
function feedPorts(
  { memory, database, waiting, writer, hub, config, onTick, onStatus, quietMs, log, now }: FeedSideParts,
  counts: FeedCounts,
): RunFeedPorts {
  const { skipped, doubles } = counts
  const deliver = createDelivery({
    remember(update) {
      memory.stream(update.symbol)?.append(update)
      counts.ticks += 1
    },
    publish: (update) => hub.publish(update),
    store(update) {
      const stream = memory.stream(update.symbol)
      if (stream === undefined) return
      writer.tick(stream.instrument, update)
      onTick(stream)
    },
  })
  return {
    memory,
    database,
    waiting,
    deliver,
    storeCandle: (row) => writer.candle(row),
    onGap(instrument: Instrument, { symbol, from, to }: Hole, reason: string) {
      log.warn({ stream: streamName(instrument), from, to, reason }, 'gap')
      counts.gaps += 1
      memory.stream(symbol)?.sayGap({ from, to, status: 'open', reason })
      writer.gap({ instrument, from, to, status: 'open', reason })
      hub.gap({ symbol, from, to, status: 'open', reason })
    },
    storeGap: (gap) => writer.gap(gap),
    // Not by the writer's queue, whose bound may drop them: nobody waits for these.
    storeLate: (instrument, updates) =>
      database.write({ ticks: updates.map((update) => ({ instrument, update })), candles: [], gaps: [] }),
    stored: () => writer.flush(),
    keptSince: () => now() - config.tickRetentionDays * DAY_MS,
    onRevised: (symbol, time) => hub.revise(symbol, time),
    onGapSettled: (gap) => tellSettled(gap, { memory, writer, hub, log }),
    onStatus,
    onDouble: ({ symbol, id }) => doubles.count(`${symbol} ${id}`),
    onSkipped: ({ message }) => skipped.count(message),
    holdBackMs: config.holdBackMs,
    backfillMax: config.backfillMax,
    ...(quietMs === undefined ? {} : { quietMs }),
    log,
    now,
  }
}

/** Tells everyone what became of a gap, or of a part of it. */
export function tellSettled(
  gap: Gap,
  { memory, writer, hub, log }: Pick<FeedSideParts, 'memory' | 'writer' | 'hub' | 'log'>,
): void {
  const { instrument, from, to, status, reason } = gap
  const { symbol } = instrument
  log.info({ stream: streamName(instrument), from, to, status, reason }, 'gap settled')
  memory.stream(symbol)?.sayGap(gap)
  writer.gap(gap)
  hub.gap({ symbol, from, to, status, ...(reason === undefined ? {} : { reason }) })
}
