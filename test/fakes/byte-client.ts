import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A client that counts the bytes it gets and reads none of them: a thousand of them cost a test little. */
export class ByteClient {
  bytes = 0
  /** A frame with this text came; it is told once. */
  readonly saw: Promise<void>
  readonly #socket: Socket

  /** Connects; resolves when the gateway has taken over. */
  static async open(port: number, text: string): Promise<ByteClient> {
    const socket = connect(port, '127.0.0.1')
    const key = 'dGhlIHNhbXBsZSBub25jZQ=='
    socket.write(
      `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    )
    await once(socket, 'data')
    return new ByteClient(socket, text)
  }

  private constructor(socket: Socket, text: string) {
    this.#socket = socket
    this.saw = new Promise((resolve) => {
      // The text may come in two pieces.
      let before = Buffer.alloc(0)
      socket.on('data', (chunk: Buffer) => {
        this.bytes += chunk.length
        const heard = Buffer.concat([before, chunk])
        if (heard.includes(text)) resolve()
        before = Buffer.from(heard.subarray(Math.max(0, heard.length - text.length + 1)))
      })
    })
  }

  /** Sends a message of at most 65,535 bytes; masked with zeros, as RFC 6455 allows. */
  send(message: object): void {
    const payload = Buffer.from(JSON.stringify(message))
    const head = Buffer.from([0x81, 0x80 | 126, payload.length >> 8, payload.length & 255, 0, 0, 0, 0])
    this.#socket.write(Buffer.concat([head, payload]))
  }

  close(): void {
    this.#socket.destroy()
  }
}
