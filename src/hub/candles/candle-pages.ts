import { GatewayError } from '../../base/errors.ts'
import { createSlots } from '../../base/slots.ts'
import type { ChartTimeframe } from '../../market/timeframe.ts'
import type { HubSource, StreamView } from '../source.ts'
import { CandlePage } from './candle-page.ts'

export interface CandlePagesOptions {
  readonly source: Pick<HubSource, 'candlesBefore' | 'storeCandles'>
  /** The deepest history that is granted. */
  readonly maxDepth: number
  /** Of all pages together. */
  readonly maxBytes: number
  /** Unix ms. */
  readonly now: () => number
}

/** One timeframe of one stream. */
interface Place {
  readonly key: string
  readonly view: StreamView
  readonly timeframe: ChartTimeframe
}

interface Entry {
  readonly view: StreamView
  /** Of the stream, when the page was asked for. */
  readonly behind: number
  readonly page: CandlePage
  readonly readAt: number
  readonly bytes: number
}

interface Reading {
  readonly view: StreamView
  /** Undefined: the database is not asked yet. */
  behind: number | undefined
  readonly depth: number
  done: Promise<void>
}

/** Rows of memory's window; more than it holds. */
const ALL = Number.MAX_SAFE_INTEGER
/** Depths are rounded up to one of so many, each twice the one before, so that clients share pages. */
const DEPTHS = 4
/** As long as the cache keeps a `ws_history`: what another process stored is seen then at the latest. */
const MAX_AGE_MS = 300_000
/** One whose source did not say all in time is read anew as soon as that is asked again. */
const MAX_AGE_OF_PART_MS = 5_000
/** The writer needs connections too. */
const READS_AT_ONCE = 4

/**
 * The candles that are older than memory's windows: read once and encoded once, whoever asks. A page reaches into the
 * older half of its window, so that it is good until that has rolled by as much; it is read anew when a candle there or
 * behind was changed or stored meanwhile. The least recently used leave.
 */
export class CandlePages {
  readonly #options: CandlePagesOptions
  readonly #entries = new Map<string, Entry>()
  readonly #readings = new Map<string, Reading>()
  readonly #slots = createSlots(READS_AT_ONCE)
  #bytes = 0

  constructor(options: CandlePagesOptions) {
    this.#options = options
  }

  /** Bytes that are kept, about. */
  get size(): number {
    return this.#bytes
  }

  /**
   * The page that leads up to `edge`, where memory's window begins, if it is here and still true; undefined: it has to be
   * read. Synchronous, and as of the view's cursor.
   */
  find(view: StreamView, timeframe: ChartTimeframe, edge: number, depth: number): CandlePage | undefined {
    const place = placeOf(view, timeframe)
    const entry = this.#entries.get(place.key)
    if (!entry) return undefined
    this.#drop(place.key, entry)
    const { page, readAt } = entry
    if (!isNow(entry, place) || page.end < edge || this.#options.now() - readAt > maxAge(page)) return undefined
    this.#keep(place.key, entry)
    return page.depth >= depth ? page : undefined
  }

  /**
   * Reads the page that leads up to memory's window, once for all who want it now. It may be untrue already when this
   * resolves. @throws GatewayError tier_unavailable
   */
  read(view: StreamView, timeframe: ChartTimeframe, depth: number): Promise<void> {
    const place = placeOf(view, timeframe)
    const running = this.#readings.get(place.key)
    if (running && running.depth >= depth && running.view === view) {
      if (running.behind === undefined || isNow({ view, behind: running.behind }, place)) return running.done
    }
    const reading: Reading = { view, behind: undefined, depth: this.#roundUp(depth), done: Promise.resolve() }
    reading.done = this.#slots.run(() => this.#read(place, reading))
    this.#readings.set(place.key, reading)
    const ended = () => {
      if (this.#readings.get(place.key) === reading) this.#readings.delete(place.key)
    }
    reading.done.then(ended, ended)
    return reading.done
  }

  async #read(place: Place, reading: Reading): Promise<void> {
    const { source, now } = this.#options
    const { view, timeframe, key } = place
    const { symbol } = view.instrument
    // Memory's own are taken as they are now: a change of theirs is counted, as one of what is stored.
    const behind = view.behind(timeframe)
    const window = view.candles(timeframe, ALL)
    const [oldest] = window
    const middle = window.length >> 1
    if (oldest === undefined) return
    reading.behind = behind
    if (view.lacksStored(timeframe, oldest.time)) await source.storeCandles(symbol)
    if (view.lacksStored(timeframe, oldest.time)) {
      throw new GatewayError('tier_unavailable', `the ${timeframe} candles of ${symbol} must be stored, are not yet`)
    }
    const count = reading.depth - window.length
    const older = await source.candlesBefore(symbol, timeframe, oldest.time, count)
    const { candles, isWhole, hasOlder = false } = older
    const rows = [...candles, ...window.slice(0, middle)]
    const depth = candles.length < count && !hasOlder ? Number.POSITIVE_INFINITY : reading.depth
    const page = new CandlePage(timeframe, rows, window[middle]!.time, { depth, isWhole, hasOlder })
    const before = this.#entries.get(key)
    if (before) this.#drop(key, before)
    this.#keep(key, { view, behind, page, readAt: now(), bytes: 0 })
  }

  #roundUp(depth: number): number {
    let rounded = this.#options.maxDepth
    for (let halved = 1; halved < DEPTHS && rounded / 2 >= depth; halved += 1) rounded = Math.ceil(rounded / 2)
    return Math.max(rounded, depth)
  }

  /** Its bytes are counted anew each time: it may have been filled. */
  #keep(key: string, entry: Entry): void {
    const { bytes } = entry.page
    this.#entries.set(key, { ...entry, bytes })
    this.#bytes += bytes
    for (const [oldest, other] of this.#entries) {
      if (this.#bytes <= this.#options.maxBytes) break
      this.#drop(oldest, other)
    }
  }

  #drop(key: string, { bytes }: Entry): void {
    this.#entries.delete(key)
    this.#bytes -= bytes
  }
}

function maxAge({ isWhole }: CandlePage): number {
  return isWhole ? MAX_AGE_MS : MAX_AGE_OF_PART_MS
}

function placeOf(view: StreamView, timeframe: ChartTimeframe): Place {
  const { source, sourceSymbol } = view.instrument
  return { key: `${source} ${sourceSymbol} ${timeframe}`, view, timeframe }
}

/** Whether it is of the stream as it is, and nothing changed behind its window since. */
function isNow({ view, behind }: Pick<Entry, 'view' | 'behind'>, now: Place): boolean {
  return view === now.view && behind === view.behind(now.timeframe)
}
