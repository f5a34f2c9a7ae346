import type { Cursor, Update } from '../../market/tick.ts'
import type { StreamView } from '../source.ts'
import { isSettledSince } from './crossed-gaps.ts'
import { TickPage } from './tick-page.ts'

/** Rows of a page from index `start` on. */
export interface PageSlice {
  readonly page: TickPage
  readonly start: number
}

interface Entry {
  readonly view: StreamView
  /** Of the stream, when its page was begun. */
  readonly refills: number
  readonly page: TickPage
}

export interface TickPagesBounds {
  /** Ticks in a page. */
  readonly pageTicks: number
  /** Ticks in all pages together. */
  readonly maxTicks: number
}

/**
 * Pages of streams that several clients need: each is read once and encoded once. Pages begin at fixed ids, so that
 * clients who came in at different ones share all but their first. The least recently used leave.
 */
export class TickPages {
  readonly #bounds: TickPagesBounds
  readonly #entries = new Map<string, Entry>()
  readonly #reads = new Map<string, Omit<Entry, 'page'> & { readonly page: Promise<TickPage> }>()
  #ticks = 0

  constructor(bounds: TickPagesBounds) {
    this.#bounds = bounds
  }

  /** Ticks that are kept. */
  get size(): number {
    return this.#ticks
  }

  /**
   * What follows `position`, as far as its page goes, without asking the database: from a page that is here, or from
   * memory's tail. Undefined: that has to be read. Empty: nothing follows. Synchronous, and as of the view's cursor.
   */
  find(view: StreamView, position: Cursor | null): PageSlice | undefined {
    const after = position ?? -1
    if (view.cursor === null || after >= view.cursor) return { page: new TickPage([], 'memory', view.gaps()), start: 0 }
    const { key, base } = this.#place(view, after)
    const page = this.#kept(key, view) ?? this.#remember(key, view, base)
    const start = page?.indexAfter(after) ?? 0
    if (page && start < page.rows.length) return { page, start }
    const rows = view.tailAfter(position, this.#bounds.pageTicks)
    // Something follows, since the stream is further: a tail that is empty (after a restart) does not reach back to it.
    return rows?.length ? { page: new TickPage(rows, 'memory', view.gaps()), start: 0 } : undefined
  }

  /**
   * Reads the database's page around `position` with `read`, once for all who want it now. It may end before the
   * database does, and hold nothing after `position`; which proves nothing, as the read may have begun before this call.
   */
  async read(view: StreamView, position: Cursor | null, read: Reading): Promise<PageSlice> {
    const { key, base } = this.#place(view, position ?? -1)
    const running = this.#reads.get(key)
    const reading = running && isSameStream(running, view) ? running.page : this.#read(key, view, base, read)
    const page = await reading
    return { page, start: page.indexAfter(position ?? -1) }
  }

  #place({ instrument: { source, sourceSymbol } }: StreamView, after: Cursor) {
    const { pageTicks } = this.#bounds
    const base = Math.floor(after / pageTicks) * pageTicks
    return { key: `${source} ${sourceSymbol} ${base}`, base }
  }

  /** The page under `key` with all that memory has for it by now; undefined if there is none that is still true. */
  #kept(key: string, view: StreamView): TickPage | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    this.#drop(key, entry)
    const { page } = entry
    const first = page.rows[0]!
    const known = view.gaps()
    if (!isSameStream(entry, view) || isSettledSince(page.known, known, first.prev ?? first.id - 1, page.last!))
      return undefined
    const room = this.#bounds.pageTicks - page.rows.length
    const newer = room > 0 ? view.tailAfter(page.last!, room) : []
    if (!newer) return undefined
    if (newer.length > 0) page.append(newer)
    page.known = known
    this.#keep(key, entry)
    return page
  }

  /** A new page of memory's tail, where that reaches back to its beginning. */
  #remember(key: string, view: StreamView, base: Cursor): TickPage | undefined {
    const rows = view.tailAfter(base, this.#bounds.pageTicks)
    if (!rows?.length) return undefined
    const page = new TickPage(rows, 'memory', view.gaps())
    this.#keep(key, { view, refills: view.refills, page })
    return page
  }

  async #readPage(key: string, view: StreamView, base: Cursor, read: Reading): Promise<TickPage> {
    const known = view.gaps()
    const { refills } = view
    const rows = await read(base, this.#bounds.pageTicks)
    const page = new TickPage(rows, 'database', known)
    // One that is not full will have more soon.
    if (rows.length === this.#bounds.pageTicks && !this.#entries.has(key)) this.#keep(key, { view, refills, page })
    return page
  }

  #read(key: string, view: StreamView, base: Cursor, read: Reading): Promise<TickPage> {
    const page = this.#readPage(key, view, base, read)
    const running = { view, refills: view.refills, page }
    this.#reads.set(key, running)
    const ended = () => {
      if (this.#reads.get(key) === running) this.#reads.delete(key)
    }
    page.then(ended, ended)
    return page
  }

  #keep(key: string, entry: Entry): void {
    this.#entries.set(key, entry)
    this.#ticks += entry.page.rows.length
    for (const [oldest, other] of this.#entries) {
      if (this.#ticks <= this.#bounds.maxTicks) break
      this.#drop(oldest, other)
    }
  }

  #drop(key: string, { page }: Entry): void {
    this.#entries.delete(key)
    this.#ticks -= page.rows.length
  }
}

/** Whether it is of the stream as it is, and nothing was stored behind that since: gaps tell only of holes that were told. */
function isSameStream({ view, refills }: Omit<Entry, 'page'>, now: StreamView): boolean {
  return view === now && refills === now.refills
}

type Reading = (after: Cursor, limit: number) => Promise<readonly Update[]>
