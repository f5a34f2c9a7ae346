import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import { CLOSE, type CloseReason } from '../wire/close-codes.ts'
import type { Frame } from '../wire/frame.ts'
import type { Flushable, Flusher } from './flusher.ts'

export interface ConnectionLimits {
  readonly maxQueuedBytes: number
  readonly congestedBytes: number
}

/** From here on a piece costs more to copy than to be handed to the system by itself. */
const LARGE_BYTES = 16 * 1024

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
  #pendingFrames = 0
  /** One of what is pending is too large to be copied. */
  #hasLarge = false
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
    this.#pendingFrames += 1
    this.#queue(frame)
  }

  /** Queues a frame that is in pieces. */
  sendPieces(pieces: readonly Buffer[]): void {
    if (this.#ws.readyState !== WebSocket.OPEN) return
    this.#pendingFrames += 1
    for (const piece of pieces) this.#queue(piece)
  }

  /** Undefined: there is room for history. Else resolves when there is; one waiter is let through per turn. */
  room(): Promise<void> | undefined {
    if (this.#ws.readyState !== WebSocket.OPEN) return undefined
    if (this.#waiting.length === 0 && this.#queuedBytes <= this.#limits.congestedBytes) return undefined
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  flush(merge: (frames: readonly Frame[]) => Buffer): number {
    const pieces = this.#pending
    const frames = this.#pendingFrames
    if (pieces.length === 0 || this.#ws.readyState !== WebSocket.OPEN) return 0
    if (this.#queuedBytes > this.#limits.maxQueuedBytes) {
      this.#drop()
      this.close(CLOSE.tooSlow)
      return 0
    }
    const hasLarge = this.#hasLarge
    this.#drop()
    if (hasLarge) this.#writeShared(pieces, merge)
    else this.#socket.write(merge(pieces))
    if (this.#waiting.length > 0) setImmediate(() => this.#admit())
    return frames
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

  #queue(piece: Buffer): void {
    if (this.#pending.length === 0) this.#flusher.add(this)
    this.#pending.push(piece)
    this.#pendingBytes += piece.length
    this.#hasLarge ||= piece.length >= LARGE_BYTES
  }

  /** Writes large pieces as they are, in one call: a thousand clients with the same history hold it once. */
  #writeShared(pieces: readonly Buffer[], merge: (frames: readonly Frame[]) => Buffer): void {
    this.#socket.cork()
    let from = 0
    for (const [index, piece] of pieces.entries()) {
      if (piece.length < LARGE_BYTES) continue
      if (index > from) this.#socket.write(merge(pieces.slice(from, index)))
      this.#socket.write(piece)
      from = index + 1
    }
    if (from < pieces.length) this.#socket.write(merge(pieces.slice(from)))
    this.#socket.uncork()
  }

  #drop(): void {
    this.#pending = []
    this.#pendingBytes = 0
    this.#pendingFrames = 0
    this.#hasLarge = false
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
