import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import { CLOSE, type CloseReason } from '../wire/close-codes.ts'
import type { Frame } from '../wire/frame.ts'
import type { Flushable, Flusher } from './flusher.ts'

export interface ConnectionLimits {
  readonly maxQueuedBytes: number
  readonly congestedBytes: number
}

/**
 * The sending side of one client: a queue of frames, first in, first out, that the flusher writes to the socket once per
 * turn. The frames are whole and unmasked, so they go past ws straight to the socket that `upgrade` gave; ws itself
 * writes only pings and the close frame. That is safe while permessage-deflate is off and nothing follows a close.
 */
export class Connection implements Flushable {
  readonly #ws: WebSocket
  readonly #socket: Duplex
  readonly #flusher: Flusher
  readonly #limits: ConnectionLimits
  #pending: Frame[] = []
  #pendingBytes = 0
  #waiting: (() => void)[] = []
  #closedWith: CloseReason | undefined
  readonly #onEnd: () => void

  /** `onEnd` is called when nothing more can be sent. */
  constructor(ws: WebSocket, socket: Duplex, flusher: Flusher, limits: ConnectionLimits, onEnd: () => void) {
    this.#ws = ws
    this.#socket = socket
    this.#flusher = flusher
    this.#limits = limits
    this.#onEnd = onEnd
    socket.on('drain', () => this.#admit())
    ws.on('close', () => this.#end())
  }

  /** Why we closed it; undefined while open, and when the client left by itself. */
  get closedWith(): CloseReason | undefined {
    return this.#closedWith
  }

  get #queuedBytes(): number {
    return this.#pendingBytes + this.#socket.writableLength
  }

  /** Queues a frame. */
  send(frame: Frame): void {
    if (this.#ws.readyState !== WebSocket.OPEN) return
    if (this.#pending.length === 0) this.#flusher.add(this)
    this.#pending.push(frame)
    this.#pendingBytes += frame.length
  }

  /** Undefined: there is room for history. Else resolves when there is; one waiter is let through per turn. */
  room(): Promise<void> | undefined {
    if (this.#ws.readyState !== WebSocket.OPEN) return undefined
    if (this.#waiting.length === 0 && this.#queuedBytes <= this.#limits.congestedBytes) return undefined
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  flush(merge: (frames: readonly Frame[]) => Buffer): number {
    const frames = this.#pending
    if (frames.length === 0 || this.#ws.readyState !== WebSocket.OPEN) return 0
    if (this.#queuedBytes > this.#limits.maxQueuedBytes) {
      this.#drop()
      this.close(CLOSE.tooSlow)
      return 0
    }
    this.#drop()
    this.#socket.write(merge(frames))
    if (this.#waiting.length > 0) setImmediate(() => this.#admit())
    return frames.length
  }

  /** Sends what is queued and a close frame. ws destroys the socket if the client does not answer it. */
  close(reason: CloseReason): void {
    if (this.#ws.readyState !== WebSocket.OPEN) return
    if (this.#pending.length > 0) this.#socket.write(Buffer.concat(this.#pending))
    this.#drop()
    this.#closedWith = reason
    this.#ws.close(reason.code, reason.reason)
    this.#end()
  }

  ping(): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.ping()
  }

  terminate(): void {
    this.#ws.terminate()
  }

  #drop(): void {
    this.#pending = []
    this.#pendingBytes = 0
  }

  /** One at a time: whoever is let through queues its part before the next one's turn. */
  #admit(): void {
    if (this.#waiting.length === 0 || this.#queuedBytes > this.#limits.congestedBytes) return
    this.#waiting.shift()?.()
    if (this.#waiting.length > 0) setImmediate(() => this.#admit())
  }

  /** Whoever waited goes on, to find out that it is over. */
  #end(): void {
    this.#onEnd()
    for (const admit of this.#waiting.splice(0)) admit()
  }
}
