// https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
import { WebSocket } from 'ws'
import { GatewayError } from '../src/base/errors.ts'
import { BinanceOutbox } from './binance-outbox.ts'

export interface SocketTimeouts {
  /** Longest wait for the socket to open, and for each SUBSCRIBE to be acknowledged. */
  readonly connectMs: number
  readonly pingMs: number
  /** Longest time without a frame, a ping or a pong before the peer counts as dead. */
  readonly silenceMs: number
}

/** Called from the socket's own callbacks: they MUST NOT throw. After `failed`, `close()` and `leave()` none is called. */
export interface BinanceSocketHandlers {
  /** Open, and every SUBSCRIBE acknowledged. */
  ready(): void
  /** A ping or a pong: the peer lives. */
  heard(): void
  /** Every frame's text, acknowledgements among them. */
  message(text: string): void
  /** The source will close this socket soon, in some minutes; it goes on until then. */
  leaving(): void
  /** The socket is gone. */
  failed(error: GatewayError): void
}

/** As many streams still make a URL that every proxy takes. */
const STREAMS_IN_URL = 100

const STREAMS_PER_SUBSCRIBE = 200

/** By a part of the silence may it be noticed late: 55 s become 58 s at most. */
const LOOKS_PER_SILENCE = 20

/** Longest wait for the answer to our close frame. */
const CLOSE_MS = 1_000

/** An aggTrade frame has 250 bytes; what is longer than this is not from Binance. */
const MAX_FRAME_BYTES = 1 << 20

/**
 * One connection to the combined streams, from its opening to its end; it does not come back. It pings, because a
 * peer that vanished without a FIN is noticed by nothing else.
 */
export class BinanceSocket {
  readonly #socket: WebSocket
  readonly #handlers: BinanceSocketHandlers
  readonly #timeouts: SocketTimeouts
  /** SUBSCRIBE messages not yet acknowledged, in the order of their ids from 1; only the first is under way. */
  readonly #subscribes: string[]
  readonly #deadline: NodeJS.Timeout
  readonly #outbox: BinanceOutbox
  #pings: NodeJS.Timeout | undefined
  #silence: NodeJS.Timeout | undefined
  #listening: NodeJS.Timeout | undefined
  /** Something came since it was last looked. */
  #heard = false
  #ended = false

  constructor(
    streamUrl: string,
    streams: readonly string[],
    timeouts: SocketTimeouts,
    handlers: BinanceSocketHandlers,
  ) {
    const inUrl = streams.length <= STREAMS_IN_URL
    this.#subscribes = inUrl ? [] : subscribeMessages(streams)
    this.#handlers = handlers
    this.#timeouts = timeouts
    const url = `${streamUrl.replace(/\/+$/, '')}/stream${inUrl ? `?streams=${streams.join('/')}` : ''}`
    // What is no UTF-8 is no JSON that means anything to us either: checking every frame twice is not worth its time.
    const reading = { perMessageDeflate: false, maxPayload: MAX_FRAME_BYTES, skipUTF8Validation: true }
    // Pongs are counted with the rest of what we send: see the outbox.
    const options = { ...reading, autoPong: false, closeTimeout: CLOSE_MS }
    this.#socket = new WebSocket(url, options)
    this.#outbox = new BinanceOutbox(this.#socket)
    this.#socket
      .on('open', () => this.#opened())
      .on('message', (data) => this.#received(String(data)))
      .on('ping', (data) => this.#pinged(data))
      .on('pong', () => this.#answered())
      .on('error', (error: NodeJS.ErrnoException) =>
        this.#fail(`must be reachable, was: ${error.message || error.code}`),
      )
      .on('close', (code, reason) => this.#fail(`must stay open, was closed with ${code} ${reason}`.trimEnd()))
    this.#deadline = this.#startDeadline()
  }

  /** Cuts the connection at once and stops every timer; safe to call twice, and after `leave()`. */
  close(): void {
    this.#end()
    this.#socket.terminate()
  }

  /** Says goodbye with a close frame; what still comes is not read. */
  leave(): void {
    this.#end()
    this.#socket.close(1000)
  }

  #end(): void {
    this.#ended = true
    clearTimeout(this.#deadline)
    clearInterval(this.#pings)
    clearTimeout(this.#silence)
    clearInterval(this.#listening)
    this.#outbox.close()
  }

  #fail(what: string): void {
    if (this.#ended) return
    this.close()
    this.#handlers.failed(new GatewayError('feed_broken', `the Binance stream ${what}`))
  }

  #startDeadline(): NodeJS.Timeout {
    const { connectMs } = this.#timeouts
    return setTimeout(() => this.#fail(`must open and subscribe within ${connectMs / 1_000} s, was waiting`), connectMs)
  }

  #opened(): void {
    if (this.#ended) return
    const { pingMs, silenceMs } = this.#timeouts
    this.#pings = setInterval(() => this.#outbox.ping(), pingMs)
    this.#silence = setTimeout(() => this.#fail(`must be alive, was silent for ${silenceMs / 1_000} s`), silenceMs)
    this.#listening = setInterval(() => this.#listen(), silenceMs / LOOKS_PER_SILENCE)
    this.#subscribeOrReady()
  }

  /** A timer set anew at every frame would cost more than the frame's tick does in memory. */
  #listen(): void {
    if (this.#heard) this.#silence?.refresh()
    this.#heard = false
  }

  #subscribeOrReady(): void {
    const subscribe = this.#subscribes[0]
    if (subscribe === undefined) {
      clearTimeout(this.#deadline)
      this.#handlers.ready()
    } else {
      this.#deadline.refresh()
      this.#outbox.send(subscribe)
    }
  }

  #answered(): void {
    if (this.#ended) return
    this.#silence?.refresh()
    this.#handlers.heard()
  }

  #pinged(data: Buffer): void {
    if (this.#ended) return
    this.#answered()
    this.#outbox.pong(data)
  }

  #received(text: string): void {
    if (this.#ended) return
    this.#heard = true
    // Every market frame begins so; the rare rest is parsed here too, to be understood at once.
    const isMarket = text.startsWith('{"stream":"') && text[11] !== '!'
    if (!isMarket) this.#control(text)
    if (!this.#ended) this.#handlers.message(text)
  }

  #control(text: string): void {
    const frame = readControl(text)
    if (frame.event === 'serverShutdown') {
      this.#handlers.leaving()
    } else if (frame.refusal !== undefined && this.#subscribes.length > 0) {
      this.#fail(`must be subscribed, was refused: ${frame.refusal}`)
    } else if (frame.acknowledged && this.#subscribes.shift() !== undefined) {
      this.#subscribeOrReady()
    }
  }
}

function subscribeMessages(streams: readonly string[]): string[] {
  return Array.from({ length: Math.ceil(streams.length / STREAMS_PER_SUBSCRIBE) }, (_, n) => {
    const params = streams.slice(n * STREAMS_PER_SUBSCRIBE, (n + 1) * STREAMS_PER_SUBSCRIBE)
    return JSON.stringify({ method: 'SUBSCRIBE', params, id: n + 1 })
  })
}

interface Control {
  readonly event?: string
  readonly acknowledged?: boolean
  readonly refusal?: string
}

/** Reads what is not a trade. Never throws: what it cannot read is the business of `normalize`. */
function readControl(text: string): Control {
  try {
    const frame: BinanceControlFrame | null = JSON.parse(text)
    const event = frame?.data?.e ?? frame?.e
    if (event !== undefined) return { event }
    const error = frame?.error ?? (frame?.code === undefined ? undefined : frame)
    if (error) return { refusal: `${error.code} ${error.msg}` }
    return { acknowledged: frame?.id !== undefined && frame.result === null }
  } catch {
    return {}
  }
}

// --- Binance's frames that are not trades: every field is a guess until it is there ---

interface BinanceControlFrame {
  readonly e?: string
  readonly data?: { readonly e?: string }
  readonly id?: number
  readonly result?: null
  /** Refusals came in both shapes over the years: `{error: {code, msg}, id}` and `{code, msg, id}`. */
  readonly error?: BinanceRefusal
  readonly code?: number
  readonly msg?: string
}

interface BinanceRefusal {
  readonly code?: number
  readonly msg?: string
}
