import { WebSocket } from 'ws'
import type { ServerMessage, ServerType } from '../../src/wire/messages.ts'

export interface Closed {
  readonly code: number
  readonly reason: string
}

/** A client whose frames are read one by one, so that a test reads as a dialogue. */
export class ConnectedClient {
  readonly ws: WebSocket
  readonly closed: Promise<Closed>
  readonly #frames: ServerMessage[] = []
  #wake: (() => void) | undefined
  #isClosed = false

  /** Connects; rejects when the handshake is refused. */
  static async open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<ConnectedClient> {
    const client = new ConnectedClient(new WebSocket(url, { headers }))
    await new Promise<void>((resolve, reject) => {
      client.ws.once('open', resolve)
      client.ws.once('error', reject)
    })
    return client
  }

  private constructor(ws: WebSocket) {
    this.ws = ws
    ws.on('message', (data) => {
      this.#frames.push(JSON.parse(data.toString()) as ServerMessage)
      this.#wake?.()
    })
    // The test sees the close that follows.
    ws.on('error', () => undefined)
    this.closed = new Promise((resolve) => {
      ws.once('close', (code, reason) => {
        this.#isClosed = true
        this.#wake?.()
        resolve({ code, reason: reason.toString() })
      })
    })
  }

  /** Sends an object as JSON, and text or bytes as they are. */
  send(message: object | string): void {
    this.ws.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message))
  }

  /** The next frame. Throws when the connection ends before there is one. */
  async next(): Promise<ServerMessage> {
    while (this.#frames.length === 0) {
      if (this.#isClosed) throw new Error('the connection ended')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#frames.shift()!
  }

  /** The next frame of this type; those before it are passed over. */
  async nextOfType<Type extends ServerType>(type: Type): Promise<ServerMessage<Type>> {
    for (;;) {
      const frame = await this.next()
      if (frame.type === type) return frame as unknown as ServerMessage<Type>
    }
  }

  /** Everything that the gateway had sent before it answered a ping. */
  async drain(): Promise<readonly ServerMessage[]> {
    const id = 'drain'
    this.send({ op: 'ping', id })
    const frames: ServerMessage[] = []
    for (;;) {
      const frame = await this.next()
      if (frame.type === 'pong' && frame.id === id) return frames
      frames.push(frame)
    }
  }

  close(): Promise<Closed> {
    this.ws.close()
    return this.closed
  }
}
