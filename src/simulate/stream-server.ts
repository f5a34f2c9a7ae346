import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import { answerCommand, MAX_STREAMS } from './stream-command.ts'
import { StreamPeer } from './stream-peer.ts'

/** The exchange's rules for a connection, in ms. */
export interface ConnectionRules {
  /** Between two pings. */
  readonly pingEveryMs: number
  /** Without a pong for so long, a connection is cut. */
  readonly pongWithinMs: number
  /** No connection lives longer. */
  readonly lifeMs: number
}

/** Source: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams */
export const BINANCE_RULES: ConnectionRules = {
  pingEveryMs: 20_000,
  pongWithinMs: 60_000,
  lifeMs: 24 * 60 * 60_000,
}

const MAX_MESSAGE_BYTES = 64 * 1024

/** The connections to `/ws` and `/stream`. */
export interface StreamServer {
  readonly peers: ReadonlySet<StreamPeer>
  /** Cuts every connection without a close frame. */
  terminateAll(): void
  /** Makes every connection silent, those to come too, until it is called with false. */
  stall(stalled: boolean): void
  close(): void
}

/** Answers the upgrades of `server`: `/ws[/<stream>/<stream>]` and `/stream[?streams=<stream>/<stream>]`. */
export function serveStreams(server: Server, now: () => number, rules: ConnectionRules): StreamServer {
  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES })
  const peers = new Set<StreamPeer>()
  let stalled = false

  const welcome = (webSocket: WebSocket, socket: Duplex, asked: AskedStreams) => {
    const peer = new StreamPeer(webSocket, socket, { ...asked, now: now() })
    peers.add(peer)
    if (stalled) peer.stalled = true
    webSocket.on('message', (data: RawData) => {
      if (peer.admit(now())) peer.say(answerCommand(textOf(data), peer))
    })
    webSocket.on('ping', () => peer.admit(now()))
    webSocket.on('pong', () => {
      peer.lastPongAt = now()
      peer.admit(now())
    })
    // A broken connection ends in `close` as well, which is where it is dealt with.
    webSocket.on('error', () => {})
    webSocket.on('close', () => peers.delete(peer))
  }

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const asked = readAskedStreams(request.url ?? '/')
    if (asked === undefined) return refuse(socket, '404 Not Found')
    if (asked.streams.size > MAX_STREAMS) return refuse(socket, '400 Bad Request')
    webSockets.handleUpgrade(request, socket, head, (webSocket) => welcome(webSocket, socket, asked))
  })

  const watch = setInterval(() => {
    const time = now()
    for (const peer of peers) {
      if (time - peer.lastPongAt > rules.pongWithinMs || time - peer.connectedAt > rules.lifeMs) peer.terminate()
      else peer.ping(String(time))
    }
  }, rules.pingEveryMs)

  const terminateAll = () => {
    for (const peer of peers) peer.terminate()
  }
  return {
    peers,
    terminateAll,
    stall(value) {
      stalled = value
      for (const peer of peers) peer.stalled = value
    },
    close() {
      clearInterval(watch)
      terminateAll()
      webSockets.close()
    },
  }
}

interface AskedStreams {
  readonly streams: Set<string>
  readonly combined: boolean
}

/** What is in a URL; undefined when it is not one of the streams'. A name without `@` stands for nothing. */
function readAskedStreams(url: string): AskedStreams | undefined {
  const [path = '', query = ''] = url.split('?')
  const [, root, ...rest] = path.split('/')
  if (root !== 'ws' && root !== 'stream') return undefined
  // Some clients escape the `@`. Read as a query, since that never throws.
  const read = (names: string) => (new URLSearchParams(names).get('streams') ?? '').split('/')
  const names = read(root === 'ws' ? `streams=${rest.join('/')}` : query)
  return { streams: new Set(names.filter((name) => name.includes('@'))), combined: root === 'stream' }
}

function refuse(socket: Duplex, status: string): void {
  // Whoever is refused may be gone before the answer: nothing more is to be done.
  socket.on('error', () => {})
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString()
  return Buffer.from(data instanceof ArrayBuffer ? new Uint8Array(data) : data).toString()
}
