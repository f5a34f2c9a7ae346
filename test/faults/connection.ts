import { WebSocket } from 'ws'
import type { ServerMessage } from '../../src/wire/messages.ts'

export interface ConnectionHandlers {
  /** The connection is open: ask. */
  open(send: (message: object) => void): void
  message(message: ServerMessage): void
  /** It is gone; another one comes. */
  closed?(): void
}

const BACK_AFTER_MS = 30

/** A WebSocket that comes back by itself, at any price, until it is stopped. */
export class LastingConnection {
  readonly #url: string
  readonly #handlers: ConnectionHandlers
  #socket: WebSocket | undefined
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(url: string, handlers: ConnectionHandlers) {
    this.#url = url
    this.#handlers = handlers
    this.#connect()
  }

  /** Cuts it; it comes back after `ms`. */
  leave(ms: number): void {
    if (this.#stopped) return
    this.#end()
    this.#timer = setTimeout(() => this.#connect(), ms)
  }

  stop(): void {
    this.#stopped = true
    this.#end()
  }

  #end(): void {
    clearTimeout(this.#timer)
    // What still comes belongs to nobody.
    this.#socket?.removeAllListeners().on('error', () => {})
    this.#socket?.terminate()
    this.#socket = undefined
    this.#handlers.closed?.()
  }

  #connect(): void {
    const socket = new WebSocket(this.#url, { perMessageDeflate: false })
    this.#socket = socket
    socket.on('open', () => this.#handlers.open((message) => socket.send(JSON.stringify(message))))
    socket.on('message', (data) => this.#handlers.message(JSON.parse(String(data)) as ServerMessage))
    // Refused or cut: the close that follows says so too.
    socket.on('error', () => {})
    socket.on('close', () => this.leave(BACK_AFTER_MS))
  }
}
