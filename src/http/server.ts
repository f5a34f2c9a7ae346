import type { Server } from 'node:http'
import { isIPv6 } from 'node:net'
import { resolve } from 'node:path'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { describeError, GatewayError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { FeedsAnswer } from '../wire/feeds.ts'
import { addCache, type CacheView } from './cache.ts'
import { addChart, type ChartSource } from './chart.ts'
import { prepareClosing } from './closing.ts'
import { addDashboard } from './dashboard.ts'
import { addFeeds } from './feeds.ts'
import { addGaps, type GapSource } from './gaps.ts'
import { addHealth, type Readiness } from './health.ts'
import { addInstruments, type ListedInstrument } from './instruments.ts'
import { addMarket, type MarketSource } from './market.ts'
import { addMetrics, type MetricsText } from './metrics.ts'
import { addObservations, type ObservationSource } from './observations.ts'
import { addPrices, type PriceSource } from './price.ts'
import { answerClientError, createProblem, pathOf, sendNotFound, sendProblem, toProblem } from './problems.ts'
import type { TickSource } from './read-ticks.ts'
import { addTasks, type RunTask } from './tasks.ts'
import { addTicks } from './ticks.ts'

/** What the HTTP side needs of the rest of the gateway. */
export interface HttpOptions {
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  /** Asked at every request of `/readyz`. */
  readonly readiness: () => Readiness
  readonly instruments: () => readonly ListedInstrument[]
  /** Where ticks, gaps and observations are read; undefined while the gateway starts. */
  readonly prices: () => PriceSource | undefined
  readonly source: () => (TickSource & GapSource & ObservationSource) | undefined
  /** Where the summaries of markets are read; undefined while the gateway starts. */
  readonly markets: () => MarketSource | undefined
  /** How the feeds and tiers are; undefined while the gateway starts. */
  readonly feeds: () => FeedsAnswer | undefined
  /** What is told of the cache; undefined while the gateway starts. */
  readonly cache: () => CacheView | undefined
  /** Where charts are read; undefined while the gateway starts. */
  readonly charts: () => ChartSource | undefined
  /** What the commands ask of a running gateway. */
  readonly runTask: RunTask
  readonly metrics: MetricsText
  /** Where the built page is; missing: `/` says how to build it. */
  readonly dashboardDirectory: string
  readonly log: Log
}

/** A listening HTTP server. */
export interface HttpServer {
  /** Its `upgrade` event is where WebSockets come from. */
  readonly server: Server
  readonly address: { readonly host: string; readonly port: number }
  /** Where a browser on this machine finds it: `http://127.0.0.1:8080`. */
  readonly url: string
  /**
   * Stops listening, ends idle connections at once and those at work after a second. Upgraded sockets are not its own:
   * whoever took them MUST end them, or this waits for them. Safe to call twice.
   */
  close(): Promise<void>
}

const OTHER_METHODS = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/**
 * Creates the HTTP server and listens.
 *
 * @throws GatewayError port_taken when the port is in use or not allowed, config_invalid when the host is not ours.
 */
export async function createHttpServer(options: HttpOptions): Promise<HttpServer> {
  const app = createApp(options)
  addHealth(app, options.readiness)
  addInstruments(app, options.instruments)
  addTicks(app, options.source)
  addPrices(app, options.prices)
  addMarket(app, options.markets)
  addGaps(app, options.source)
  addFeeds(app, options.feeds)
  addObservations(app, options.source)
  addChart(app, options.charts)
  addMetrics(app, options.metrics)
  addCache(app, options.cache)
  addTasks(app, options.runTask, options.log)
  await addDashboard(app, resolve(options.dashboardDirectory))
  const close = prepareClosing(app)
  const address = await listen(app, options)
  return { server: app.server, address, url: `http://${urlHost(address.host)}:${address.port}`, close }
}

function createApp({ log }: HttpOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    return503OnClosing: false,
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, _request, reply) => sendProblem(reply, toProblem(error)),
  })
  app.setErrorHandler((error: Error, request, reply) => {
    const problem = toProblem(error)
    const path = pathOf(request)
    if (problem.status === 500) log.error({ path, error: error.stack ?? error.message }, 'request failed')
    if (problem.status !== 503) return sendProblem(reply, problem)
    // Whoever is away has said so once; a line of its own for every request meanwhile would say nothing more.
    log.debug({ path, reason: error.message }, 'request not answered for now')
    return sendProblem(reply.header('retry-after', '1'), problem)
  })
  app.setNotFoundHandler(sendNotFound)
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff')
  })
  app.addHook('onResponse', async (request, reply) => {
    const { method } = request
    log.debug({ method, path: pathOf(request), status: reply.statusCode, ms: reply.elapsedTime }, 'request answered')
  })
  refuseOtherMethods(app)
  app.get('/ws', askForUpgrade)
  return app
}

/** Everything here is read only: what can be read answers other methods with 405, not with 404. */
function refuseOtherMethods(app: FastifyInstance): void {
  const refuse = async (request: FastifyRequest, reply: FastifyReply) => {
    const problem = createProblem(
      405,
      `${pathOf(request)} must be asked with GET or HEAD, was asked with ${request.method}`,
    )
    return sendProblem(reply.header('allow', 'GET, HEAD'), problem)
  }
  app.addHook('onRoute', ({ method, url }) => {
    // Refused before its body is read: `onRequest` answers, the handler is never reached.
    if ([method].flat().includes('GET')) app.route({ method: OTHER_METHODS, url, onRequest: refuse, handler: refuse })
  })
}

/** A WebSocket handshake goes to the `upgrade` event, once somebody listens for it: until then the gateway starts. */
function askForUpgrade(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (request.headers.upgrade?.toLowerCase() === 'websocket') {
    return sendProblem(reply.header('retry-after', '1'), createProblem(503, 'the gateway is starting'))
  }
  const problem = createProblem(426, '/ws must be opened as a WebSocket')
  return sendProblem(reply.header('upgrade', 'websocket').header('connection', 'upgrade'), problem)
}

async function listen(app: FastifyInstance, { host, port }: HttpOptions): Promise<HttpServer['address']> {
  try {
    await app.listen({ host, port })
  } catch (error) {
    await app.close()
    throw toListenError(error, host, port)
  }
  const address = app.server.address()
  return { host, port: typeof address === 'object' && address ? address.port : port }
}

function toListenError(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const cause = { cause: error }
  if (code === 'EADDRINUSE') {
    return new GatewayError(
      'port_taken',
      `port ${port} on ${host} must be free, was taken by another program; PORT or --port takes another one`,
      cause,
    )
  }
  if (code === 'EACCES') {
    return new GatewayError('port_taken', `port ${port} on ${host} must be allowed to this user, was refused`, cause)
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    const was = `was '${host}' (${describeError(error)})`
    return new GatewayError('config_invalid', `HOST must be an address of this machine, ${was}`, cause)
  }
  return error
}

/** A host as it is written in a URL: "every address" is reached by loopback, and IPv6 goes in brackets. */
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return isIPv6(host) ? `[${host}]` : host
}
