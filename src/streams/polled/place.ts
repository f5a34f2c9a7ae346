import type { IdKind } from '../../feed.ts'
import type { Instrument } from '../../market/instrument.ts'
import type { Cursor, Tick, Update } from '../../market/tick.ts'
import type { MemoryStream, MemoryTier } from '../../tiers/memory/memory.ts'

/** A tick with the id that it has for ever. */
export interface Placed {
  readonly instrument: Instrument
  readonly update: Update
  /** Its id is not above those of the stream: it is for the database, which knows what was known when. */
  readonly isLate: boolean
}

export interface PlacePorts {
  readonly memory: Pick<MemoryTier, 'stream'>
  readonly ids: Exclude<IdKind, 'contiguous'>
  /** What the stream has already. */
  readonly onDouble: (tick: Tick) => void
  /** A tick that no stream can hold. */
  readonly onUnplaceable: (tick: Tick, reason: string) => void
}

const NO_ID: Cursor = -1

/** Gives polled ticks their places: behind what is stored, in the order in which their source told of them. */
export class PolledPlaces {
  readonly #ports: PlacePorts
  /** By symbol: the highest id that was given out, be it that the database refused its tick. */
  readonly #given = new Map<string, Cursor>()
  /** By symbol: what was placed last, and is perhaps not on the stream yet. */
  readonly #newest = new Map<string, Tick>()

  constructor(ports: PlacePorts) {
    this.#ports = ports
  }

  /**
   * At most `most` ticks at a time, each time as the streams stand then: what was placed before MUST be on them, or
   * given up.
   */
  *place(ticks: readonly Tick[], most: number): Generator<readonly Placed[]> {
    // An id that never changes is late behind a higher one, wherever that stood in the answer.
    const ordered = this.#ports.ids === 'given' ? ticks.toSorted((a, b) => a.id - b.id) : ticks
    for (let start = 0; start < ordered.length; start += most) {
      const placed = ordered.slice(start, start + most).flatMap((tick) => this.#placeOne(tick) ?? [])
      if (placed.length > 0) yield placed
    }
  }

  #placeOne(tick: Tick): Placed | undefined {
    const { memory, ids, onUnplaceable } = this.#ports
    const stream = memory.stream(tick.symbol)
    if (stream === undefined) onUnplaceable(tick, `${tick.symbol} must be one of the feed's symbols`)
    else if (!Number.isSafeInteger(tick.id) || tick.id < 0)
      onUnplaceable(tick, `an id must be below 2^53, was ${tick.id}`)
    else return ids === 'rising' ? this.#placeRising(tick, stream) : this.#placeGiven(tick, stream)
    return undefined
  }

  #placeRising(tick: Tick, stream: MemoryStream): Placed | undefined {
    const newest = this.#newest.get(tick.symbol) ?? stream.latest
    if (newest !== undefined && repeats(tick, newest)) {
      this.#ports.onDouble(tick)
      return undefined
    }
    return this.#behind(stream, { ...tick, id: Math.max(tick.id, this.#last(stream) + 1) })
  }

  #placeGiven(tick: Tick, stream: MemoryStream): Placed {
    if (tick.id > this.#last(stream)) return this.#behind(stream, tick)
    // Linked to the newest, so that nobody takes it for the beginning of what follows (see Spool.startsAfter).
    const update = { ...withoutPast(tick), prev: stream.cursor, backfilled: true }
    return { instrument: stream.instrument, update, isLate: true }
  }

  #behind(stream: MemoryStream, tick: Tick): Placed {
    const { instrument } = stream
    const last = this.#last(stream)
    this.#given.set(tick.symbol, tick.id)
    this.#newest.set(tick.symbol, tick)
    const update = { ...withoutPast(tick), prev: last === NO_ID ? null : last, backfilled: tick.isPast === true }
    return { instrument, update, isLate: false }
  }

  /** Ticks are kept for some days only; candles that hold them tell of their ids for longer. */
  #last({ instrument, cursor, history }: MemoryStream): Cursor {
    const folded = cursor === null ? history.windows().map(({ restoredThrough = NO_ID }) => restoredThrough) : []
    return Math.max(this.#given.get(instrument.symbol) ?? NO_ID, cursor ?? NO_ID, ...folded)
  }
}

/** The same price again, of the same moment: a source that is asked anew tells what it has told. */
function repeats(tick: Tick, newest: Tick): boolean {
  return tick.time === newest.time && tick.price === newest.price && (tick.size ?? 0) === 0
}

function withoutPast({ isPast: _, ...tick }: Tick): Tick {
  return tick
}
