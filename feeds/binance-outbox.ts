// https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#websocket-limits

/** The part of a WebSocket that sends. */
export interface Outlet {
  ping(): void
  pong(data: Buffer): void
  send(text: string): void
}

/** Binance cuts a client that sends more than 5 messages in a second, pings and pongs among them: these are 4. */
const BETWEEN_MESSAGES_MS = 250

/**
 * Sends what one connection has to say, each message its time after the one before. A pong goes first, and of several
 * pings only the last is answered (RFC 6455, 5.5.3), so nothing piles up, however many the other side sends.
 */
export class BinanceOutbox {
  readonly #outlet: Outlet
  readonly #texts: string[] = []
  #pong: Buffer | undefined
  #isPingDue = false
  #lastAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  constructor(outlet: Outlet) {
    this.#outlet = outlet
  }

  ping(): void {
    this.#isPingDue = true
    this.#flush()
  }

  pong(data: Buffer): void {
    this.#pong = data
    this.#flush()
  }

  send(text: string): void {
    this.#texts.push(text)
    this.#flush()
  }

  /** Sends nothing more, and leaves no timer. */
  close(): void {
    clearTimeout(this.#timer)
    this.#texts.length = 0
    this.#pong = undefined
    this.#isPingDue = false
  }

  #flush(): void {
    clearTimeout(this.#timer)
    if (this.#pong === undefined && this.#texts.length === 0 && !this.#isPingDue) return
    const waitMs = this.#lastAt + BETWEEN_MESSAGES_MS - performance.now()
    if (waitMs <= 0) this.#sendOne()
    this.#timer = setTimeout(() => this.#flush(), Math.ceil(waitMs <= 0 ? BETWEEN_MESSAGES_MS : waitMs))
  }

  #sendOne(): void {
    this.#lastAt = performance.now()
    const text = this.#pong === undefined ? this.#texts.shift() : undefined
    if (this.#pong !== undefined) this.#outlet.pong(this.#pong)
    else if (text !== undefined) this.#outlet.send(text)
    else {
      this.#isPingDue = false
      this.#outlet.ping()
    }
    this.#pong = undefined
  }
}
