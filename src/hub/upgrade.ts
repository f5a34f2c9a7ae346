import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { OriginCheck } from './origin.ts'
import { PerTurn } from './per-turn.ts'
import { answerPlainly } from './plain-request.ts'

export interface Door {
  readonly path: string
  readonly maxMessageBytes: number
  /** Connections that are let in during one turn of the event loop; the others wait for the next. */
  readonly entriesPerTurn: number
  readonly allowOrigin: OriginCheck
  /** While false, clients are asked to come back in a second. */
  ready(): boolean
  /** Takes over a connection; `socket` is what ws speaks on, `url` what the client asked for. */
  enter(ws: WebSocket, socket: Duplex, url: URL, request: IncomingMessage): void
}

/** Answers the upgrade requests of `server`; returns the function that stops it. */
export function openDoor(server: Server, door: Door): () => void {
  const wss = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // Per client it costs more than it saves, and our frames go past ws uncompressed.
    perMessageDeflate: false,
    maxPayload: door.maxMessageBytes,
  })
  const entries = new PerTurn(door.entriesPerTurn)
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      answerPlainly(server, request, socket)
      return
    }
    const url = parseTarget(request.url)
    const refusal = url ? findRefusal(door, url, request) : 400
    if (!url || refusal) {
      refuse(socket, refusal ?? 400)
      return
    }
    const enter = () => wss.handleUpgrade(request, socket, head, (ws) => door.enter(ws, socket, url, request))
    const wait = entries.take()
    if (wait) void waitWith(socket, wait).then(() => (door.ready() ? enter() : refuse(socket, 503)))
    else enter()
  }
  server.on('upgrade', onUpgrade)
  return () => {
    server.off('upgrade', onUpgrade)
    wss.close()
  }
}

/** Nobody else listens to the socket meanwhile. One that breaks is seen by ws, which gives it up. */
async function waitWith(socket: Duplex, wait: Promise<void>): Promise<void> {
  const onError = () => socket.destroy()
  socket.on('error', onError)
  await wait
  socket.off('error', onError)
}

function findRefusal(door: Door, url: URL, request: IncomingMessage): number | undefined {
  if (url.pathname !== door.path) return 404
  if (!door.ready()) return 503
  const { origin } = request.headers
  // Programs send no Origin; only browsers have pages of others to fear.
  if (origin !== undefined && !door.allowOrigin(origin, request)) return 403
  return undefined
}

function refuse(socket: Duplex, status: number): void {
  // The client may be gone already: there is nobody left to tell.
  socket.on('error', () => socket.destroy())
  const retry = status === 503 ? 'Retry-After: 1\r\n' : ''
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n${retry}\r\n`)
}

function parseTarget(target = ''): URL | undefined {
  try {
    return new URL(target, 'http://gateway')
  } catch {
    // Targets such as `//` are not URLs: the caller answers 400.
    return undefined
  }
}
