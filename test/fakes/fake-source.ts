import type { HubSource, StreamGap, StreamView } from '../../src/hub/source.ts'
import type { Candle } from '../../src/market/candle.ts'
import type { Instrument } from '../../src/market/instrument.ts'
import type { MarketState } from '../../src/market/market-state.ts'
import type { Cursor, Update } from '../../src/market/tick.ts'
import { bucketStart, type ChartTimeframe, TIMEFRAMES, type Timeframe } from '../../src/market/timeframe.ts'
import { KnownGaps } from '../../src/tiers/memory/known-gaps.ts'

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
  readonly #streams: Map<string, FakeStream>

  constructor(...symbols: readonly string[]) {
    this.#streams = new Map(symbols.map((symbol) => [symbol, new FakeStream(symbol)]))
  }

  /** One more symbol. */
  add(symbol: string): void {
    this.#streams.set(symbol, new FakeStream(symbol))
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

  async idFrom(symbol: string, time: number): Promise<Cursor | undefined> {
    const [found] = await this.#read(
      this.of(symbol)
        .stored.filter((tick) => tick.time >= time)
        .slice(0, 1),
    )
    return found?.id
  }

  ticksBefore(symbol: string, before: Cursor | undefined, limit: number): Promise<readonly Update[]> {
    const stored = this.of(symbol).stored
    return this.#read(stored.filter(({ id }) => before === undefined || id < before).slice(-limit))
  }

  async candlesBefore(symbol: string, _: ChartTimeframe, before: number, count: number) {
    const candles = await this.#read(
      this.of(symbol)
        .storedCandles.filter(({ time }) => time < before)
        .slice(-count),
    )
    return { candles, isWhole: true }
  }

  async storeCandles(): Promise<void> {}

  #read<Row>(rows: readonly Row[]): Promise<readonly Row[]> {
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
  refills = 0
  live = true
  stale = false
  market: MarketState | undefined
  /** The source's time stands at its newest tick. */
  readonly clock = { now: () => this.latest?.time }
  get whole(): boolean {
    return this.live
  }

  readonly timeframes = TIMEFRAMES
  readonly endsByClock = true
  /** Buckets that ended at or before it (Unix ms) are over. */
  closedUntil = Number.NEGATIVE_INFINITY

  overUntil(timeframe: ChartTimeframe): number {
    return bucketStart(timed(timeframe), this.closedUntil)
  }

  bucketOf(timeframe: ChartTimeframe, { time }: Pick<Update, 'time'>): number {
    return bucketStart(timed(timeframe), time)
  }

  knownGaps: readonly StreamGap[] = []
  /** What the database has of candles, of whichever timeframe is asked for; ascending. */
  storedCandles: readonly Candle[] = []
  readonly #late = new Set<Cursor>()
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

  /** What is known of ids that are not there. */
  sayGap(gap: Omit<StreamGap, 'status'> & { readonly status: StreamGap['status'] | 'filled' }): void {
    const known = new KnownGaps()
    for (const each of [...this.knownGaps, gap]) known.say(each)
    this.knownGaps = known.all()
  }

  /** Ticks with these ids were found late: the database has them, memory does not. */
  find(ids: readonly Cursor[]): void {
    for (const id of ids) {
      const at = this.all.findIndex((tick) => tick.id > id)
      const next = this.all[at]!
      this.all.splice(at, 0, { ...next, id, backfilled: true })
      this.#late.add(id)
      if (at <= this.#tailFrom) this.#tailFrom += 1
    }
  }

  /** Memory lets go of what is before `to`, where ticks were found: from now on the database alone tells it. */
  cutTail(to: Cursor): void {
    this.refills += 1
    this.#tailFrom = Math.max(
      this.#tailFrom,
      this.all.findIndex(({ id }) => id > to),
    )
    const first = this.all[this.#tailFrom]
    if (first?.prev != null && first.prev < to) this.all[this.#tailFrom] = { ...first, prev: to }
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
    const half = this.#tailFrom + Math.floor((this.all.length - this.#tailFrom) / 2)
    // What was found late was stored after all that had come before it.
    const end = Math.max(half, 1 + this.all.findLastIndex(({ id }) => this.#late.has(id)))
    const rows = this.all.slice(this.#lostBefore, end)
    return rows.map((row, index) => ({ ...row, prev: rows[index - 1]?.id ?? (this.#lostBefore > 0 ? null : row.prev) }))
  }

  get #tail(): readonly Update[] {
    return this.all.slice(this.#tailFrom).filter(({ id }) => !this.#late.has(id))
  }

  gaps(): readonly StreamGap[] {
    return this.knownGaps
  }

  tail(count: number): readonly Update[] {
    return count === 0 ? [] : this.#tail.slice(-count)
  }

  tailAfter(after: Cursor | null, limit: number): readonly Update[] | undefined {
    const tail = this.#tail
    const [oldest] = tail
    if (!oldest) return after === this.cursor ? [] : undefined
    if (oldest.prev !== null && (after === null || after < oldest.prev)) return undefined
    return tail.filter(({ id }) => after === null || id > after).slice(0, limit)
  }

  candles(timeframe: ChartTimeframe, count: number): readonly Candle[] {
    const times = new Set(this.all.map(({ time }) => bucketStart(timed(timeframe), time)))
    return [...times].map((time) => this.candleAt(timeframe, time)!).slice(-count)
  }

  holdsAll(): boolean {
    return this.storedCandles.length === 0
  }

  lacksStored(): boolean {
    return false
  }

  behindCount = 0

  behind(): number {
    return this.behindCount
  }

  candleBefore(timeframe: ChartTimeframe, time: number): Candle | undefined {
    return this.candles(timeframe, this.all.length).findLast((candle) => candle.time < time)
  }

  candleAt(timeframe: ChartTimeframe, time: number): Candle | undefined {
    const ticks = this.all.filter((tick) => bucketStart(timed(timeframe), tick.time) === time)
    const [first, last] = [ticks[0], ticks.at(-1)]
    if (!first || !last) return undefined
    const prices = ticks.map(({ price }) => price!)
    return {
      time,
      open: first.price!,
      high: Math.max(...prices),
      low: Math.min(...prices),
      close: last.price!,
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

/** No instrument of these is a series. */
function timed(timeframe: ChartTimeframe): Timeframe {
  if (timeframe === 'native') throw new Error('nobody is granted native candles of this')
  return timeframe
}
