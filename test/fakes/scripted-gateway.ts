import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { z } from 'zod'

const Subscribe = z.object({
  op: z.literal('subscribe'),
  id: z.number(),
  channel: z.enum(['ticks', 'candles', 'prices', 'status']),
  symbols: z.array(z.string()),
  timeframe: z.string().optional(),
  history: z.number().optional(),
  fill: z.boolean().optional(),
  after: z.record(z.string(), z.number()).optional(),
  from: z.number().optional(),
})
export type ScriptedSubscribe = z.infer<typeof Subscribe>

export interface ScriptedTick {
  readonly id: number
  readonly prev: number | null
  readonly price: number
  readonly size: number
  readonly side: 'buy' | 'sell'
  readonly time: number
  readonly received: number
}

interface Client {
  readonly socket: WebSocket
  readonly channels: Map<string, ScriptedSubscribe>
}

const START = Date.UTC(2026, 0, 5)

/** A gateway that a test plays by hand: it keeps whole streams, serves them as the protocol says, and misbehaves on demand. */
export class ScriptedGateway {
  readonly subscribes: ScriptedSubscribe[] = []
  /** How its feeds and tiers are. */
  statuses: readonly object[] = []
  readonly #streams = new Map<string, ScriptedTick[]>()
  readonly #clients = new Set<Client>()
  readonly #http
  readonly #sockets = new WebSocketServer({ noServer: true })
  #waiting: (() => void)[] = []
  heartbeatMs = 15_000
  /** Upgrades are answered 503, as while starting. */
  starting = false
  /** Upgrades refused so. */
  refused = 0
  /** Called instead of the protocol's answer; false: answer as usual. */
  answer: (request: ScriptedSubscribe, send: (message: object) => void, socket: WebSocket) => boolean = () => false

  constructor(symbols: readonly string[], page: RequestListener = (_, response) => void response.writeHead(404).end()) {
    for (const symbol of symbols) this.#streams.set(symbol, [])
    this.#http = createServer(page)
    this.#http.on('upgrade', (request, socket, head) => {
      if (this.starting) {
        this.refused += 1
        socket.end('HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n')
        return
      }
      this.#sockets.handleUpgrade(request, socket, head, (client) => this.#meet(client))
    })
  }

  async listen(port = 0): Promise<string> {
    this.#http.listen(port, '127.0.0.1')
    await once(this.#http, 'listening')
    return `http://127.0.0.1:${this.port}`
  }

  get port(): number {
    const address: AddressInfo | string | null = this.#http.address()
    if (typeof address !== 'object' || !address) throw new Error('the scripted gateway must listen first')
    return address.port
  }

  get connections(): number {
    return this.#clients.size
  }

  /** Resolves when the next subscribe has been answered. */
  subscribed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  ticks(symbol: string): readonly ScriptedTick[] {
    return this.#streams.get(symbol) ?? []
  }

  /** Adds the next tick; `sent: false` keeps it from the clients of the moment: a hole on their sockets. */
  publish(symbol: string, { sent = true, price = 100 }: { sent?: boolean; price?: number } = {}): ScriptedTick {
    const stream = this.#streams.get(symbol)!
    const last = stream.at(-1)
    const time = (last?.time ?? START) + 1_000
    // Ids need not rise by one: only `prev` tells what follows what.
    const id = (last?.id ?? 0) + 1 + (stream.length % 3)
    const tick = { id, prev: last?.id ?? null, price, size: 0.5, side: 'buy', time, received: time + 5 } as const
    stream.push(tick)
    if (sent) {
      this.send('ticks', symbol, { type: 'tick', symbol, ...tick })
      this.send('candles', symbol, this.candle(symbol))
      this.send('prices', symbol, { type: 'price', symbol, id, price, time, skipped: 0, stale: false, change24h: 1.5 })
    }
    return tick
  }

  candle(symbol: string): object {
    const { price, id } = this.#streams.get(symbol)!.at(-1)!
    const [open, high, low, close] = [price, price, price, price]
    const sums = { volume: 1, quoteVolume: price, buyVolume: 1, trades: 1 }
    // One minute a tick, as in the snapshot's rows.
    const bucket = START + (this.#streams.get(symbol)!.length - 1) * 60_000
    return {
      type: 'candle',
      symbol,
      timeframe: '1m',
      time: bucket,
      open,
      high,
      low,
      close,
      ...sums,
      final: false,
      revision: 0,
      cursor: id,
    }
  }

  /** Sends a frame to every client that follows `symbol` on `channel`. */
  send(channel: string, symbol: string, message: object): void {
    for (const { socket, channels } of this.#clients) {
      if (channels.has(`${channel} ${symbol}`) || channels.has(`${channel} *`)) socket.send(JSON.stringify(message))
    }
  }

  /** Ends every connection: with a close code, or at once like a pulled cable. */
  cut(code?: number, reason = ''): void {
    for (const { socket } of this.#clients) code === undefined ? socket.terminate() : socket.close(code, reason)
    this.#clients.clear()
  }

  async close(): Promise<void> {
    this.cut()
    this.#sockets.close()
    this.#http.closeAllConnections()
    this.#http.close()
    await once(this.#http, 'close')
  }

  #meet(socket: WebSocket): void {
    const client: Client = { socket, channels: new Map() }
    const send = (message: object) => socket.send(JSON.stringify(message))
    this.#clients.add(client)
    socket.on('close', () => this.#clients.delete(client))
    socket.on('error', () => socket.terminate())
    send({ type: 'welcome', protocol: 1, server: 'scripted', node: 'a', time: START, heartbeat: this.heartbeatMs })
    socket.on('message', (data) => {
      const request = Subscribe.parse(JSON.parse(String(data)))
      this.subscribes.push(request)
      if (!this.answer(request, send, socket)) this.#serve(client, request, send)
      for (const resolve of this.#waiting.splice(0)) resolve()
    })
  }

  #serve({ channels }: Client, request: ScriptedSubscribe, send: (message: object) => void): void {
    const { id, channel, timeframe } = request
    if (channel === 'status') {
      channels.set('status *', request)
      send({ type: 'subscribed', id, channel, symbols: [], streams: {} })
      for (const row of this.statuses) send({ type: 'status', ...row })
      return
    }
    const all = request.symbols.flatMap((symbol) => (symbol === '*' ? [...this.#streams.keys()] : [symbol]))
    for (const symbol of all.filter((other) => !this.#streams.has(other))) {
      send({ type: 'error', id, code: 'unknown_symbol', message: `no such symbol: ${symbol}`, retry: false, symbol })
    }
    const symbols = all.filter((symbol) => this.#streams.has(symbol))
    const resume = request.after && Object.fromEntries(symbols.map((symbol) => [symbol, { state: 'complete' }]))
    const streams = Object.fromEntries(symbols.map((symbol) => [symbol, `scripted:${symbol}USDT`]))
    if (symbols.length > 0) send({ type: 'subscribed', id, channel, symbols, streams, ...(resume ? { resume } : {}) })
    for (const symbol of symbols) {
      channels.set(`${channel} ${symbol}`, request)
      const stream = this.#streams.get(symbol)!
      const cursor = stream.at(-1)?.id ?? null
      if (channel === 'ticks') {
        const after = request.after?.[symbol]
        const ticks =
          after === undefined
            ? stream.slice(stream.length - (request.history ?? 0))
            : stream.filter((tick) => tick.id > after)
        send({ type: 'ws_history', channel, symbol, cursor, tier: 'memory', ticks, more: false })
      } else if (channel === 'candles') {
        const rows = stream
          .slice(-(request.history ?? 500))
          .map((tick, n) => [START + n * 60_000, 99, 102, 98, tick.price, 1])
        send({ type: 'ws_history', channel, symbol, timeframe, cursor, tier: 'memory', candles: rows, more: false })
      } else if (stream.length > 0) {
        const { id: tickId, price, time } = stream.at(-1)!
        send({ type: 'price', symbol, id: tickId, price, time, skipped: 0, stale: false, change24h: -0.5 })
      }
    }
  }
}
