import { setImmediate as nextTurn } from 'node:timers/promises'
import { createReadSide } from '../../src/gateway/read-side.ts'
import { Cadence } from '../../src/hub/cadence.ts'
import { CandlePages } from '../../src/hub/candles/candle-pages.ts'
import { CandleSubscription } from '../../src/hub/candles/candle-subscription.ts'
import { Flusher } from '../../src/hub/flusher.ts'
import { PerTurn } from '../../src/hub/per-turn.ts'
import type { HubSource } from '../../src/hub/source.ts'
import type { PartOutlet } from '../../src/hub/subscription.ts'
import { Topics } from '../../src/hub/topics.ts'
import type { Candle } from '../../src/market/candle.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import type { Timeframe } from '../../src/market/timeframe.ts'
import type { CandleRow } from '../../src/tiers/database/database.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import type { Frame } from '../../src/wire/frame.ts'
import type { ServerMessage } from '../../src/wire/messages.ts'
import { BTC } from './exchange-feed.ts'
import { MemoryDatabase } from './memory-database.ts'

const MINUTE = 60_000
/** Candles of memory's window here. */
export const WINDOW = 8

/** A database whose reads of candles can be held back; what they answer is as of their call. */
export class GatedDatabase extends MemoryDatabase {
  readonly held: { release(): void; fail(error: Error): void }[] = []
  reads = 0
  #holding = false

  hold(holding = true): void {
    this.#holding = holding
  }

  override async candlesBefore(
    instrument: Instrument,
    timeframe: Timeframe,
    before: number,
    limit: number,
  ): Promise<Candle[]> {
    this.reads += 1
    const rows = await super.candlesBefore(instrument, timeframe, before, limit)
    if (!this.#holding) return rows
    return new Promise((resolve, reject) => {
      this.held.push({ release: () => resolve(rows), fail: reject })
    })
  }
}

/**
 * Memory with a small window, a database behind a queue, and the hub's candles, joined as the gateway joins them. What
 * is written when, and what is read when, is what the test says.
 */
export class DeepPath {
  readonly memory = new MemoryTier({ candles: WINDOW, ticks: 10 })
  readonly database = new GatedDatabase()
  readonly source: HubSource
  readonly pages: CandlePages
  readonly topics: Topics
  /** Every candle as it was told last, by time: by memory as long as that holds it, then by the database. */
  readonly truth = new Map<number, Candle>()
  #queue: CandleRow[] = []
  #waiting: (() => void)[] = []
  #id = 0

  constructor({ maxBytes = 1e6 } = {}) {
    const stored = () => (this.#queue.length === 0 ? Promise.resolve() : this.#nextCommit())
    this.source = createReadSide(this.memory, this.database, { storeChanged: () => this.take(), stored })
    this.topics = new Topics(this.source, new Cadence(new Flusher(0)))
    this.pages = new CandlePages({ source: this.source, maxDepth: 64, maxBytes, now: () => 0 })
    this.memory.adopt(this.memory.prepare(BTC))
  }

  get stream() {
    return this.memory.stream('BTC')!
  }

  /** A trade in a minute; one from before comes in now. */
  trade(minute: number, price = 100): void {
    const id = ++this.#id
    const time = minute * MINUTE
    const fields = { symbol: 'BTC', id, prev: id - 1, price, size: 1, side: 'buy', trades: 1 } as const
    const update = { ...fields, time, received: time, backfilled: false }
    this.stream.append(update)
    for (const candle of this.stream.candles('1m', WINDOW)) this.truth.set(candle.time, candle)
    this.topics.publish(update)
  }

  /** Changed candles go to the queue. */
  take(): void {
    for (const { timeframe, candles } of this.stream.history.takeDirty()) {
      this.#queue.push(...candles.map((candle) => ({ instrument: BTC, timeframe, candle })))
    }
  }

  /** The queue is written. */
  commit(): void {
    const rows = this.#queue
    this.#queue = []
    this.#write(rows)
    for (const done of this.#waiting.splice(0)) done()
  }

  /** A candle behind the window is made another, in the database alone; nothing happens where memory holds it. */
  mend(minute: number): void {
    const time = minute * MINUTE
    if (this.stream.history.window('1m').holds(time)) return
    const [newest] = this.truth.values()
    const before = this.truth.get(time) ?? { ...newest!, time, revision: 0 }
    const candle = { ...before, volume: before.volume + 1, final: true, revision: before.revision + 1 }
    this.#write([{ instrument: BTC, timeframe: '1m', candle }])
    this.truth.set(time, candle)
  }

  watch(history: number, options: { readonly fill?: boolean } = {}): DeepClient {
    return new DeepClient(this, history, options.fill ?? false)
  }

  #write(rows: readonly CandleRow[]): void {
    void this.database.write({ ticks: [], candles: rows, gaps: [] })
    this.memory.candlesStored(rows, true)
  }

  #nextCommit(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}

/** One connection. What it is sent is looked at in the moment in which it is sent. */
export class DeepClient implements PartOutlet {
  readonly frames: ServerMessage[] = []
  readonly started: Promise<void>
  readonly #subscription: CandleSubscription
  /** Told of each part as it goes out. */
  onPart: (frame: ServerMessage<'ws_history'>) => void = () => undefined
  #room: Promise<void> | undefined
  #makeRoom: () => void = () => undefined

  constructor(path: DeepPath, history: number, fill: boolean) {
    const { source, pages, topics } = path
    const parts = { source, pages, topics, partTurns: new PerTurn(4), outlet: this }
    this.#subscription = new CandleSubscription({
      ...{ symbol: 'BTC', timeframe: '1m', interval: 0, history, fill, partRows: 3 },
      ...parts,
    })
    this.#subscription.granted()
    this.started = nextTurn().then(() => this.#subscription.start())
  }

  get isJoined(): boolean {
    return this.frames.some((frame) => frame.type === 'ws_history' && !frame.more)
  }

  send(frame: Frame): void {
    const header = frame[1]! < 126 ? 2 : frame[1] === 126 ? 4 : 10
    const message = JSON.parse(frame.subarray(header).toString()) as ServerMessage
    this.frames.push(message)
    if (message.type === 'ws_history') this.onPart(message)
  }

  sendPieces(pieces: readonly Buffer[]): void {
    this.send(Buffer.concat(pieces))
  }

  room(): Promise<void> | undefined {
    return this.#room
  }

  /** From now on parts wait. */
  congest(): void {
    this.#room ??= new Promise((resolve) => {
      this.#makeRoom = resolve
    })
  }

  drain(): void {
    this.#room = undefined
    this.#makeRoom()
  }

  stop(): void {
    this.#subscription.stop()
  }

  /** The rows of its history as one list. */
  rows() {
    return this.frames.flatMap((frame) =>
      frame.type === 'ws_history' && frame.channel === 'candles' ? frame.candles : [],
    )
  }
}
