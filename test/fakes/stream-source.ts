import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import { createInbox } from './inbox.ts'

/** One client as the source sees it. */
export interface StreamPeer {
  /** Path and query of its request. */
  readonly path: string
  readonly socket: WebSocket
  /** The next message that it sent, parsed. */
  nextMessage(): Promise<unknown>
  send(frame: unknown): void
}

/** A WebSocket source that does only what a test tells it to. */
export interface StreamSource {
  readonly url: string
  connections(): number
  nextPeer(): Promise<StreamPeer>
  close(): Promise<void>
}

export async function startStreamSource(options: ServerOptions = {}): Promise<StreamSource> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...options })
  const peers = createInbox<StreamPeer>()
  server.on('connection', (socket, request) => {
    const messages = createInbox<unknown>()
    socket.on('message', (data) => messages.put(JSON.parse(String(data))))
    // A client that was cut off in mid-frame is what some tests are about.
    socket.on('error', () => {})
    peers.put({
      path: request.url ?? '',
      socket,
      nextMessage: messages.take,
      send: (frame) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    })
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `ws://127.0.0.1:${port}`,
    connections: () => server.clients.size,
    nextPeer: peers.take,
    async close() {
      for (const socket of server.clients) socket.terminate()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
