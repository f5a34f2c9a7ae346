import { type BackoffBounds, pause } from '../base/backoff.ts'
import { describeError, isGatewayError } from '../base/errors.ts'
import { createSlots } from '../base/slots.ts'
import type { Instrument } from '../market/instrument.ts'
import type { MemoryStream, MemoryTier } from '../tiers/memory/memory.ts'
import { type AskSourcePorts, askSource, type Question, type SourcePast } from './ask-source.ts'
import { type CatchUpPorts, catchUp, giveUpAll } from './catch-up.ts'
import { type FillMissedPorts, fillMissed } from './fill-missed.ts'
import { type TakeSourcePorts, takeSource } from './take-source.ts'

export interface StreamJoinsPorts
  extends TakeSourcePorts,
    Omit<FillMissedPorts, 'inTurn'>,
    Omit<AskSourcePorts, 'inTurn'>,
    Omit<CatchUpPorts, 'onLive' | 'onWhole' | 'inTurn'> {
  readonly memory: MemoryTier
  /** The stream stands where its source does, for the first time or again, and its candles are the source's. */
  readonly onJoined: (instrument: Instrument) => void
  /** More was missed since the newest tick than may be fetched; told before the stream goes on. */
  readonly onTooMuch: (instrument: Instrument) => void
  /** Between two tries to reach the source. */
  readonly backoff: BackoffBounds
}

/** Questions to the source at once: for what a stream waits for, and as many for the past, for which none does. */
const QUESTIONS_AT_ONCE = 4

/** A stream that is being brought up to its source. */
interface Join {
  /** Something may have been missed meanwhile: once more after this. */
  again: boolean
  /** Its ticks wait for a hole, and not for its candles. */
  isCatchingUp: boolean
  done: Promise<void>
}

/** Brings the streams of one feed up to what their source has: one join a stream at a time, a few in all. */
export class StreamJoins {
  readonly #ports: StreamJoinsPorts & CatchUpPorts & AskSourcePorts
  readonly #signal: AbortSignal
  readonly #missed = createSlots(QUESTIONS_AT_ONCE)
  readonly #pasts = createSlots(QUESTIONS_AT_ONCE)
  readonly #joins = new Map<string, Join>()
  /** Sources that have been asked for the past of a stream, and whose answer has not been taken. */
  readonly #questions = new Map<string, Question>()
  /** Symbols whose streams stand somewhere: ticks can follow. */
  readonly #placed = new Set<string>()
  /** Only while the source is connected do streams run live: else trades are being missed. */
  #connected = false

  constructor(ports: StreamJoinsPorts, signal: AbortSignal) {
    const onLive = ({ symbol }: Instrument) => this.#setLive(symbol, this.#connected)
    const onWhole = ({ symbol }: Instrument) => this.#setWhole(symbol, this.#connected)
    this.#ports = { ...ports, onLive, onWhole, inTurn: (work) => this.#missed.run(work) }
    this.#signal = signal
  }

  /** The source is connected: any stream may have missed trades. Resolves when all go on, live or as well as they can. */
  async connect(instruments: readonly Instrument[]): Promise<void> {
    this.#connected = true
    for (const { symbol } of instruments) this.#ports.sequencer.hold(symbol)
    await Promise.all(instruments.map(({ symbol }) => this.join(symbol)))
  }

  /** The source is gone: until it is back no candle is closed without the trades that are missed. */
  disconnect(instruments: readonly Instrument[]): void {
    this.#connected = false
    for (const { symbol } of instruments) {
      this.#setLive(symbol, false)
      this.#setWhole(symbol, false)
    }
  }

  /** Joins one stream; one that is being joined is joined once more after that. Never rejects. */
  join(symbol: string): Promise<void> {
    const running = this.#joins.get(symbol)
    if (running !== undefined) {
      running.again = true
      this.#setLive(symbol, false)
      return running.done
    }
    const join: Join = { again: false, isCatchingUp: false, done: Promise.resolve() }
    this.#joins.set(symbol, join)
    join.done = this.#joinUntilLive(symbol, join)
    return join.done
  }

  /** Its ticks follow the place where it stood then, be it none. */
  isPlaced(symbol: string): boolean {
    return this.#placed.has(symbol)
  }

  /** As many ticks of this symbol wait as may: its holes are told, and it goes on. Not while its candles are made. */
  goOn(symbol: string): void {
    const stream = this.#ports.memory.stream(symbol)
    if (stream === undefined || !this.#joins.get(symbol)?.isCatchingUp) return
    giveUpAll(stream.instrument, 'too many trades waited for these', this.#ports)
  }

  /** Resolves when no join is under way. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#questions.values()].map(({ answered }) => answered))
    await Promise.all([...this.#joins.values()].map(({ done }) => done))
  }

  async #joinUntilLive(symbol: string, join: Join): Promise<void> {
    do {
      join.again = false
      this.#setLive(symbol, false)
      await this.#joinOrWait(symbol, join)
      // From here to the end there is no await: a hole that shows now finds this join, or none.
    } while (join.again && !this.#signal.aborted)
    this.#joins.delete(symbol)
  }

  /** What goes wrong here belongs to one symbol; without another try its ticks would wait for ever. */
  async #joinOrWait(symbol: string, join: Join): Promise<void> {
    const { memory, feed, onJoined, backoff, log } = this.#ports
    const stream = memory.stream(symbol)
    try {
      if (stream !== undefined) await this.#joinOnce(stream, join)
      if (stream?.warm) onJoined(stream.instrument)
    } catch (error) {
      log.error({ feed: feed.name, symbol, reason: describeError(error) }, 'joining the source failed, trying again')
      join.isCatchingUp = false
      join.again = await pause(backoff.maxMs, this.#signal)
    }
  }

  async #joinOnce(stream: MemoryStream, join: Join): Promise<void> {
    const { instrument } = stream
    const { now } = this.#ports
    const began = now()
    // A stream that has a place waits for its source's candles only when it cannot do without: see below.
    let mustWait = !this.#placed.has(instrument.symbol)
    while (!this.#signal.aborted) {
      const wasWarm = stream.warm
      if (!wasWarm) await this.#place(stream, mustWait, began)
      join.isCatchingUp = true
      const asked = stream.warm && !wasWarm ? now() : began
      const end = await catchUp(instrument, this.#ports, this.#signal, began, asked)
      join.isCatchingUp = false
      if (end !== 'too much') return
      // Candles cannot be folded from trades that are not fetched: the source's are taken again.
      stream.warm = false
      mustWait = true
      this.#ports.onTooMuch(instrument)
    }
  }

  /**
   * Takes the source's candles and place, if it has answered; `mustWait`: if it answers before a tick has waited too
   * long. Else the stream goes on as it is, with what is missing told, and takes them when the answer is there.
   */
  async #place(stream: MemoryStream, mustWait: boolean, began: number): Promise<void> {
    const { holdBackMs, now, sequencer } = this.#ports
    const { instrument } = stream
    const { symbol } = instrument
    let failures = 0
    while (!this.#signal.aborted) {
      const question = this.#ask(stream, failures)
      const leftMs = mustWait ? began + holdBackMs - now() : 0
      const past = question.past ?? (leftMs > 0 ? await this.#answerWithin(leftMs, question) : undefined)
      if (this.#signal.aborted) return
      if (past !== undefined && (await this.#take(stream, past, mustWait ? began + holdBackMs - now() : holdBackMs)))
        return
      failures++
      if (leftMs > 0) continue
      if (mustWait) {
        if (!this.#placed.has(symbol)) sequencer.start(symbol, stream.cursor)
        this.#placed.add(symbol)
        giveUpAll(instrument, 'the source did not answer in time', this.#ports)
      }
      this.#ask(stream, failures)
      return
    }
  }

  /** The question that is under way, or a new one. */
  #ask(stream: MemoryStream, failures: number): Question {
    const { symbol } = stream.instrument
    const underWay = this.#questions.get(symbol)
    if (underWay !== undefined) return underWay
    const inTurn = <T>(work: () => Promise<T>) => this.#pasts.run(work)
    const question = askSource(stream, { ...this.#ports, inTurn }, this.#signal, failures)
    this.#questions.set(symbol, question)
    question.answered.then(
      (past) => {
        if (past !== undefined && !question.isAwaited) void this.join(symbol)
      },
      // Whoever waits for it is told as well.
      () => this.#questions.delete(symbol),
    )
    return question
  }

  async #answerWithin(ms: number, question: Question): Promise<SourcePast | undefined> {
    const ended = new AbortController()
    const late = pause(ms, AbortSignal.any([this.#signal, ended.signal])).then(() => undefined)
    question.isAwaited = true
    try {
      return await Promise.race([question.answered, late])
    } finally {
      question.isAwaited = false
      ended.abort()
    }
  }

  /** Whether the source's candles and place are the stream's now; else they are to be asked for again. `ms`: for trades. */
  async #take(stream: MemoryStream, past: SourcePast, ms: number): Promise<boolean> {
    const { feed, sequencer, log } = this.#ports
    const { symbol } = stream.instrument
    this.#questions.delete(symbol)
    if (!this.#placed.has(symbol)) sequencer.start(symbol, stream.cursor)
    this.#placed.add(symbol)
    try {
      await fillMissed(stream, past, this.#ports, ms, this.#signal)
      if (this.#signal.aborted) return false
      takeSource(stream, past, this.#ports)
      return true
    } catch (error) {
      if (!isGatewayError(error)) throw error
      if (this.#signal.aborted) return false
      log.warn({ feed: feed.name, symbol, reason: error.message }, 'joining the source failed, trying again')
      return false
    }
  }

  #setWhole(symbol: string, whole: boolean): void {
    const stream = this.#ports.memory.stream(symbol)
    if (stream !== undefined) stream.whole = whole
  }

  #setLive(symbol: string, live: boolean): void {
    const stream = this.#ports.memory.stream(symbol)
    if (stream !== undefined) stream.live = live
  }
}
