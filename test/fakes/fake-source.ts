import type { HubSource, StreamView } from '../../src/hub/source.ts'
import type { Candle } from '../../src/market/candle.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import type { Cursor, Update } from '../../src/market/tick.ts'
import { bucketStart, type Timeframe } from '../../src/market/timeframe.ts'

/** A database read that waits for the test. */
export interface HeldRead {
  release(): void
  fail(error: Error): void
}

/** Memory and database of a few symbols. Reads of the database can be held back, to be released when the test says. */
export class FakeSource implements HubSource {
  readonly held: HeldRead[] = []
  reads = 0
  #holding = false
  #arrived: (() => void) | undefined
  readonly #streams: ReadonlyMap<string, FakeStream>

  constructor(...symbols: readonly string[]) {
    this.#streams = new Map(symbols.map((symbol) => [symbol, new FakeStream(symbol)]))
  }

  of(symbol: string): FakeStream {
    return this.#streams.get(symbol)!
  }

  stream(symbol: string): StreamView | undefined {
    return this.#streams.get(symbol)
  }

  symbols(): readonly string[] {
    return [...this.#streams.keys()]
  }

  awaitedSymbols: readonly string[] = []

  awaited(): readonly string[] {
    return this.awaitedSymbols
  }

  /** From now on every read of the database waits in `held`. What it answers is as of its call, not of its release. */
  hold(): void {
    this.#holding = true
  }

  /** Lets later reads pass. */
  letPass(): void {
    this.#holding = false
  }

  /** Takes the next held read, as soon as there is one. */
  async nextHeld(): Promise<HeldRead> {
    while (this.held.length === 0) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve
      })
    }
    return this.held.shift()!
  }

  ticksAfter(symbol: string, after: Cursor, limit: number): Promise<readonly Update[]> {
    const stored = this.of(symbol).stored
    return this.#read(stored.filter(({ id }) => id > after).slice(0, limit))
  }

  ticksBefore(symbol: string, before: Cursor | undefined, limit: number): Promise<readonly Update[]> {
    const stored = this.of(symbol).stored
    return this.#read(stored.filter(({ id }) => before === undefined || id < before).slice(-limit))
  }

  #read(rows: readonly Update[]): Promise<readonly Update[]> {
    this.reads += 1
    if (!this.#holding) return Promise.resolve(rows)
    return new Promise((resolve, reject) => {
      this.held.push({ release: () => resolve(rows), fail: reject })
      this.#arrived?.()
    })
  }
}

/** One stream: all of it, the part that memory still holds, and the part that the database has. */
export class FakeStream implements StreamView {
  readonly instrument: Instrument
  readonly all: Update[] = []
  live = true
  #tailFrom = 0
  #lostBefore = 0

  constructor(symbol: string) {
    this.instrument = {
      symbol,
      sourceSymbol: `${symbol}USDT`,
      source: 'binance',
      assetClass: 'crypto',
      priceDigits: 2,
      sizeDigits: 5,
    }
  }

  get cursor(): Cursor | null {
    return this.latest?.id ?? null
  }

  get latest(): Update | undefined {
    return this.all.at(-1)
  }

  /** Adds the next tick: id 100 first, then on by one, or by `jump` over a hole; a second of market time each. */
  add({ jump = 1, price = 1 }: { readonly jump?: number; readonly price?: number } = {}): Update {
    const prev = this.cursor
    const id = prev === null ? 100 : prev + jump
    const time = 1_700_000_040_000 + this.all.length * 1_000
    const { symbol } = this.instrument
    const fields = { symbol, id, prev, price, size: 2, trades: 1, time, received: time + 5, backfilled: false }
    const update: Update = { ...fields, side: 'buy' }
    this.all.push(update)
    return update
  }

  /** Memory keeps only the newest `count` ticks; the database has the others. */
  evictTo(count: number): void {
    this.#tailFrom = Math.max(this.#tailFrom, this.all.length - count)
  }

  /** Retention: the database forgets all but the newest `count` of what memory has let go. */
  forgetTo(count: number): void {
    this.#lostBefore = Math.max(this.#lostBefore, this.#tailFrom - count)
  }

  /** As a real database: all that memory let go of and, to overlap, the older half of what it still holds. */
  get stored(): readonly Update[] {
    const end = this.#tailFrom + Math.floor((this.all.length - this.#tailFrom) / 2)
    if (this.#lostBefore === 0) return this.all.slice(0, end)
    const [first, ...rest] = this.all.slice(this.#lostBefore, end)
    return first ? [{ ...first, prev: null }, ...rest] : []
  }

  tail(count: number): readonly Update[] {
    return count === 0 ? [] : this.all.slice(this.#tailFrom).slice(-count)
  }

  tailAfter(after: Cursor | null, limit: number): readonly Update[] | undefined {
    const tail = this.all.slice(this.#tailFrom)
    const [oldest] = tail
    if (!oldest) return after === this.cursor ? [] : undefined
    if (oldest.prev !== null && (after === null || after < oldest.prev)) return undefined
    return tail.filter(({ id }) => after === null || id > after).slice(0, limit)
  }

  candles(timeframe: Timeframe, count: number): readonly Candle[] {
    const times = new Set(this.all.map(({ time }) => bucketStart(timeframe, time)))
    return [...times].map((time) => this.candleAt(timeframe, time)!).slice(-count)
  }

  candleAt(timeframe: Timeframe, time: number): Candle | undefined {
    const ticks = this.all.filter((tick) => bucketStart(timeframe, tick.time) === time)
    const [first, last] = [ticks[0], ticks.at(-1)]
    if (!first || !last) return undefined
    const prices = ticks.map(({ price }) => price)
    return {
      time,
      open: first.price,
      high: Math.max(...prices),
      low: Math.min(...prices),
      close: last.price,
      volume: 2 * ticks.length,
      quoteVolume: prices.reduce((sum, price) => sum + 2 * price, 0),
      buyVolume: 2 * ticks.length,
      trades: ticks.length,
      firstId: first.id,
      lastId: last.id,
      final: false,
      revision: 0,
    }
  }
}
