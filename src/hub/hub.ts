import type { IncomingMessage, Server } from 'node:http'
import { hostname } from 'node:os'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { type Clock, systemClock } from '../base/clock.ts'
import type { Candle } from '../market/candle.ts'
import type { Update } from '../market/tick.ts'
import type { ChartTimeframe } from '../market/timeframe.ts'
import { CLOSE } from '../wire/close-codes.ts'
import { type GapNews, gapMessage } from '../wire/gap-message.ts'
import { PROTOCOL, type ServerMessages, type StatusRow } from '../wire/messages.ts'
import { decodeQuery } from '../wire/query.ts'
import { Cadence } from './cadence.ts'
import { CandlePages } from './candles/candle-pages.ts'
import type { HubContext, HubLog } from './context.ts'
import { Flusher } from './flusher.ts'
import { DEFAULT_LIMITS, type HubLimits } from './limits.ts'
import { isLoopbackAddress, type OriginCheck, sameOriginOrLoopback } from './origin.ts'
import { PerTurn } from './per-turn.ts'
import { Replays } from './replay/replays.ts'
import { Session } from './session.ts'
import type { HubSource } from './source.ts'
import { StatusChannel } from './status-channel.ts'
import { grantNew } from './subscribe.ts'
import { TickPages } from './ticks/tick-pages.ts'
import { Topics, type WatchedCandles } from './topics.ts'
import { openDoor } from './upgrade.ts'

export interface HubOptions {
  readonly source: HubSource
  readonly heartbeatMs: number
  readonly limits?: Partial<HubLimits>
  readonly log?: HubLog
  /** What `welcome` names: `tickgate/1.2.3`. */
  readonly server?: string
  /** This node among others; the machine's name when absent. */
  readonly node?: string
  /** Unix ms. */
  readonly now?: () => number
  /** What replays are paced by. */
  readonly clock?: Clock
  readonly allowOrigin?: OriginCheck
  /** Every feed and tier as it is now; unset: there is none. */
  readonly statuses?: () => readonly StatusRow[]
}

export interface HubStats {
  readonly sessions: number
  readonly subscriptions: number
  readonly framesSent: number
  /** Ended connections by close code: ours where we closed, else the client's (1006: it vanished). */
  readonly closesByCode: Readonly<Record<number, number>>
}

/** Serves clients. What changes in memory is told to it right after, synchronously: it never waits for anyone. */
export interface Hub {
  /** A tick that memory has just taken. Next to free when nobody wants its symbol. */
  publish(update: Update): void
  /**
   * A candle that has just become final: sent at once, never conflated away. A tick that revises it later needs no call
   * of its own: `publish` sends the newest revision, once per interval.
   */
  candle(symbol: string, timeframe: ChartTimeframe, candle: Candle): void
  /** Buckets are over (see `StreamView.closedUntil`), and every candle that became final by that is told. */
  closed(): void
  /** A tick at `time` was filled in behind the stream: its candles, which memory has changed, are sent as by `publish`. */
  revise(symbol: string, time: number): void
  /** A hole in the stream, or what became of it: memory knows it already. Ids are inclusive. */
  gap(gap: GapNews): void
  /** There is a stream of this symbol now, where there was none. */
  appeared(symbol: string): void
  /** What is told beside the price of a symbol has changed, without a tick: it is sent as by `publish`. */
  requote(symbol: string): void
  /** A feed or a tier is in another state, or has another reason for it. */
  status(row: StatusRow): void
  /** Answers the WebSocket upgrades of `server` on `path` (default `/ws`). */
  attach(server: Server, options: { ready(): boolean; readonly path?: string }): void
  readonly stats: HubStats
  /** The candles that clients are subscribed to, each once or more often. */
  watched(): Iterable<WatchedCandles>
  /** Closes every connection with 4000; takes at most 2 s. Safe to call twice. */
  close(): Promise<void>
}

export function createHub(options: HubOptions): Hub {
  return new ClientHub(options)
}

class ClientHub implements Hub {
  readonly #options: HubOptions
  readonly #context: HubContext
  readonly #cadence: Cadence
  readonly #sessions = new Map<Session, string>()
  readonly #sessionsByAddress = new Map<string, number>()
  readonly #closesByCode: Record<number, number> = {}
  readonly #timers: readonly NodeJS.Timeout[]
  readonly #detach: (() => void)[] = []
  #closing: Promise<void> | undefined
  #emptied: (() => void) | undefined

  constructor(options: HubOptions) {
    this.#options = options
    const limits = { ...DEFAULT_LIMITS, ...options.limits }
    const flusher = new Flusher(limits.flushWindowMs)
    this.#cadence = new Cadence(flusher)
    const { source, now = Date.now } = options
    const { maxCandleHistory: maxDepth, sharedCandleBytes: maxBytes } = limits
    this.#context = {
      source,
      topics: new Topics(source, this.#cadence, now),
      statuses: new StatusChannel(options.statuses ?? (() => [])),
      flusher,
      pages: new TickPages({ pageTicks: limits.partTicks, maxTicks: limits.sharedTicks }),
      candlePages: new CandlePages({ source, maxDepth, maxBytes, now }),
      partTurns: new PerTurn(limits.partsPerTurn),
      replays: new Replays(options.clock ?? systemClock),
      limits,
      log: options.log ?? SILENT,
      now,
    }
    this.#timers = [
      setInterval(() => this.#pingAll(), limits.pingMs).unref(),
      setInterval(() => this.#heartbeatAll(), options.heartbeatMs).unref(),
    ]
  }

  publish(update: Update): void {
    this.#context.topics.publish(update)
  }

  candle(symbol: string, timeframe: ChartTimeframe, candle: Candle): void {
    this.#context.topics.candle(symbol, timeframe, candle)
  }

  closed(): void {
    this.#context.topics.closed()
  }

  revise(symbol: string, time: number): void {
    this.#context.topics.revise(symbol, time)
  }

  gap(gap: GapNews): void {
    this.#context.topics.gap(gapMessage(gap))
  }

  appeared(symbol: string): void {
    for (const session of this.#sessions.keys()) grantNew(session, symbol)
  }

  requote(symbol: string): void {
    this.#context.topics.requote(symbol)
  }

  status(row: StatusRow): void {
    this.#context.statuses.publish(row)
  }

  attach(server: Server, { ready, path = '/ws' }: { ready(): boolean; readonly path?: string }): void {
    const detach = openDoor(server, {
      path,
      maxMessageBytes: this.#context.limits.maxMessageBytes,
      entriesPerTurn: this.#context.limits.entriesPerTurn,
      allowOrigin: this.#options.allowOrigin ?? sameOriginOrLoopback,
      ready: () => !this.#closing && ready(),
      enter: (ws, socket, url, request) => this.#enter(ws, socket, url, request),
    })
    this.#detach.push(detach)
  }

  get stats(): HubStats {
    let subscriptions = 0
    for (const session of this.#sessions.keys()) subscriptions += session.subscriptions.size
    return {
      sessions: this.#sessions.size,
      subscriptions,
      framesSent: this.#context.flusher.framesSent,
      closesByCode: { ...this.#closesByCode },
    }
  }

  watched(): Iterable<WatchedCandles> {
    return this.#context.topics.watched()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    this.#cadence.close()
    this.#context.replays.close()
    for (const session of this.#sessions.keys()) session.close(CLOSE.shuttingDown)
    if (this.#sessions.size > 0) {
      await new Promise<void>((resolve) => {
        const deadline = setTimeout(resolve, this.#context.limits.closeMs)
        this.#emptied = () => {
          clearTimeout(deadline)
          resolve()
        }
      })
    }
    for (const session of this.#sessions.keys()) session.connection.terminate()
    for (const detach of this.#detach) detach()
  }

  #enter(ws: WebSocket, socket: Duplex, url: URL, request: IncomingMessage): void {
    const address = request.socket.remoteAddress ?? 'unknown'
    const session = new Session(ws, socket, this.#context)
    const full = this.#isFull(address)
    this.#sessions.set(session, address)
    this.#count(address, 1)
    ws.on('close', (code) => this.#left(session, address, session.closeCode(code)))
    if (full) {
      session.close(CLOSE.connectionLimit)
      return
    }
    session.send({ type: 'welcome', ...this.#welcome() })
    const query = decodeQuery(url.searchParams)
    if (query) session.request(query)
  }

  #welcome(): ServerMessages['welcome'] {
    const { limits, now } = this.#context
    return {
      protocol: PROTOCOL,
      server: this.#options.server ?? 'tickgate',
      node: this.#options.node ?? hostname(),
      time: now(),
      heartbeat: this.#options.heartbeatMs,
      limits: {
        subscriptions: limits.maxSubscriptions,
        messageBytes: limits.maxMessageBytes,
        messagesPerSecond: limits.messagesPerSecond,
        history: { candles: limits.maxCandleHistory, ticks: limits.maxTickHistory },
      },
    }
  }

  #isFull(address: string): boolean {
    const { maxConnections, maxConnectionsPerAddress } = this.#context.limits
    if (this.#sessions.size >= maxConnections) return true
    return !isLoopbackAddress(address) && (this.#sessionsByAddress.get(address) ?? 0) >= maxConnectionsPerAddress
  }

  #left(session: Session, address: string, code: number): void {
    this.#sessions.delete(session)
    this.#count(address, -1)
    this.#closesByCode[code] = (this.#closesByCode[code] ?? 0) + 1
    if (this.#sessions.size === 0) this.#emptied?.()
  }

  #count(address: string, change: 1 | -1): void {
    const count = (this.#sessionsByAddress.get(address) ?? 0) + change
    if (count === 0) this.#sessionsByAddress.delete(address)
    else this.#sessionsByAddress.set(address, count)
  }

  #pingAll(): void {
    for (const session of this.#sessions.keys()) session.ping()
  }

  #heartbeatAll(): void {
    const time = this.#context.now()
    for (const session of this.#sessions.keys()) session.heartbeat(time)
  }
}

const SILENT: HubLog = { debug: () => undefined, error: () => undefined }
