import { systemClock } from './base/clock.ts'
import { describeError, GatewayError } from './base/errors.ts'
import type { Log } from './base/log.ts'
import { VERSION } from './base/version.ts'
import type { Config } from './config.ts'
import type { Feed } from './feed.ts'
import { startCacheSide } from './gateway/cache-side.ts'
import { createCacheView } from './gateway/cache-view.ts'
import { type ChartSide, createChartSide } from './gateway/chart-side.ts'
import { type FeedTallies, type RunningFeeds, startFeeds, tellSettled } from './gateway/feed-side.ts'
import { createFeedsView, type FeedsView } from './gateway/feeds-view.ts'
import { createMarketSide } from './gateway/market-side.ts'
import { createPriceSide, type PriceSide } from './gateway/price-side.ts'
import { createReadSide, listInstruments } from './gateway/read-side.ts'
import { Statuses } from './gateway/statuses.ts'
import { openStoreSide, type StoreSide } from './gateway/store-side.ts'
import type { CacheView } from './http/cache.ts'
import type { Readiness } from './http/health.ts'
import type { MarketSource } from './http/market.ts'
import { createHttpServer, type HttpServer } from './http/server.ts'
import { createHub, type Hub } from './hub/hub.ts'
import { sameOriginOrLoopback } from './hub/origin.ts'
import type { HubSource } from './hub/source.ts'
import { createExposition, type Exposition } from './metrics/exposition.ts'
import { buildMetrics, gatewayMetrics } from './metrics/gateway-metrics.ts'
import { keepCandles } from './streams/keep-candles.ts'
import { createTaskSide, type TaskSide } from './tasks/task-side.ts'
import { MemoryTier } from './tiers/memory/memory.ts'
import type { DatabaseWriter } from './tiers/writer/writer.ts'
import type { StatusRow } from './wire/messages.ts'

/** A gateway that clients can reach. */
export interface ServingGateway {
  /** Where a browser on this machine finds it: `http://127.0.0.1:8080`. */
  readonly url: string
  readonly memory: MemoryTier
  readonly writer: DatabaseWriter
  readonly hub: Hub
  /** By the feed's name. */
  readonly tallies: ReadonlyMap<string, FeedTallies>
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
  /** Feeds that the configuration switches off, and how each is switched on. */
  readonly off?: readonly { readonly feed: string; readonly reason: string }[]
  /** Where the built page is. */
  readonly dashboardDirectory: string
  readonly log: Log
  /** Told as soon as clients can connect: a new embedded database may still be in the making then. */
  readonly onServing?: (gateway: ServingGateway) => void
  /** Aborting it while the gateway starts gives the start up: it rejects with the signal's reason. */
  readonly stop?: AbortSignal
  /** A stream without a tick for so long is asked for; a minute unless told. */
  readonly quietMs?: number
  readonly now?: () => number
}

type OnClose = (closer: () => Promise<void>) => void

/**
 * Builds the gateway and starts it. Resolves when the database is open and the feeds run; while a server is away, the
 * gateway serves without it.
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

/** What is asked for over HTTP before it is there: the port is open first. */
interface Parts {
  store?: StoreSide
  source?: ReturnType<typeof createReadSide>
  prices?: PriceSide
  charts?: ChartSide
  markets?: MarketSource
  cacheView?: CacheView
  running?: RunningFeeds
  feeds?: FeedsView
  tasks?: TaskSide
}

async function start(options: GatewayOptions, onClose: OnClose): Promise<ServingGateway> {
  const { config, feeds, off = [], log, stop, onServing, quietMs, now = Date.now } = options
  const memory = new MemoryTier()
  const metrics = createExposition()
  metrics.add(buildMetrics())
  const parts: Parts = {}

  // A taken port is the likeliest problem, and the quickest to tell.
  const http = await openHttp(options, memory, metrics, parts)
  onClose(() => http.close())

  const { url } = http
  const store = await openStoreSide({ config, memory, url, stop, log, now })
  const { tier, database, writer } = store
  onClose(store.close)
  parts.store = store

  const cacheSide = startCacheSide({ config, log, now })
  const { cache, redis } = cacheSide
  onClose(cacheSide.close)
  parts.cacheView = createCacheView({ config, cache, redis, database: tier })

  const charts = createChartSide({ memory, database, feeds, cacheSide, log, now })
  onClose(charts.close)
  parts.charts = charts
  const { olderCandles } = charts
  const storeChanged = () => keeper.storeChanged()
  const source = createReadSide(memory, database, { olderCandles, storeChanged, stored: () => writer.flush() })
  parts.source = source

  const statuses = new Statuses({
    ...{ off, tiers: { redis, database: tier }, now, clock: systemClock },
    onChange: (row) => hub.status(row),
  })
  onClose(async () => statuses.close())
  const hub = startHub(config, source, () => statuses.rows(), log)
  const prices = createPriceSide({
    memory,
    database,
    feeds,
    cacheSide,
    watched: () => hub.watched(),
    onStale: (symbol) => hub.requote(symbol),
  })
  onClose(async () => prices.close())
  parts.prices = prices
  parts.markets = createMarketSide({ memory, feeds, prices, cacheSide })
  memory.onAppeared((symbol) => hub.appeared(symbol))
  hub.attach(http.server, { ready: () => isWarm(parts) })
  const keeper = keepCandles({
    memory,
    latenessMs: config.latenessMs,
    onFinal: (symbol, timeframe, candle) => hub.candle(symbol, timeframe, candle),
    onClosed: () => hub.closed(),
    store: (row) => writer.candle(row),
    now,
  })
  onClose(async () => keeper.stop())
  onClose(() => hub.close())

  const { waiting } = tier
  const running = startFeeds(feeds, {
    ...{ memory, database, waiting, writer, hub, config, quietMs, log, now },
    onTick: prices.touch,
    onStatus(status) {
      log.debug({ ...status }, 'feed status')
      statuses.feed(status)
      // What ends from now on is told to whoever has a snapshot of before, also where the timer has not run between.
      if (status.state === 'live') keeper.closeDue()
    },
  })
  const { ready, tallies } = running
  store.onRefill(running.refill)
  onClose(running.close)
  parts.running = running
  parts.feeds = createFeedsView({ feeds, statuses, tallies, memory, clock: systemClock })
  onClose(async () => parts.feeds?.close())
  const tasks = createTaskSide({
    ...{ memory, database, feeds, config, now, storeChanged },
    stored: () => writer.flush(),
    onSettled: (gap) => tellSettled(gap, { memory, writer, hub, log }),
  })
  onClose(tasks.close)
  parts.tasks = tasks
  metrics.add(gatewayMetrics({ memory, statuses, feeds: tallies, writer, hub, cache, redis, database: tier }))
  const gateway = { url, memory, writer, hub, tallies, ready }
  onServing?.(gateway)
  await tier.opened
  return gateway
}

function openHttp(
  { config, dashboardDirectory, log }: GatewayOptions,
  memory: MemoryTier,
  metrics: Exposition,
  parts: Parts,
): Promise<HttpServer> {
  return createHttpServer({
    host: config.host,
    port: config.port,
    readiness: () => readinessOf(parts),
    instruments: () => listInstruments(memory),
    source: () => parts.source,
    prices: () => parts.prices,
    cache: () => parts.cacheView,
    charts: () => parts.charts,
    markets: () => parts.markets,
    feeds: () => parts.feeds?.answer(),
    runTask(request, signal) {
      if (parts.tasks !== undefined) return parts.tasks.run(request, signal)
      throw new GatewayError('unavailable', 'the gateway is starting')
    },
    metrics,
    dashboardDirectory,
    log,
  })
}

function isWarm({ running }: Parts): boolean {
  return running?.isReady() ?? false
}

/** Clients are served from memory while the database has not been there yet: whoever sends them here need not know. */
function readinessOf(parts: Parts): Readiness {
  const unstored = parts.store?.reasons() ?? ['the database is being opened']
  const reasons = [...unstored, ...(parts.running?.reasons() ?? [])]
  return { ready: isWarm(parts) && unstored.length === 0, reasons }
}

function startHub(config: Config, source: HubSource, statuses: () => readonly StatusRow[], log: Log): Hub {
  const { maxConnections, maxConnectionsPerAddress, maxSubscriptions, maxMessageBytes, flushWindowMs } = config
  return createHub({
    ...{ source, statuses, log },
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
