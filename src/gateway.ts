import { describeError } from './base/errors.ts'
import type { Log } from './base/log.ts'
import { VERSION } from './base/version.ts'
import type { Config } from './config.ts'
import type { Feed } from './feed.ts'
import { createHttpServer } from './http/server.ts'
import { createHub, type Hub } from './hub/hub.ts'
import { sameOriginOrLoopback } from './hub/origin.ts'
import type { HubSource } from './hub/source.ts'
import { createDelivery } from './ingest.ts'
import { keepCandles } from './keep-candles.ts'
import { type Instrument, streamName } from './market/instrument.ts'
import type { Hole } from './market/sequencer.ts'
import { FeedRun, type RunFeedPorts } from './run-feed.ts'
import { lockDataDir } from './tiers/data-dir-lock.ts'
import type { Database } from './tiers/database.ts'
import { MemoryTier } from './tiers/memory.ts'
import { openDatabase } from './tiers/open-database.ts'
import { createDatabaseWriter, type DatabaseWriter } from './tiers/writer.ts'

export interface Gateway {
  /** Where a browser on this machine finds it: `http://127.0.0.1:8080`. */
  readonly url: string
  readonly memory: MemoryTier
  readonly writer: DatabaseWriter
  readonly hub: Hub
  /** Resolves when the start is over: every feed stands where its live ticks join, or MAX_WARM_UP_MS have passed. */
  readonly ready: Promise<void>
  /** Ends everything in the reverse order of its start; what was received is stored first. Safe to call twice. */
  close(): Promise<void>
}

export interface GatewayOptions {
  readonly config: Config
  readonly feeds: readonly Feed[]
  /** Where the built page is. */
  readonly dashboardDirectory: string
  readonly log: Log
  /** Aborting it while the gateway starts gives the start up: it rejects with the signal's reason. */
  readonly stop?: AbortSignal
  readonly now?: () => number
}

/** Past it the gateway serves what it has, whatever the sources do. */
const MAX_WARM_UP_MS = 10_000

/**
 * Builds the gateway and starts it. Resolves when the database is open and the feeds run; clients are served once it is
 * `ready`.
 * @throws GatewayError port_taken, data_dir_locked, config_invalid, tier_unavailable; nothing is left running then.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const closers: (() => Promise<void>)[] = []
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= closeAll(closers, options.log)
    return closed
  }
  try {
    return { ...(await start(options, (closer) => closers.unshift(closer))), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function start(
  options: GatewayOptions,
  onClose: (closer: () => Promise<void>) => void,
): Promise<Omit<Gateway, 'close'>> {
  const { config, feeds, dashboardDirectory, log, now = Date.now } = options
  const memory = new MemoryTier()
  const waitingFor = new Set(['the database', ...feeds.map(({ name }) => `feed ${name}`)])
  const readiness = () => ({
    ready: waitingFor.size === 0,
    reasons: [...waitingFor].map((name) => `${name} is warming up`),
  })

  // First of all the port: a taken one is the likeliest problem, and the quickest to tell.
  const http = await createHttpServer({
    host: config.host,
    port: config.port,
    readiness,
    instruments: () => listInstruments(memory),
    dashboardDirectory,
    log,
  })
  onClose(() => http.close())

  const database = await openTier(options, onClose)
  const writer = createDatabaseWriter({
    database,
    log,
    onDurable: ({ symbol }, id) => memory.stream(symbol)?.durable(id),
    onDropped({ instrument, from, to }) {
      // They will never be durable: memory would keep them for ever.
      memory.stream(instrument.symbol)?.durable(to)
      log.error({ stream: streamName(instrument), from, to }, 'ticks not stored')
    },
  })
  onClose(() => writer.close())

  const hub = createHub({
    source: createHubSource(memory, database),
    log,
    heartbeatMs: config.heartbeatMs,
    server: `tickgate/${VERSION}`,
    allowOrigin: (origin, request) => config.allowedOrigins.includes(origin) || sameOriginOrLoopback(origin, request),
    limits: {
      maxConnections: config.maxConnections,
      maxConnectionsPerAddress: config.maxConnectionsPerAddress,
      maxSubscriptions: config.maxSubscriptions,
      maxMessageBytes: config.maxMessageBytes,
      flushWindowMs: config.flushWindowMs,
    },
  })
  hub.attach(http.server, { ready: () => readiness().ready })

  const keeper = keepCandles({
    memory,
    latenessMs: config.latenessMs,
    onFinal: (symbol, timeframe, candle) => hub.candle(symbol, timeframe, candle),
    store: (row) => writer.candle(row),
    now,
  })
  onClose(async () => {
    keeper.stop()
    keeper.storeChanged()
  })
  onClose(() => hub.close())

  waitingFor.delete('the database')
  const ready = runFeeds(feeds, feedPorts({ memory, database, writer, hub, config, log, now }), waitingFor, onClose)
  return { url: http.url, memory, writer, hub, ready }
}

/** Partitions are made for days ahead, and old ones dropped, so missing an hour does no harm. */
const MAINTAIN_EVERY_MS = 3_600_000

async function openTier(
  { config, log, stop, now = Date.now }: GatewayOptions,
  onClose: (closer: () => Promise<void>) => void,
): Promise<Database> {
  const { databaseUrl, dataDir, tickRetentionDays } = config
  if (databaseUrl === undefined) {
    const lock = await lockDataDir(dataDir)
    onClose(() => lock.release())
  }
  const database = await openDatabase({
    databaseUrl,
    dataDir,
    signal: stop,
    tickRetentionDays,
    now,
    onRefused: ({ instrument }, reason) => log.error({ stream: streamName(instrument), reason }, 'row refused'),
    report: (error) => log.error({ reason: error.message }, 'database connection ended'),
  })
  onClose(() => database.close())
  const maintain = () =>
    void database
      .maintain(now())
      .catch((error) => log.warn({ reason: describeError(error) }, 'database maintenance failed'))
  const timer = setInterval(maintain, MAINTAIN_EVERY_MS)
  onClose(async () => clearInterval(timer))
  return database
}

function createHubSource(memory: MemoryTier, database: Database): HubSource {
  return {
    stream: (symbol) => memory.stream(symbol),
    symbols: () => memory.symbols(),
    ticksAfter: async (symbol, after, limit) => {
      const stream = memory.stream(symbol)
      return stream === undefined ? [] : database.ticksAfter(stream.instrument, after, limit)
    },
    ticksBefore: async (symbol, before, limit) => {
      const stream = memory.stream(symbol)
      return stream === undefined ? [] : database.ticksBefore(stream.instrument, before, limit)
    },
  }
}

interface Parts {
  readonly memory: MemoryTier
  readonly database: Database
  readonly writer: DatabaseWriter
  readonly hub: Hub
  readonly config: Config
  readonly log: Log
  readonly now: () => number
}

/** Where everything a feed brings goes: the tick's three stations, candles, gaps, and what is counted. */
function feedPorts({ memory, database, writer, hub, config, log, now }: Parts): RunFeedPorts {
  const deliver = createDelivery({
    remember(update) {
      memory.stream(update.symbol)?.append(update, (timeframe, time) => {
        const candle = memory.stream(update.symbol)?.candleAt(timeframe, time)
        if (candle !== undefined) hub.candle(update.symbol, timeframe, candle)
      })
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
    onStatus: (status) => log.debug({ ...status }, 'feed status'),
    onDouble: () => {},
    onSkipped: (error) => log.warn({ reason: error.message }, 'message skipped'),
    holdBackMs: config.holdBackMs,
    backfillMax: config.backfillMax,
    log,
    now,
  }
}

/** Starts the feeds; resolves when none is waited for any more. */
async function runFeeds(
  feeds: readonly Feed[],
  ports: RunFeedPorts,
  waitingFor: Set<string>,
  onClose: (closer: () => Promise<void>) => void,
): Promise<void> {
  const stop = new AbortController()
  const running = feeds.map((feed) => ({ name: feed.name, run: new FeedRun(feed, ports, stop.signal) }))
  onClose(async () => {
    stop.abort()
    await Promise.allSettled(running.map(({ run }) => run.ended))
  })
  for (const { name, run } of running) {
    void run.ended.catch((error) => ports.log.error({ feed: name, reason: describeError(error) }, 'feed ended'))
  }
  const late = setTimeout(() => waitingFor.clear(), MAX_WARM_UP_MS)
  await Promise.all(running.map(({ name, run }) => run.warm.then(() => waitingFor.delete(`feed ${name}`))))
  clearTimeout(late)
}

function listInstruments(memory: MemoryTier) {
  return [...memory.streams()].map(({ instrument, cursor, latest }) => ({
    symbol: instrument.symbol,
    assetClass: instrument.assetClass,
    source: instrument.source,
    sourceSymbol: instrument.sourceSymbol,
    stream: streamName(instrument),
    cursor,
    price: latest?.price,
    time: latest?.time,
  }))
}

/** Every part is given its chance to end, in the reverse order of the start, whatever the others do. */
async function closeAll(closers: readonly (() => Promise<void>)[], log: Log): Promise<void> {
  for (const closer of closers) {
    try {
      await closer()
    } catch (error) {
      log.error({ reason: describeError(error) }, 'closing failed')
    }
  }
}
