import { type BackoffBounds, fullJitterMs, pause } from '../src/base/backoff.ts'
import { GatewayError } from '../src/base/errors.ts'
import type { BinanceSocket, BinanceSocketHandlers } from './binance-socket.ts'

export interface ConnectionTimes {
  /** A socket is replaced when it is this old, or up to `rotateSpreadMs` older: Binance cuts it after 24 hours. */
  readonly rotateMs: number
  readonly rotateSpreadMs: number
  /** How long a socket is still read beside its successor: longer than a trade is on its way. */
  readonly overlapMs: number
  /** Between two tries to replace a socket that is still there. */
  readonly replace: BackoffBounds
}

/** Called from sockets' callbacks and timers: they MUST NOT throw. After `failed` and after `close()` none is called. */
export interface ConnectionHandlers {
  /** From here on every trade is received. Told again when some may have been missed before. */
  ready(): void
  /** The socket is gone while its successor is still being opened: trades are missed until `ready`. */
  lost(): void
  /** Two sockets bring the same trades, or do so no more. */
  overlapping(isOverlapping: boolean): void
  message(text: string): void
  /** A socket's peer lives. */
  heard(): void
  failed(error: unknown): void
}

type Socket = Pick<BinanceSocket, 'close' | 'leave'>

export interface ConnectionPorts {
  readonly open: (handlers: BinanceSocketHandlers) => Socket
  /** Waits until a connect may be made; false when `signal` aborted first. */
  readonly turn: (signal: AbortSignal) => Promise<boolean>
  readonly times: ConnectionTimes
}

/**
 * Some streams, whichever socket brings them. Before a socket grows too old, and when the source says that it will
 * close it, the next one is opened; both are read for a while, and then the old one is left. Ends when it has no socket.
 */
export class BinanceConnection {
  readonly #ports: ConnectionPorts
  readonly #handlers: ConnectionHandlers
  readonly #stop = new AbortController()
  /** Being opened. */
  #next: Socket | undefined
  /** Subscribed, and the one to be replaced. */
  #current: Socket | undefined
  /** Subscribed, and still read beside its successor. */
  #old: Socket | undefined
  /** Was told goodbye. */
  #left: Socket | undefined
  /** A successor is on its way, be it that it still waits for its turn. */
  #isReplacing = false
  #isOverlapping = false
  /** Successors tried since one outlived its predecessor. */
  #tries = 0
  #rotation: NodeJS.Timeout | undefined
  #overlap: NodeJS.Timeout | undefined

  constructor(ports: ConnectionPorts, handlers: ConnectionHandlers) {
    this.#ports = ports
    this.#handlers = handlers
    void this.#open()
  }

  /** Cuts every socket at once and stops every timer; safe to call twice. */
  close(): void {
    this.#stop.abort()
    clearTimeout(this.#rotation)
    clearTimeout(this.#overlap)
    for (const socket of [this.#next, this.#current, this.#old, this.#left]) socket?.close()
  }

  async #open(): Promise<void> {
    if (!(await this.#ports.turn(this.#stop.signal)) || this.#stop.signal.aborted) return
    try {
      const socket: Socket = this.#ports.open({
        ready: () => this.#ready(socket),
        message: (text) => this.#message(socket, text),
        heard: () => this.#handlers.heard(),
        leaving: () => this.#leaving(socket),
        failed: (error) => this.#failed(socket, error),
      })
      this.#next = socket
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.close()
    this.#handlers.failed(error)
  }

  #replace(): void {
    if (this.#isReplacing) return
    this.#isReplacing = true
    clearTimeout(this.#rotation)
    const waitMs = this.#tries === 0 ? 0 : fullJitterMs(this.#tries, this.#ports.times.replace)
    this.#tries++
    void pause(waitMs, this.#stop.signal).then(() => this.#open())
  }

  #ready(socket: Socket): void {
    const { rotateMs, rotateSpreadMs, overlapMs } = this.#ports.times
    const old = this.#current
    this.#next = undefined
    this.#current = socket
    this.#isReplacing = false
    this.#rotation = setTimeout(() => this.#replace(), rotateMs + Math.random() * rotateSpreadMs)
    if (old === undefined) {
      this.#handlers.ready()
      return
    }
    // One that is replaced while it was itself overlapped by its own predecessor: what that one had has come.
    this.#leave(this.#old)
    this.#old = old
    this.#setOverlapping(true)
    clearTimeout(this.#overlap)
    this.#overlap = setTimeout(() => this.#endOverlap(), overlapMs)
  }

  #endOverlap(): void {
    this.#tries = 0
    this.#leave(this.#old)
    this.#forgetOld()
  }

  #leave(socket: Socket | undefined): void {
    if (socket === undefined) return
    socket.leave()
    this.#left?.close()
    this.#left = socket
  }

  #forgetOld(): void {
    this.#old = undefined
    clearTimeout(this.#overlap)
    this.#setOverlapping(false)
  }

  #setOverlapping(isOverlapping: boolean): void {
    if (isOverlapping === this.#isOverlapping) return
    this.#isOverlapping = isOverlapping
    this.#handlers.overlapping(isOverlapping)
  }

  #message(socket: Socket, text: string): void {
    // A successor brings trades before it is ready, when it has more streams than one SUBSCRIBE.
    if (socket === this.#next && this.#current !== undefined) this.#setOverlapping(true)
    this.#handlers.message(text)
  }

  #leaving(socket: Socket): void {
    if (socket === this.#current) this.#replace()
    else if (socket === this.#next) {
      socket.close()
      const message = 'the Binance stream must stay open, but the source announced a shutdown'
      this.#failed(socket, new GatewayError('feed_broken', message))
    }
  }

  #failed(socket: Socket, error: unknown): void {
    if (socket === this.#old) this.#oldFailed()
    else if (socket === this.#next) this.#nextFailed(error)
    else this.#currentFailed(error)
  }

  /** What it had on its way did not come, and its successor has only what happened since. */
  #oldFailed(): void {
    this.#forgetOld()
    this.#handlers.ready()
  }

  #nextFailed(error: unknown): void {
    this.#next = undefined
    this.#isReplacing = false
    this.#setOverlapping(this.#old !== undefined)
    if (this.#current === undefined) this.#fail(error)
    else this.#replace()
  }

  #currentFailed(error: unknown): void {
    clearTimeout(this.#rotation)
    this.#current = this.#old
    if (this.#old !== undefined) {
      // Its predecessor is still there and has brought every trade.
      this.#forgetOld()
      this.#replace()
    } else if (this.#next !== undefined) {
      // Without overlap: what was missed is asked for when the next one is ready.
      this.#setOverlapping(false)
      this.#handlers.lost()
    } else this.#fail(error)
  }
}
