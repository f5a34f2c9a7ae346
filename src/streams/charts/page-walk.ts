import type { Candle } from '../../market/candle.ts'
import type { TimeRange } from '../../market/time-range.ts'
import type { Timeframe } from '../../market/timeframe.ts'
import type { MemoryStream } from '../../tiers/memory/memory.ts'
import { type CandlePage, type CandlePages, pageAt } from './candle-pages.ts'
import { heldCandles, heldSince, joinedAt } from './held-candles.ts'

export interface PageWalkPorts {
  readonly pages: CandlePages
  readonly now: () => number
}

/** Pages that are read for one answer, at most: buckets without a trade have no row, however many there are. */
const MOST_PAGES = 12

/** Pages read one beside the other, and their candles together with memory's as those are at the moment. */
export class PageWalk {
  readonly #stream: MemoryStream
  readonly #timeframe: Timeframe
  readonly #pages: CandlePages
  readonly #isLate: () => boolean
  #read: readonly CandlePage[] = []
  #from: number
  #to: number

  /** @param start where it begins, in either direction (Unix ms) */
  constructor(stream: MemoryStream, timeframe: Timeframe, start: number, { pages, now }: PageWalkPorts) {
    this.#stream = stream
    this.#timeframe = timeframe
    this.#pages = pages
    const until = now() + pages.waitMs
    this.#isLate = () => now() >= until
    this.#from = start
    this.#to = start
  }

  /** What was read reaches from here, */
  get from(): number {
    return this.#from
  }

  /** and up to here. */
  get to(): number {
    return this.#to
  }

  /** No candle of what was read is missing. */
  get isWhole(): boolean {
    return this.#read.every(({ isWhole }) => isWhole)
  }

  get tier(): CandlePage['tier'] {
    return this.#read.some(({ tier }) => tier === 'database') ? 'database' : 'memory'
  }

  /** There is time for another page. */
  get goesOn(): boolean {
    return this.#read.length < MOST_PAGES && !this.#isLate()
  }

  /** Reads the pages that a range lies in, all at once. MUST come first. */
  async read(range: TimeRange): Promise<void> {
    const starts: number[] = []
    for (let time = range.from; time < range.to; time = pageAt(this.#timeframe, time).to) starts.push(time)
    if (starts.length === 0) return
    this.#read = await Promise.all(starts.map((time) => this.#page(time)))
    this.#from = pageAt(this.#timeframe, starts[0]!).from
    this.#to = pageAt(this.#timeframe, starts.at(-1)!).to
  }

  async readOlder(): Promise<void> {
    const { from } = pageAt(this.#timeframe, this.#from - 1)
    this.#read = [await this.#page(from), ...this.#read]
    this.#from = from
  }

  async readNewer(): Promise<void> {
    const { to } = pageAt(this.#timeframe, this.#to)
    this.#read = [...this.#read, await this.#page(this.#to)]
    this.#to = to
  }

  /** What was read of a range, ascending, with memory's own as they are now. */
  candles(from: number, to: number): readonly Candle[] {
    const older = this.#read.flatMap(({ candles }) => candles).filter(({ time }) => time >= from && time < to)
    const held = heldCandles(this.#stream, this.#timeframe, { from, to })
    return joinedAt(heldSince(this.#stream, this.#timeframe), older, held)
  }

  #page(time: number): Promise<CandlePage> {
    return this.#pages.read(this.#stream, this.#timeframe, time)
  }
}
