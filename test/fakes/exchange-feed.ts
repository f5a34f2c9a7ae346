import { GatewayError } from '../../src/base/errors.ts'
import { createPushQueue, type PushQueue } from '../../src/base/push.ts'
import type { Feed, FeedEvents, Received, Resolved } from '../../src/feed.ts'
import type { Candle } from '../../src/market/candle.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import { InstrumentCandles } from '../../src/market/instrument-candles.ts'
import type { Tick } from '../../src/market/tick.ts'
import { bucketEnd, type Timeframe } from '../../src/market/timeframe.ts'

export const BTC: Instrument = {
  symbol: 'BTC',
  source: 'exchange',
  sourceSymbol: 'BTCUSDT',
  assetClass: 'crypto',
  priceDigits: 2,
  sizeDigits: 5,
}

/** An exchange in memory, of one instrument: its whole past is asked by id, what happens is pushed to who listens. */
export class ExchangeFeed implements Required<Feed<Tick>> {
  readonly name = 'exchange'
  readonly assetClass = 'crypto'
  readonly ids = 'contiguous'
  readonly symbols = [BTC]
  readonly heardEveryMs = 20_000
  readonly past: Tick[] = []
  /** The exchange's clock, Unix ms. */
  time: number
  pageSize = 3
  /** Asked before every answer: throw to fail, wait to be slow. */
  beforeAnswer: () => Promise<void> | void = () => {}
  #sockets = new Set<PushQueue<Received<Tick>>>()

  constructor(time: number) {
    this.time = time
  }

  /** A trade happens `afterMs` later; listeners hear it unless it gets lost. */
  trade(afterMs = 100, { lost = false } = {}): Tick {
    this.time += afterMs
    const id = this.past.length + 1
    const price = 100 + ((id * 7) % 13)
    const side = id % 3 === 0 ? 'sell' : 'buy'
    const tick: Tick = { symbol: 'BTC', id, price, size: id / 100, side, trades: 1, time: this.time, received: 0 }
    this.past.push(tick)
    if (!lost) this.say(tick)
    return tick
  }

  /** Listeners hear of a trade. */
  say(tick: Tick): void {
    for (const socket of this.#sockets) socket.push({ raw: tick, received: this.time })
  }

  /** Every connection is lost. */
  cut(): void {
    for (const socket of this.#sockets) socket.fail(new GatewayError('feed_broken', 'cut'))
  }

  async resolve(): Promise<Resolved> {
    await this.beforeAnswer()
    return { instruments: [BTC], refused: [] }
  }

  async *receive(_: readonly Instrument[], events: FeedEvents, signal: AbortSignal) {
    const socket = createPushQueue<Received<Tick>>(10_000, signal)
    this.#sockets.add(socket)
    events.connected()
    try {
      yield* socket
    } finally {
      this.#sockets.delete(socket)
    }
  }

  normalize(raw: Tick, received: number): readonly Tick[] {
    return [{ ...raw, received }]
  }

  async newest() {
    await this.beforeAnswer()
    return this.past.at(-1)
  }

  async *trades(_: Instrument, start: { readonly after: number } | { readonly from: number }) {
    let next = 'after' in start ? start.after : this.past.findIndex(({ time }) => time >= start.from)
    while (next >= 0 && next < this.past.length) {
      await this.beforeAnswer()
      const page = this.past.slice(next, next + this.pageSize)
      next += page.length
      yield page
    }
  }

  async candles(
    _: Instrument,
    timeframe: Timeframe,
    { before = Number.POSITIVE_INFINITY, limit }: { readonly before?: number; readonly limit: number } = {
      limit: 1_000,
    },
  ): Promise<readonly Candle[]> {
    await this.beforeAnswer()
    const all = new InstrumentCandles(BTC, 100_000)
    for (const tick of this.past) all.fold(tick)
    return all
      .window(timeframe)
      .last(100_000)
      .filter(({ time }) => time < before)
      .slice(-limit)
      .map((row) => ({
        ...row,
        firstId: null,
        lastId: null,
        final: bucketEnd(timeframe, row.time) <= this.time - 2_000,
      }))
  }
}
