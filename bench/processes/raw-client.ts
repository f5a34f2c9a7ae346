import { connect, type Socket } from 'node:net'

/** Told of each text frame: its payload's beginning is in `bytes` from `start` to `end`, HEAD_BYTES of it at most. */
export type OnFrame = (bytes: Buffer, start: number, end: number) => void

/** Enough for a whole tick, and for what a part of a history says of itself. */
const HEAD_BYTES = 300
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])
const PING = 0x89
const TEXT = 0x81
const NOTHING: Buffer = Buffer.alloc(0)

/** A WebSocket client that reads frames' headers and beginnings and skips the rest: the cheapest there can be. */
export class RawClient {
  readonly #socket: Socket
  readonly #onFrame: OnFrame
  #held: Buffer = NOTHING
  /** Bytes of a frame still to come, of no interest. */
  #skip = 0
  #isOpen = false
  #isLeaving = false

  constructor(url: URL, onFrame: OnFrame) {
    this.#onFrame = onFrame
    this.#socket = connect(Number(url.port), url.hostname)
    this.#socket.write(
      `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    )
    this.#socket.on('data', (chunk) => this.#take(chunk))
    this.#socket.on('close', () => {
      if (!this.#isLeaving) throw new Error('the gateway must keep its clients, closed one')
    })
  }

  leave(): void {
    this.#isLeaving = true
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    if (this.#skip >= chunk.length) {
      this.#skip -= chunk.length
      return
    }
    const fresh = this.#skip > 0 ? chunk.subarray(this.#skip) : chunk
    this.#skip = 0
    let bytes = this.#held.length > 0 ? Buffer.concat([this.#held, fresh]) : fresh
    if (!this.#isOpen) {
      const end = bytes.indexOf('\r\n\r\n')
      if (end >= 0) this.#open(bytes.toString('latin1', 0, end))
      bytes = end >= 0 ? bytes.subarray(end + 4) : bytes
    }
    this.#held = this.#isOpen ? this.#read(bytes) : bytes
  }

  #open(answer: string): void {
    if (!answer.startsWith('HTTP/1.1 101')) throw new Error(`the gateway must let the client in, answered ${answer}`)
    this.#isOpen = true
  }

  /** Reads whole frames, and the last one as soon as its beginning is there; returns what is left. */
  #read(bytes: Buffer): Buffer {
    let at = 0
    while (at + 2 <= bytes.length) {
      const short = bytes[at + 1]! & 0x7f
      const header = short < 126 ? 2 : short === 126 ? 4 : 10
      if (at + header > bytes.length) break
      const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUIntBE(at + 4, 6)
      const start = at + header
      if (start + Math.min(length, HEAD_BYTES) > bytes.length) break
      if (bytes[at] === PING) this.#socket.write(PONG)
      if (bytes[at] === TEXT) this.#onFrame(bytes, start, start + Math.min(length, HEAD_BYTES))
      at = start + length
    }
    this.#skip = Math.max(0, at - bytes.length)
    return at < bytes.length ? Buffer.from(bytes.subarray(at)) : NOTHING
  }
}
