import { type BackoffBounds, fullJitterMs, pause } from '../base/backoff.ts'
import { describeError, isGatewayError } from '../base/errors.ts'
import { createSlots } from '../base/slots.ts'
import type { Instrument } from '../market/instrument.ts'
import type { MemoryStream, MemoryTier } from '../tiers/memory.ts'
import { type CatchUpPorts, catchUp, giveUpAll } from './catch-up.ts'
import { type WarmUpPorts, warmUp } from './warm-up.ts'

export interface StreamJoinsPorts extends WarmUpPorts, Omit<CatchUpPorts, 'onLive' | 'inTurn'> {
  readonly memory: MemoryTier
  /** The stream stands where its source does, for the first time or again. */
  readonly onJoined: (instrument: Instrument) => void
  /** Between two tries to reach the source. */
  readonly backoff: BackoffBounds
}

const JOINS_AT_ONCE = 4

/** A stream that is being brought up to its source. */
interface Join {
  /** Something may have been missed meanwhile: once more after this. */
  again: boolean
  done: Promise<void>
}

/** Brings the streams of one feed up to what their source has: one join a stream at a time, a few in all. */
export class StreamJoins {
  readonly #ports: StreamJoinsPorts
  readonly #signal: AbortSignal
  readonly #slots = createSlots(JOINS_AT_ONCE)
  readonly #joins = new Map<string, Join>()
  /** Symbols whose streams stood where their source did, once. */
  readonly #hasRun = new Set<string>()
  /** Only while the source is connected do streams run live: else trades are being missed. */
  #connected = false

  constructor(ports: StreamJoinsPorts, signal: AbortSignal) {
    this.#ports = ports
    this.#signal = signal
  }

  /** The source is connected: any stream may have missed trades. Resolves when all stand where it does. */
  async connect(instruments: readonly Instrument[]): Promise<void> {
    this.#connected = true
    for (const { symbol } of instruments) this.#ports.sequencer.hold(symbol)
    await Promise.all(instruments.map(({ symbol }) => this.join(symbol)))
  }

  /** The source is gone: until it is back no candle is closed without the trades that are missed. */
  disconnect(instruments: readonly Instrument[]): void {
    this.#connected = false
    for (const { symbol } of instruments) this.#setLive(symbol, false)
  }

  /** Joins one stream; one that is being joined is joined once more after that. Never rejects. */
  join(symbol: string): Promise<void> {
    const running = this.#joins.get(symbol)
    if (running !== undefined) {
      running.again = true
      this.#setLive(symbol, false)
      return running.done
    }
    const join: Join = { again: false, done: Promise.resolve() }
    this.#joins.set(symbol, join)
    join.done = this.#joinUntilLive(symbol, join)
    return join.done
  }

  /** Resolves when no join is under way. */
  async settled(): Promise<void> {
    await Promise.all([...this.#joins.values()].map(({ done }) => done))
  }

  /** What goes wrong here belongs to one symbol. */
  async #joinUntilLive(symbol: string, join: Join): Promise<void> {
    const { memory, feed, onJoined, log } = this.#ports
    const stream = memory.stream(symbol)
    try {
      do {
        join.again = false
        this.#setLive(symbol, false)
        if (stream !== undefined) await this.#retry(stream)
        if (stream?.warm) onJoined(stream.instrument)
        // From here to the end there is no await: a hole that shows now finds this join, or none.
      } while (join.again && !this.#signal.aborted)
    } catch (error) {
      log.error({ feed: feed.name, symbol, reason: describeError(error) }, 'joining the source failed')
    } finally {
      this.#joins.delete(symbol)
    }
  }

  /** Tries until the stream stands where its source does; the waits between tries take no slot from the others. */
  async #retry(stream: MemoryStream): Promise<void> {
    const { feed, backoff, log } = this.#ports
    const { symbol } = stream.instrument
    for (let attempt = 0; !this.#signal.aborted; attempt++) {
      try {
        return await this.#joinOnce(stream)
      } catch (error) {
        if (!isGatewayError(error)) throw error
        if (this.#signal.aborted) return
        log.warn({ feed: feed.name, symbol, reason: error.message }, 'joining the source failed, trying again')
        await pause(fullJitterMs(attempt, backoff), this.#signal)
      }
    }
  }

  async #joinOnce(stream: MemoryStream): Promise<void> {
    const onLive = ({ symbol }: Instrument) => this.#setLive(symbol, this.#connected)
    const inTurn = <T>(work: () => Promise<T>) => this.#slots.run(work)
    const ports = { ...this.#ports, onLive, inTurn }
    for (;;) {
      if (!stream.warm) await this.#warm(stream, ports)
      if ((await catchUp(stream.instrument, ports, this.#signal)) !== 'too much') return
      // Candles cannot be folded from trades that are not fetched: the source's are taken again.
      stream.warm = false
    }
  }

  /**
   * Takes the source's candles and place. A stream that has run before waits for that no longer than for a hole: it
   * goes on with the hole told, and the source is asked again later.
   */
  async #warm(stream: MemoryStream, ports: CatchUpPorts & WarmUpPorts): Promise<void> {
    const { instrument } = stream
    const hasRun = this.#hasRun.has(instrument.symbol)
    const bounded = AbortSignal.any([this.#signal, AbortSignal.timeout(ports.holdBackMs)])
    // While candles are made anew, a live tick would be counted in both the old ones and the new.
    ports.sequencer.hold(instrument.symbol)
    try {
      await ports.inTurn(() => warmUp(stream, ports, hasRun ? bounded : this.#signal))
      this.#hasRun.add(instrument.symbol)
    } catch (error) {
      if (hasRun && isGatewayError(error)) giveUpAll(instrument, error.message, ports)
      throw error
    }
  }

  #setLive(symbol: string, live: boolean): void {
    const stream = this.#ports.memory.stream(symbol)
    if (stream !== undefined) stream.live = live
  }
}
