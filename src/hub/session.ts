import type { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import { GatewayError, isGatewayError } from '../base/errors.ts'
import type { Cursor } from '../market/tick.ts'
import { CLOSE, type CloseReason, MESSAGE_TOO_BIG } from '../wire/close-codes.ts'
import { type Decoded, decode } from '../wire/codec.ts'
import { encode } from '../wire/encode.ts'
import { type ErrorContext, toErrorMessage } from '../wire/error-message.ts'
import { encodeFrame } from '../wire/frame.ts'
import type { ServerMessage } from '../wire/messages.ts'
import { Connection } from './connection.ts'
import type { HubContext } from './context.ts'
import { TokenBucket } from './rate.ts'
import { answer } from './requests.ts'
import { type Subscription, subscriptionKey } from './subscription.ts'

/** One client: its requests, answered in the order they came, and its subscriptions. */
export class Session {
  readonly connection: Connection
  readonly context: HubContext
  /** The interval at which the prices of all symbols are wanted, of those that appear later too; undefined: they are not. */
  pricesOfAll: number | undefined
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #ended = new AbortController()
  readonly #rate: TokenBucket
  readonly #requests: Decoded[] = []
  #answering = false
  #garbageInARow = 0
  #pingsUnanswered = 0
  #brokenWith: number | undefined

  constructor(ws: WebSocket, socket: Duplex, context: HubContext) {
    const { limits, flusher } = context
    this.context = context
    this.connection = new Connection(ws, socket, flusher, limits, () => this.#end())
    this.#rate = new TokenBucket(limits.messagesPerSecond, limits.messageBurst, performance.now())
    ws.on('message', (data, isBinary) => this.#receive(data, isBinary))
    ws.on('pong', () => {
      this.#pingsUnanswered = 0
    })
    ws.on('error', (error) => this.#broken(error))
  }

  /** Aborted when nothing can be sent any more. */
  get signal(): AbortSignal {
    return this.#ended.signal
  }

  get subscriptions(): ReadonlyMap<string, Subscription> {
    return this.#subscriptions
  }

  send(message: ServerMessage): void {
    this.connection.send(encodeFrame(encode(message)))
  }

  /** Answers with an error. What is not ours is logged, and told as `internal`. */
  tell(error: unknown, about: ErrorContext): void {
    const message = toErrorMessage(error, about)
    if (message.code === 'internal') this.context.log.error({ err: error, symbol: about.symbol }, 'request failed')
    this.send(message)
  }

  close(reason: CloseReason): void {
    this.connection.close(reason)
  }

  /** Adds a subscription that is not started yet; one with the same key is replaced. */
  adopt(subscription: Subscription): void {
    const key = subscriptionKey(subscription)
    this.#subscriptions.get(key)?.stop()
    this.#subscriptions.set(key, subscription)
    subscription.granted?.()
  }

  drop(subscription: Subscription): void {
    subscription.stop()
    const key = subscriptionKey(subscription)
    if (this.#subscriptions.get(key) === subscription) this.#subscriptions.delete(key)
  }

  /** Takes a request into the line. */
  request(decoded: Decoded): void {
    const full = this.#requests.length >= this.context.limits.maxWaitingRequests
    if (full || !this.#rate.take(performance.now())) {
      const rule = full ? 'too many requests wait for an answer' : 'too many messages in a second'
      this.send(toErrorMessage(new GatewayError('rate_limited', rule), { id: decoded.id }))
      return
    }
    this.#requests.push(decoded)
    if (!this.#answering) void this.#answerAll()
  }

  /** The server's ping; the second one unanswered ends the connection. Counted, so that a stall of ours ends nobody. */
  ping(): void {
    if (this.#pingsUnanswered >= 2) {
      this.close(CLOSE.noPong)
      return
    }
    this.#pingsUnanswered += 1
    this.connection.ping()
  }

  heartbeat(time: number): void {
    const cursors: Record<string, Cursor | null> = {}
    for (const { symbol, cursor } of this.#subscriptions.values()) {
      if (cursor !== undefined) cursors[symbol] = cursor
    }
    this.send({ type: 'heartbeat', time, cursors })
  }

  /** The code it ended with: ours where we closed it, else `seen`, what the socket says. */
  closeCode(seen: number): number {
    return this.connection.closedWith?.code ?? this.#brokenWith ?? seen
  }

  /** The peer broke the protocol: ws closes with the right code (1002, 1007, 1009) by itself, but reports 1006. */
  #broken(error: Error & { readonly code?: string }): void {
    if (error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') this.#brokenWith = MESSAGE_TOO_BIG
    this.context.log.debug({ error: error.message }, 'client broke the protocol')
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.signal.aborted) return
    const decoded = isBinary ? BINARY : decode(data.toString())
    const garbage = 'error' in decoded && isGatewayError(decoded.error, 'bad_message', 'unknown_op')
    this.#garbageInARow = garbage ? this.#garbageInARow + 1 : 0
    this.request(decoded)
    if (this.#garbageInARow >= this.context.limits.maxGarbageInARow) this.close(CLOSE.protocolViolation)
  }

  /** One at a time; synchronous as long as the answers are. */
  async #answerAll(): Promise<void> {
    this.#answering = true
    for (let next = this.#requests.shift(); next; next = this.#requests.shift()) {
      try {
        if ('error' in next) throw next.error
        const answered = answer(this, next.message)
        if (answered) await answered
      } catch (error) {
        this.tell(error, { id: next.id })
      }
    }
    this.#answering = false
  }

  #end(): void {
    this.#ended.abort()
    this.#requests.length = 0
    for (const subscription of this.#subscriptions.values()) subscription.stop()
    this.#subscriptions.clear()
  }
}

const BINARY: Decoded = {
  id: undefined,
  error: new GatewayError('bad_message', 'a message must be text, was binary'),
}
