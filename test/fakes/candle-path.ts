import { setImmediate as nextTurn } from 'node:timers/promises'
import { Cadence } from '../../src/hub/cadence.ts'
import { CandlePages } from '../../src/hub/candles/candle-pages.ts'
import { CandleSubscription } from '../../src/hub/candles/candle-subscription.ts'
import { Flusher } from '../../src/hub/flusher.ts'
import { PerTurn } from '../../src/hub/per-turn.ts'
import type { PartOutlet } from '../../src/hub/subscription.ts'
import { Topics } from '../../src/hub/topics.ts'
import type { Tick } from '../../src/market/tick.ts'
import { TIMEFRAMES, type Timeframe } from '../../src/market/timeframe.ts'
import { type CandleKeeper, keepCandles } from '../../src/streams/keep-candles.ts'
import { MemoryTier } from '../../src/tiers/memory/memory.ts'
import type { Frame } from '../../src/wire/frame.ts'
import type { ServerMessage } from '../../src/wire/messages.ts'
import { BTC } from './exchange-feed.ts'

export const LATENESS_MS = 2_000

export interface WatchOptions {
  readonly timeframe?: Timeframe
  readonly interval?: number
  readonly history?: number
  readonly fill?: boolean
}

/** What a tick leaves open is this. */
const TRADE = { size: 1, trades: 1, side: 'buy' } as const

/** Memory, the closing timer and the hub's candles, joined as the gateway joins them; the time is what the test says. */
export class CandlePath {
  readonly memory = new MemoryTier()
  readonly topics: Topics
  /** Its timers are stopped: `at` is the timer. */
  readonly keeper: CandleKeeper
  readonly #ids = new Map<string, number>()
  #now: number

  /** Symbols are Binance's unless spelt `source:SYMBOL`. */
  constructor(start: number, ...symbols: readonly string[]) {
    this.#now = start
    for (const name of symbols) {
      const [symbol = '', source = 'binance'] = name.split(':').reverse()
      const stream = this.memory.prepare({ ...BTC, symbol, source, sourceSymbol: `${symbol}USDT` })
      stream.live = true
      for (const timeframe of TIMEFRAMES) stream.history.restore(timeframe, [], true)
      this.memory.adopt(stream)
    }
    const { memory } = this
    this.topics = new Topics(
      {
        stream: (symbol) => memory.stream(symbol),
        symbols: () => memory.symbols(),
        awaited: () => [],
        ticksAfter: async () => [],
        candlesBefore: async () => ({ candles: [], isWhole: true }),
        storeCandles: async () => undefined,
        idFrom: async () => undefined,
        ticksBefore: async () => [],
      },
      new Cadence(new Flusher(0)),
    )
    this.keeper = keepCandles({
      memory,
      latenessMs: LATENESS_MS,
      onFinal: (symbol, timeframe, candle) => this.topics.candle(symbol, timeframe, candle),
      onClosed: () => this.topics.closed(),
      store: () => undefined,
      now: () => this.#now,
    })
    this.keeper.stop()
  }

  stream(symbol: string) {
    return this.memory.stream(symbol)!
  }

  /** A trade at `time`, which comes in at once; one from before comes in now. */
  trade(symbol: string, time: number, { price = 100, backfilled = false } = {}): void {
    const stream = this.stream(symbol)
    this.#now = Math.max(this.#now, time)
    const id = (this.#ids.get(symbol) ?? 0) + 1
    this.#ids.set(symbol, id)
    const update = { ...TRADE, symbol, id, prev: stream.cursor, price, time, received: this.#now, backfilled }
    stream.append(update)
    this.topics.publish(update)
  }

  /** A trade at `time` is found behind the stream. */
  fillIn(symbol: string, time: number, price = 100): void {
    const tick: Tick = { ...TRADE, symbol, id: 0, price, time, received: this.#now }
    this.stream(symbol).history.foldLate(tick)
    this.topics.revise(symbol, time)
  }

  /** The wall clock goes on to `now`, and the timer runs. */
  at(now: number): void {
    this.#now = now
    this.keeper.closeDue()
  }

  watch(symbols: readonly string[], options: WatchOptions = {}): WatchingClient {
    const client = new WatchingClient(this)
    client.subscribe(symbols, options)
    return client
  }
}

/** One connection and everything that was queued for it, in order. */
export class WatchingClient implements PartOutlet {
  readonly frames: ServerMessage[] = []
  readonly #path: CandlePath
  readonly #pages = new CandlePages({ source: NO_DATABASE, maxDepth: 10_000, maxBytes: 1e6, now: () => 0 })
  readonly #subscriptions = new Map<string, CandleSubscription>()
  #room: Promise<void> | undefined
  #makeRoom: () => void = () => undefined

  constructor(path: CandlePath) {
    this.#path = path
  }

  send(frame: Frame): void {
    this.frames.push(parseFrame(frame))
  }

  sendPieces(pieces: readonly Buffer[]): void {
    this.send(Buffer.concat(pieces))
  }

  room(): Promise<void> | undefined {
    return this.#room
  }

  /** From now on snapshots wait. */
  congest(): void {
    this.#room = new Promise((resolve) => {
      this.#makeRoom = resolve
    })
  }

  async drain(): Promise<void> {
    this.#room = undefined
    this.#makeRoom()
    await nextTurn()
  }

  /** Grants all, then starts all, as the answer to one request does. */
  subscribe(symbols: readonly string[], options: WatchOptions = {}): void {
    const { timeframe = '1m', interval = 0, history = 10, fill = false } = options
    const { topics, memory } = this.#path
    const source = { ...NO_DATABASE, stream: (symbol: string) => memory.stream(symbol) }
    const granted = symbols.map((symbol) => {
      this.drop(symbol, timeframe)
      const shared = { pages: this.#pages, partTurns: new PerTurn(4), topics, outlet: this }
      const parts = { symbol, timeframe, interval, history, fill, source, ...shared }
      const subscription = new CandleSubscription(parts)
      this.#subscriptions.set(`${symbol} ${timeframe}`, subscription)
      subscription.granted()
      return subscription
    })
    for (const subscription of granted) void subscription.start()
  }

  drop(symbol: string, timeframe: Timeframe = '1m'): void {
    this.#subscriptions.get(`${symbol} ${timeframe}`)?.stop()
    this.#subscriptions.delete(`${symbol} ${timeframe}`)
  }

  /** What has come since the last call, what waited for the end of the turn included. */
  async take(): Promise<readonly ServerMessage[]> {
    await nextTurn()
    return this.frames.splice(0)
  }

  /** As `take`, a line each: `BTC 0 final`, `end 0`; minutes since `from`. */
  async read(from: number): Promise<readonly string[]> {
    const minute = (time: number) => (time - from) / 60_000
    return (await this.take()).flatMap((frame) => {
      if (frame.type === 'interval_end') return [`end ${minute(frame.time)}`]
      if (frame.type !== 'candle') return []
      const { symbol, time, close, trades, final, revision } = frame
      const what = trades === 0 ? `empty at ${close}` : `${trades}`
      return [`${symbol} ${minute(time)}: ${what}${final ? ` final${revision === 0 ? '' : ` ${revision}`}` : ''}`]
    })
  }
}

const NO_DATABASE = {
  symbols: () => [],
  awaited: () => [],
  ticksAfter: async () => [],
  candlesBefore: async () => ({ candles: [], isWhole: true }),
  storeCandles: async () => undefined,
  idFrom: async () => undefined,
  ticksBefore: async () => [],
}

function parseFrame(frame: Frame): ServerMessage {
  const header = frame[1]! < 126 ? 2 : frame[1] === 126 ? 4 : 10
  return JSON.parse(frame.subarray(header).toString()) as ServerMessage
}
