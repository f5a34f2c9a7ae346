import { isGatewayError } from '../../base/errors.ts'
import type { Candle } from '../../market/candle.ts'
import { fillRows } from '../../market/carried-close.ts'
import type { ChartTimeframe } from '../../market/timeframe.ts'
import { encodeCandleHistory, encodeCandleHistoryHead, HISTORY_END } from '../../wire/encode.ts'
import { beginFrame, encodeFrame } from '../../wire/frame.ts'
import type { PerTurn } from '../per-turn.ts'
import type { HubSource, StreamView } from '../source.ts'
import type { PartOutlet } from '../subscription.ts'
import type { CandlePage } from './candle-page.ts'
import type { CandlePages } from './candle-pages.ts'

export interface CandleHistoryParts {
  readonly symbol: string
  readonly timeframe: ChartTimeframe
  /** Rows wanted. */
  readonly history: number
  /** Empty buckets carry the last close. */
  readonly fill: boolean
  /** Rows in a part; 1,000 unless told. */
  readonly partRows?: number
  readonly source: HubSource
  readonly pages: CandlePages
  readonly partTurns: PerTurn
  readonly outlet: PartOutlet
}

const PART_ROWS = 1_000
const END = Buffer.from(HISTORY_END)
/** Rows of memory's window; more than it holds. */
const ALL = Number.MAX_SAFE_INTEGER
/** Candles behind the window that change all the time: after so many reads memory's are to do. */
const MOST_READS = 10

/**
 * The newest candles of a symbol on their way to one client: what is older than memory's window in parts, shared with
 * all who get them, then the window. The last part is read from memory, and `live` is called, in one turn: between the
 * two no tick can be published.
 */
export class CandleHistory {
  readonly #parts: CandleHistoryParts
  readonly #live: (view: StreamView) => void
  #stopped = false
  /** When the last candle sent begins (Unix ms). */
  #sent: number | undefined
  #reads = 0

  constructor(parts: CandleHistoryParts, live: (view: StreamView) => void) {
    this.#parts = parts
    this.#live = live
  }

  /** Sends it and goes live: in this turn when there is room and memory holds it all. */
  start(): void | Promise<void> {
    const wait = this.#parts.outlet.room()
    if (wait || !this.#step()) return this.#follow(wait)
  }

  stop(): void {
    this.#stopped = true
  }

  async #follow(room: Promise<void> | undefined): Promise<void> {
    if (room) await room
    while (!this.#step()) {
      if (this.#missing) await this.#read(this.#missing)
      else {
        const { outlet, partTurns } = this.#parts
        await outlet.room()
        await partTurns.take()
      }
    }
  }

  /** A page has to be read first. */
  #missing: StreamView | undefined

  /** The next part; true when it was the last, or the subscription is over. Synchronous: see above. */
  #step(): boolean {
    const { source, symbol, timeframe, history, fill, pages } = this.#parts
    const view = source.stream(symbol)
    this.#missing = undefined
    if (this.#stopped || !view) return true
    const held = view.candles(timeframe, this.#sent === undefined ? history : ALL)
    const rows = fill ? fillRows(held, timeframe, view.overUntil(timeframe), history) : held
    const edge = held[0]?.time
    if (edge === undefined || view.holdsAll(timeframe) || this.#isEnough(edge, rows))
      return this.#end(view, rows, false)
    if (this.#reads >= MOST_READS) return this.#end(view, rows, true)
    const page = pages.find(view, timeframe, edge, history)
    if (!page) {
      this.#missing = view
      return false
    }
    if (this.#sendOlder(fill ? page.filled(history) : page, edge, history - rows.length)) return false
    return this.#end(view, rows, this.#sent === undefined && (!page.isWhole || page.hasOlder))
  }

  /** The window, which begins at `edge`, holds all that is wanted, or reaches back to what was sent. */
  #isEnough(edge: number, rows: readonly Candle[]): boolean {
    return this.#sent === undefined ? rows.length >= this.#parts.history : this.#sent >= edge
  }

  /** One part of what comes before `edge`; false when nothing of it is left. */
  #sendOlder(page: CandlePage, edge: number, wanted: number): boolean {
    const end = page.indexFrom(edge)
    const start = this.#sent === undefined ? Math.max(0, end - wanted) : page.indexFrom(this.#sent + 1)
    if (start >= end) return false
    const { symbol, timeframe, partRows = PART_ROWS, outlet } = this.#parts
    const to = Math.min(end, start + partRows)
    const last = page.rows[to - 1]!
    const isLess = page.hasOlder && end < wanted
    const truncated = this.#sent === undefined && (!page.isWhole || isLess)
    const head = { symbol, cursor: last.lastId, tier: page.tier, more: true, truncated }
    const text = page.text(start, to)
    outlet.sendPieces([beginFrame(encodeCandleHistoryHead(head, timeframe), text.length + END.length), text, END])
    this.#sent = last.time
    return true
  }

  /** What is left, from memory; then live. `truncated`: what lies before it could not be read. */
  #end(view: StreamView, all: readonly Candle[], truncated: boolean): true {
    const { symbol, timeframe, history, partRows = PART_ROWS, outlet } = this.#parts
    const sent = this.#sent ?? Number.NEGATIVE_INFINITY
    const rows = history === 0 ? [] : all.filter(({ time }) => time > sent)
    const head = { symbol, tier: 'memory' } as const
    let from = 0
    for (; rows.length - from > partRows; from += partRows) {
      const part = rows.slice(from, from + partRows)
      const own = { ...head, cursor: part.at(-1)!.lastId, more: true, truncated: truncated && from === 0 }
      outlet.send(encodeFrame(encodeCandleHistory(own, timeframe, part)))
    }
    const own = { ...head, cursor: view.cursor, more: false, truncated: truncated && from === 0 }
    outlet.send(encodeFrame(encodeCandleHistory(own, timeframe, rows.slice(from))))
    this.#live(view)
    return true
  }

  /** A database that cannot be asked takes nothing from what memory has. */
  async #read(view: StreamView): Promise<void> {
    const { pages, timeframe, history } = this.#parts
    try {
      this.#reads += 1
      await pages.read(view, timeframe, history)
    } catch (error) {
      if (!isGatewayError(error, 'tier_unavailable')) throw error
      this.#reads = MOST_READS
    }
  }
}
