import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import { type ConnectLimit, createConnectGate, type Refused } from './connect-gate.ts'
import { createSeenCounters, type SeenCounters } from './seen.ts'
import { answerCommand, MAX_STREAMS } from './stream-command.ts'
import { StreamPeer } from './stream-peer.ts'

/** The exchange's rules for a connection, in ms. */
export interface ConnectionRules extends ConnectLimit {
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
  mostConnects: 300,
  connectWindowMs: 5 * 60_000,
}

/** A life ends late by a part of itself: two seconds by 40 ms. */
const LOOKS_PER_LIFE = 50

const MAX_MESSAGE_BYTES = 64 * 1024

/** The connections to `/ws` and `/stream`. */
export interface StreamServer {
  readonly peers: ReadonlySet<StreamPeer>
  /** Turns every connection away that is asked for from now on; false lets them in again. */
  refuseConnects(how: Refused | false): void
  /** Makes every connection silent, those to come too, until it is called with false. */
  stall(stalled: boolean): void
  close(): void
}

/** Answers the upgrades of `server`: `/ws[/<stream>/<stream>]` and `/stream[?streams=<stream>/<stream>]`. */
export function serveStreams(
  server: Server,
  now: () => number,
  rules: ConnectionRules,
  seen: SeenCounters = createSeenCounters(),
): StreamServer {
  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES })
  const gate = createConnectGate(rules, seen)
  const peers = new Set<StreamPeer>()
  let stalled = false

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const asked = readAskedStreams(request.url ?? '/')
    const refused = gate.admit(request.socket.remoteAddress ?? '', now()) ?? faultOf(asked)
    if (refused !== undefined || asked === undefined) {
      seen.refusedConnects += 1
      refuse(socket, refused ?? 404)
      return
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const peer = new StreamPeer(webSocket, socket, { ...asked, now: now() })
      peers.add(peer)
      if (stalled) peer.stalled = true
      converse(webSocket, peer, { now, seen })
      webSocket.on('close', () => peers.delete(peer))
    })
  })

  const stopWatching = watch(peers, now, rules)
  return {
    peers,
    refuseConnects: gate.refuseAll,
    stall(value) {
      stalled = value
      for (const peer of peers) peer.stalled = value
    },
    close() {
      stopWatching()
      for (const peer of peers) peer.terminate()
      webSockets.close()
    },
  }
}

function converse(
  webSocket: WebSocket,
  peer: StreamPeer,
  { now, seen }: { readonly now: () => number; readonly seen: SeenCounters },
): void {
  const admit = (): boolean => {
    seen.messages += 1
    if (peer.admit(now())) return true
    seen.chattyConnections += 1
    return false
  }
  webSocket.on('message', (data: RawData) => {
    if (admit()) peer.say(answerCommand(textOf(data), peer))
  })
  webSocket.on('ping', admit)
  webSocket.on('pong', () => {
    peer.lastPongAt = now()
    admit()
  })
  // A broken connection ends in `close` as well, which is where it is dealt with.
  webSocket.on('error', () => {})
}

/** Pings, and ends what has been silent or has lived too long. Returns the way to stop it. */
function watch(peers: ReadonlySet<StreamPeer>, now: () => number, rules: ConnectionRules): () => void {
  const pings = setInterval(() => {
    for (const peer of peers) {
      if (now() - peer.lastPongAt > rules.pongWithinMs) peer.terminate()
      else peer.ping(String(now()))
    }
  }, rules.pingEveryMs)
  const lives = setInterval(
    () => {
      for (const peer of peers) if (now() - peer.connectedAt > rules.lifeMs) peer.terminate()
    },
    Math.min(rules.pingEveryMs, rules.lifeMs / LOOKS_PER_LIFE),
  )
  return () => {
    clearInterval(pings)
    clearInterval(lives)
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

/** The HTTP status for a URL that is none of the streams', or asks for too many. */
function faultOf(asked: AskedStreams | undefined): number | undefined {
  if (asked === undefined) return 404
  return asked.streams.size > MAX_STREAMS ? 400 : undefined
}

function refuse(socket: Duplex, how: Refused): void {
  // Whoever is refused may be gone before the answer: nothing more is to be done.
  socket.on('error', () => {})
  if (how !== 'reset') {
    socket.end(`HTTP/1.1 ${how} ${STATUS_CODES[how] ?? ''}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  } else if (socket instanceof Socket) socket.resetAndDestroy()
  else socket.destroy()
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString()
  return Buffer.from(data instanceof ArrayBuffer ? new Uint8Array(data) : data).toString()
}
