import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHub } from '../../src/hub/hub.ts'
import type { HubSource } from '../../src/hub/source.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import { periodTime } from '../../src/market/series-candles.ts'
import type { Update } from '../../src/market/tick.ts'
import { TIMEFRAMES } from '../../src/market/timeframe.ts'
import { keepCandles } from '../../src/streams/keep-candles.ts'
import { type MemoryBounds, MemoryTier } from '../../src/tiers/memory/memory.ts'
import { ConnectedClient } from './connected-client.ts'
import { BTC } from './exchange-feed.ts'

export const LATENESS_MS = 2_000

export const NVDA: Instrument = {
  ...{ symbol: 'NVDA', source: 'yahoo', sourceSymbol: 'NVDA', assetClass: 'stock', priceDigits: 4, sizeDigits: 0 },
  about: { timeZone: 'America/New_York' },
}
export const CBA: Instrument = {
  ...{ ...NVDA, symbol: 'CBA', sourceSymbol: 'CBA.AX' },
  about: { timeZone: 'Australia/Sydney' },
}
export const GDP: Instrument = {
  ...{ symbol: 'GDP', source: 'fred', sourceSymbol: 'GDP', assetClass: 'macro', priceDigits: 3, sizeDigits: 0 },
}
export const DGS10: Instrument = { ...GDP, symbol: 'DGS10', sourceSymbol: 'DGS10' }

/** A hub on a port of its own over real memory, joined as the gateway joins them; what is stored is a list, and the time what the test says. */
export class MemoryHub {
  readonly memory: MemoryTier
  readonly #stored = new Map<string, Update[]>()
  readonly #hub
  readonly #keeper
  readonly #server = createServer()
  #now = 0

  private constructor(instruments: readonly Instrument[], bounds: MemoryBounds) {
    this.memory = new MemoryTier(bounds)
    for (const instrument of instruments) this.#adopt(instrument)
    this.#hub = createHub({ source: this.#source(), heartbeatMs: 60_000, now: () => this.#now })
    this.#hub.attach(this.#server, { ready: () => true })
    this.#keeper = keepCandles({
      memory: this.memory,
      latenessMs: LATENESS_MS,
      onFinal: (symbol, timeframe, candle) => this.#hub.candle(symbol, timeframe, candle),
      onClosed: () => this.#hub.closed(),
      store: () => undefined,
      now: () => this.#now,
    })
    this.#keeper.stop()
  }

  static async start(...instruments: readonly Instrument[]): Promise<MemoryHub> {
    const hub = new MemoryHub(instruments.length === 0 ? [BTC, NVDA, CBA, GDP, DGS10] : instruments, {
      ...{ candles: 1_000, ticks: 4 },
    })
    await new Promise<void>((resolve) => hub.#server.listen(0, '127.0.0.1', resolve))
    return hub
  }

  /** A subscription's frames, `subscribed` first. */
  async subscribe(fields: object): Promise<ConnectedClient> {
    const { port } = this.#server.address() as AddressInfo
    const client = await ConnectedClient.open(`ws://127.0.0.1:${port}/ws`)
    await client.nextOfType('welcome')
    client.send({ op: 'subscribe', id: 1, ...fields })
    return client
  }

  /** The next tick of a stock or a coin, at `time`. */
  trade(symbol: string, time: number, price: number, { trades = 1 } = {}): void {
    this.#publish({ symbol, id: time * 1_000, price, trades, time })
  }

  /** A vintage as it becomes known. */
  observe(symbol: string, id: number, period: string, vintage: string, price: number | undefined): void {
    this.#publish({ symbol, id, price, trades: 1, time: Date.parse(vintage), period, vintage })
  }

  /** A vintage that is stored behind the stream. */
  observeLate(symbol: string, id: number, period: string, vintage: string, price: number): void {
    const time = Date.parse(vintage)
    const rest = { size: undefined, side: undefined, trades: 1, time, received: time, prev: null, backfilled: true }
    this.memory.stream(symbol)?.lateVintage({ symbol, id, price, period, vintage, ...rest })
    this.#hub.revise(symbol, periodTime(period))
  }

  /** The wall clock goes on, and what is over is closed. */
  at(now: number): void {
    this.#now = now
    this.#keeper.closeDue()
  }

  async close(): Promise<void> {
    await this.#hub.close()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #adopt(instrument: Instrument): void {
    const stream = this.memory.prepare(instrument)
    Object.assign(stream, { live: true, whole: true, warm: true })
    if (stream.series === undefined) for (const timeframe of TIMEFRAMES) stream.history.restore(timeframe, [], true)
    this.memory.adopt(stream)
    this.#stored.set(instrument.symbol, [])
  }

  #publish(tick: Pick<Update, 'symbol' | 'id' | 'price' | 'trades' | 'time' | 'period' | 'vintage'>): void {
    const stream = this.memory.stream(tick.symbol)!
    this.#now = Math.max(this.#now, tick.time)
    const rest = { size: undefined, side: undefined, received: tick.time, prev: stream.cursor, backfilled: false }
    const update: Update = { ...tick, ...rest }
    this.#stored.get(tick.symbol)?.push(update)
    stream.append(update)
    stream.durable(update.id)
    this.#hub.publish(update)
  }

  #source(): HubSource {
    const ticksOf = (symbol: string) => this.#stored.get(symbol) ?? []
    return {
      stream: (symbol) => this.memory.stream(symbol),
      symbols: () => this.memory.symbols(),
      awaited: () => [],
      ticksAfter: async (symbol, after, limit) =>
        ticksOf(symbol)
          .filter(({ id }) => id > after)
          .slice(0, limit),
      ticksBefore: async (symbol, before = Number.POSITIVE_INFINITY, limit) =>
        ticksOf(symbol)
          .filter(({ id }) => id < before)
          .slice(-limit),
      idFrom: async (symbol, time) => ticksOf(symbol).find((tick) => tick.time >= time)?.id,
      candlesBefore: async () => ({ candles: [], isWhole: true }),
      storeCandles: async () => undefined,
    }
  }
}
