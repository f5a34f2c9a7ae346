import type { Candle } from '../../market/candle.ts'
import { fillRows } from '../../market/carried-close.ts'
import type { ChartTimeframe } from '../../market/timeframe.ts'
import { encodeCandleRow } from '../../wire/encode.ts'
import type { TierName } from '../../wire/messages.ts'
import { RowText } from '../row-text.ts'

/** About what a candle and its text take in memory. */
const ROW_BYTES = 320

/** How far back candles go. */
export type CandleReach = Pick<CandlePage, 'depth' | 'isWhole' | 'hasOlder'>

/** The candles of a stream before `end` (Unix ms), and their text as `ws_history` has it, made once for all. */
export class CandlePage {
  readonly tier: TierName = 'database'
  /** Ascending. */
  readonly rows: readonly Candle[]
  readonly end: number
  /** How deep a history it was read for: it answers none that is deeper. Infinity: there is nothing older. */
  readonly depth: number
  /** No candle of these is known to be missing. */
  readonly isWhole: boolean
  /** There are older ones, although these may be fewer than were asked for. */
  readonly hasOlder: boolean
  readonly #timeframe: ChartTimeframe
  readonly #text = new RowText(encodeCandleRow)
  #filled: { readonly most: number; readonly page: CandlePage } | undefined

  constructor(
    timeframe: ChartTimeframe,
    rows: readonly Candle[],
    end: number,
    { depth, isWhole, hasOlder }: CandleReach,
  ) {
    this.#timeframe = timeframe
    this.rows = rows
    this.end = end
    this.depth = depth
    this.isWhole = isWhole
    this.hasOlder = hasOlder
  }

  get bytes(): number {
    return this.rows.length * ROW_BYTES + (this.#filled?.page.bytes ?? 0)
  }

  /**
   * The same with every empty bucket between its candles, and after them up to its end: at least the newest `most` rows,
   * where there are so many.
   */
  filled(most: number): CandlePage {
    if (this.#filled === undefined || this.#filled.most < most) {
      const rows = fillRows(this.rows, this.#timeframe, this.end, most)
      this.#filled = { most, page: new CandlePage(this.#timeframe, rows, this.end, this) }
    }
    return this.#filled.page
  }

  /** The index of the first row that begins at `time` or later. */
  indexFrom(time: number): number {
    let low = 0
    let high = this.rows.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.rows[middle]!.time < time) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The rows from index `start` up to, but not at, `end`, with commas between; empty if there are none. */
  text(start: number, end: number): Buffer {
    return this.#text.slice(this.rows, start, end)
  }
}
