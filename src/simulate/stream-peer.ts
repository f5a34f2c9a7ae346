import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Batch } from './frame.ts'
import type { StreamSettings } from './stream-command.ts'

/** Control messages, pings and pongs that a connection may send in a second. */
const MAX_MESSAGES_A_SECOND = 5

/** A reader this far behind is cut, as the exchange does. */
const MAX_BACKLOG_BYTES = 64 * 1024 * 1024

/** One connection to the streams. */
export class StreamPeer implements StreamSettings {
  readonly streams: Set<string>
  combined: boolean
  readonly connectedAt: number
  lastPongAt: number
  readonly #webSocket: WebSocket
  readonly #socket: Duplex
  #stalled = false
  #second = 0
  #messagesThisSecond = 0

  constructor(webSocket: WebSocket, socket: Duplex, asked: { streams: Set<string>; combined: boolean; now: number }) {
    this.streams = asked.streams
    this.combined = asked.combined
    this.connectedAt = asked.now
    this.lastPongAt = asked.now
    this.#webSocket = webSocket
    this.#socket = socket
  }

  /** Bytes that the other side has not taken yet. */
  get backlogBytes(): number {
    return this.#socket.writableLength
  }

  /** A stalled peer reads nothing and says nothing, like a host that lost its power. What it missed is lost. */
  set stalled(stalled: boolean) {
    this.#stalled = stalled
    if (stalled) this.#webSocket.pause()
    else this.#webSocket.resume()
  }

  /**
   * Writes finished frames past `ws`, which itself writes whole frames at once: so both can take turns on the socket.
   */
  write(batches: readonly Batch[]): void {
    if (this.#stalled || this.#webSocket.readyState !== this.#webSocket.OPEN) return
    if (this.backlogBytes > MAX_BACKLOG_BYTES) {
      this.#webSocket.terminate()
      return
    }
    this.#socket.cork()
    for (const batch of batches) this.#socket.write(batch.bytes())
    this.#socket.uncork()
  }

  say(text: string): void {
    if (!this.#stalled && this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.send(text)
  }

  ping(payload: string): void {
    if (!this.#stalled && this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.ping(payload)
  }

  /** Counts an incoming message; a chatty peer is closed with 1008 and gets false. */
  admit(now: number): boolean {
    const second = Math.floor(now / 1000)
    this.#messagesThisSecond = second === this.#second ? this.#messagesThisSecond + 1 : 1
    this.#second = second
    if (this.#messagesThisSecond <= MAX_MESSAGES_A_SECOND) return true
    this.close(1008, 'Too many requests')
    return false
  }

  close(code: number, reason: string): void {
    this.#webSocket.close(code, reason)
  }

  terminate(): void {
    this.#webSocket.terminate()
  }
}
