import type { Cursor, Tick, Update } from './tick.ts'

/** Ids that a stream jumped over: bounds are inclusive. */
export interface Hole {
  readonly symbol: string
  readonly from: Cursor
  readonly to: Cursor
}

export interface SequencerPorts {
  /** Takes each tick in its place, in id order, once. */
  readonly pass: (update: Update) => void
  /** A hole was met; later ticks of this symbol wait until `fill` has closed it or `skip` gives it up. */
  readonly onHole: (hole: Hole) => void
  /** Ids that the source itself leaves out when it is asked for them; told before the tick that follows. */
  readonly onLeftOut: (hole: Hole) => void
  /** A tick that the stream already has. */
  readonly onDouble: (tick: Tick) => void
  /** MAX_HELD_TICKS of this symbol wait. When no place is made for more, the older half leaves. */
  readonly onFull: (symbol: string) => void
  /** Stamps the ticks that wait (ms, never back). */
  readonly now: () => number
}

/** At most this many ticks of a symbol wait; what leaves past it is read again from the source with the hole before it. */
export const MAX_HELD_TICKS = 10_000

/** Where a stream stands. */
export interface Position {
  /** The newest id in the row; null when there is none. */
  readonly last: Cursor | null
  /** The oldest id that waits behind it; undefined when none does. */
  readonly waiting: Cursor | undefined
  /** Since when a tick has been waiting (Unix ms). */
  readonly since: number | undefined
}

/**
 * Puts the ticks of every symbol in a row: the one place where `prev` is set, where doubles stop and holes show.
 * It gives out no numbers of its own. A symbol begins held, until `start` says where its stream stands.
 */
export class Sequencer {
  readonly #ports: SequencerPorts
  readonly #contiguous: boolean
  readonly #rows = new Map<string, Row>()

  constructor(contiguousIds: boolean, ports: SequencerPorts) {
    this.#contiguous = contiguousIds
    this.#ports = ports
  }

  /** Takes a tick as it came from the source. */
  accept(tick: Tick): void {
    const row = this.#row(tick.symbol)
    if (row.held === undefined) this.#place(row, tick)
    else this.#hold(row.held, tick)
  }

  /**
   * Takes a tick that was asked for to close a hole, in id order. One that waits is passed as it came in: it is news,
   * only late by the hole before it.
   */
  fill(tick: Tick): void {
    const row = this.#row(tick.symbol)
    const { last } = row
    if (last !== null && tick.id <= last) return
    if (this.#jumps(row, tick)) this.#ports.onLeftOut({ symbol: tick.symbol, from: last! + 1, to: tick.id - 1 })
    const waiting = row.held?.get(tick.id)
    row.held?.delete(tick.id)
    this.#pass(row, waiting?.tick ?? tick, waiting === undefined)
  }

  /**
   * Says where the stream stands: `last` is the newest id it has, null when it has none. Ticks still wait. `next`: the
   * id that may follow although it does not rise by one; the ids between have been told.
   */
  start(symbol: string, last: Cursor | null, next?: Cursor): void {
    const row = this.#row(symbol)
    row.last = last
    row.skipTo = next
  }

  /** The newest id in the row; null when there is none. Costs nothing, unlike `position`, which looks at all that wait. */
  last(symbol: string): Cursor | null {
    return this.#row(symbol).last
  }

  position(symbol: string): Position {
    const { last, held } = this.#row(symbol)
    let waiting: Cursor | undefined
    let since: number | undefined
    for (const [id, { since: heldAt }] of held ?? []) {
      if (waiting === undefined || id < waiting) waiting = id
      if (since === undefined || heldAt < since) since = heldAt
    }
    return { last, waiting, since }
  }

  /** Makes the next ticks wait: some may have been missed, and the source is about to be asked. */
  hold(symbol: string): void {
    this.#row(symbol).held ??= new Map()
  }

  /** Lets the waiting ticks through up to the next hole, if there is one. True when none waits any more. */
  release(symbol: string): boolean {
    const row = this.#row(symbol)
    const waiting = [...(row.held?.values() ?? [])].sort((a, b) => a.tick.id - b.tick.id)
    row.held = undefined
    for (const held of waiting) {
      const behind = this.#row(symbol).held
      if (behind === undefined) this.#place(row, held.tick, held.since)
      else behind.set(held.tick.id, held)
    }
    return this.#row(symbol).held === undefined
  }

  /** Gives the hole up: the oldest waiting tick is next. The ids between are returned; undefined when none waits. */
  skip(symbol: string): Hole | undefined {
    const { last, waiting } = this.position(symbol)
    if (waiting === undefined || last === null || waiting <= last + 1) return undefined
    this.#row(symbol).skipTo = waiting
    return { symbol, from: last + 1, to: waiting - 1 }
  }

  #place(row: Row, tick: Tick, since?: number): void {
    const { last } = row
    if (last !== null && tick.id <= last) {
      this.#ports.onDouble(tick)
    } else if (this.#jumps(row, tick)) {
      row.held = new Map([[tick.id, { tick, since: since ?? this.#ports.now() }]])
      this.#ports.onHole({ symbol: tick.symbol, from: last! + 1, to: tick.id - 1 })
    } else {
      this.#pass(row, tick, false)
    }
  }

  #hold(held: Map<Cursor, Held>, tick: Tick): void {
    if (held.size >= MAX_HELD_TICKS) dropOlderHalf(held)
    // A double keeps the place of the first.
    if (!held.has(tick.id)) held.set(tick.id, { tick, since: this.#ports.now() })
    if (held.size === MAX_HELD_TICKS) this.#ports.onFull(tick.symbol)
  }

  #jumps({ last, skipTo }: Row, { id }: Tick): boolean {
    return this.#contiguous && last !== null && id > last + 1 && id !== skipTo
  }

  #pass(row: Row, tick: Tick, backfilled: boolean): void {
    const { symbol, id, price, size, side, trades, time, received } = tick
    const prev = row.last
    row.last = id
    this.#ports.pass({ symbol, id, prev, price, size, side, trades, time, received, backfilled })
  }

  #row(symbol: string): Row {
    let row = this.#rows.get(symbol)
    if (row === undefined) {
      row = { last: null, held: new Map(), skipTo: undefined }
      this.#rows.set(symbol, row)
    }
    return row
  }
}

interface Row {
  last: Cursor | null
  /** Ticks that wait, by id; undefined while the stream runs. */
  held: Map<Cursor, Held> | undefined
  /** A hole before this id was given up. */
  skipTo: Cursor | undefined
}

interface Held {
  readonly tick: Tick
  readonly since: number
}

/** The hole before those that stay grows, and is filled by id all the same. */
function dropOlderHalf(held: Map<Cursor, Held>): void {
  const ids = [...held.keys()].sort((a, b) => a - b)
  for (const id of ids.slice(0, MAX_HELD_TICKS / 2)) held.delete(id)
}
