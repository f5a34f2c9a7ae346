import { describeError } from './base/errors.ts'
import type { Log } from './base/log.ts'
import { VERSION } from './base/version.ts'
import type { Config } from './config.ts'
import type { Feed } from './feed.ts'
import { type FeedTallies, type RunningFeeds, startFeeds } from './feed-side.ts'
import { createHttpServer } from './http/server.ts'
import { createHub, type Hub } from './hub/hub.ts'
import { sameOriginOrLoopback } from './hub/origin.ts'
import type { HubSource } from './hub/source.ts'
import { streamName } from './market/instrument.ts'
import { createHubSource, listInstruments } from './read-side.ts'
import { keepCandles } from './streams/keep-candles.ts'
import type { Database } from './tiers/database.ts'
import { openDatabaseTier } from './tiers/database-tier.ts'
import { MemoryTier } from './tiers/memory.ts'
import { createDatabaseWriter, type DatabaseWriter } from './tiers/writer.ts'

/** A gateway that clients can reach. */
export interface ServingGateway {
  /** Where a browser on this machine finds it: `http://127.0.0.1:8080`. */
  readonly url: string
  readonly memory: MemoryTier
  readonly writer: DatabaseWriter
  readonly hub: Hub
  readonly tallies: FeedTallies
  /** Resolves when the warm-up is over: until then clients are told to come back. */
  readonly ready: Promise<void>
}

export interface Gateway extends ServingGateway {
  /** Ends everything in the reverse order of its start; what was received is stored first. Safe to call twice. */
  close(): Promise<void>
}

export interface GatewayOptions {
  readonly config: Config
  readonly feeds: readonly Feed[]
  /** Where the built page is. */
  readonly dashboardDirectory: string
  readonly log: Log
  /** Told as soon as clients can connect: a new embedded database may still be in the making then. */
  readonly onServing?: (gateway: ServingGateway) => void
  /** Aborting it while the gateway starts gives the start up: it rejects with the signal's reason. */
  readonly stop?: AbortSignal
  readonly now?: () => number
}

type OnClose = (closer: () => Promise<void>) => void

/**
 * Builds the gateway and starts it. Resolves when the database is open and the feeds run.
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

async function start(options: GatewayOptions, onClose: OnClose): Promise<ServingGateway> {
  const { config, feeds, log, stop, onServing, now = Date.now } = options
  const memory = new MemoryTier()
  let running: RunningFeeds | undefined
  const isReady = () => running?.isReady() ?? false
  const reasons = () => running?.reasons() ?? ['the database is being opened']

  // First of all the port: a taken one is the likeliest problem, and the quickest to tell.
  const http = await createHttpServer({
    host: config.host,
    port: config.port,
    readiness: () => ({ ready: isReady(), reasons: reasons() }),
    instruments: () => listInstruments(memory),
    dashboardDirectory: options.dashboardDirectory,
    log,
  })
  onClose(() => http.close())

  const { databaseUrl, dataDir, tickRetentionDays } = config
  const tier = await openDatabaseTier({ databaseUrl, dataDir, tickRetentionDays, stop, log, now })
  onClose(() => tier.close())
  const { database } = tier
  const writer = startWriter(database, memory, log)
  onClose(() => writer.close())

  const hub = startHub(config, createHubSource(memory, database), log)
  hub.attach(http.server, { ready: isReady })
  const keeper = keepCandles({
    memory,
    latenessMs: config.latenessMs,
    onFinal: (symbol, timeframe, candle) => hub.candle(symbol, timeframe, candle),
    store: (row) => writer.candle(row),
    now,
  })
  onClose(async () => keeper.stop())
  onClose(() => hub.close())

  running = startFeeds(feeds, { memory, database, writer, hub, config, log, now })
  const { close, ready, tallies } = running
  onClose(close)
  const gateway = { url: http.url, memory, writer, hub, tallies, ready }
  onServing?.(gateway)
  await tier.opened
  return gateway
}

function startWriter(database: Database, memory: MemoryTier, log: Log): DatabaseWriter {
  return createDatabaseWriter({
    database,
    log,
    onDurable: ({ symbol }, id) => memory.stream(symbol)?.durable(id),
    onDropped({ instrument, from, to }) {
      // They will never be durable: memory would keep them for ever.
      memory.stream(instrument.symbol)?.durable(to)
      log.error({ stream: streamName(instrument), from, to }, 'ticks not stored')
    },
  })
}

function startHub(config: Config, source: HubSource, log: Log): Hub {
  const { maxConnections, maxConnectionsPerAddress, maxSubscriptions, maxMessageBytes, flushWindowMs } = config
  return createHub({
    source,
    log,
    heartbeatMs: config.heartbeatMs,
    server: `tickgate/${VERSION}`,
    allowOrigin: (origin, request) => config.allowedOrigins.includes(origin) || sameOriginOrLoopback(origin, request),
    limits: { maxConnections, maxConnectionsPerAddress, maxSubscriptions, maxMessageBytes, flushWindowMs },
  })
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
