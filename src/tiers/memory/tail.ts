import type { Cursor, Update } from '../../market/tick.ts'

/**
 * The recent ticks of one stream, for resume: at least everything that is not yet durable, and as much more as
 * `capacity` allows. It holds every tick after `base`, without a hole of its own making.
 */
export class Tail {
  readonly #capacity: number
  #updates: Update[] = []
  /** Updates before this index have left; the array is cut when they are half of it. */
  #head = 0
  #base: Cursor | null
  #durable: Cursor

  /** `base`: the stream's cursor at the start; what came before it is the database's. Null: there was nothing. */
  constructor(capacity: number, base: Cursor | null) {
    this.#capacity = capacity
    this.#base = base
    this.#durable = base ?? -1
  }

  get size(): number {
    return this.#updates.length - this.#head
  }

  push(update: Update): void {
    this.#updates.push(update)
    this.#evict()
  }

  /** Everything up to `id` is stored and may leave. */
  durable(id: Cursor): void {
    if (id > this.#durable) this.#durable = id
    this.#evict()
  }

  /**
   * Lets go of everything up to `id`, which is stored: ticks were found late among it, and only the database has them.
   * What follows is linked to `id`, which is now before it.
   */
  cut(id: Cursor): void {
    if (this.#base !== null && this.#base >= id) return
    const rest = this.#updates.slice(this.#firstAfter(id))
    this.#updates = rest.map((update, index) => (index === 0 ? { ...update, prev: id } : update))
    this.#head = 0
    this.#base = id
    this.durable(id)
  }

  /** The newest `count`, or as many as there are, ascending. */
  newest(count: number): readonly Update[] {
    return this.#updates.slice(Math.max(this.#head, this.#updates.length - count))
  }

  /** At most `limit` ticks after `after`, ascending; undefined when some of them may have left. */
  after(after: Cursor | null, limit: number): readonly Update[] | undefined {
    if (this.#base !== null && (after === null || after < this.#base)) return undefined
    const from = after === null ? this.#head : this.#firstAfter(after)
    return this.#updates.slice(from, from + limit)
  }

  #evict(): void {
    while (this.size > this.#capacity && this.#updates[this.#head]!.id <= this.#durable) {
      this.#base = this.#updates[this.#head]!.id
      this.#head++
    }
    if (this.#head > 1024 && this.#head * 2 > this.#updates.length) {
      this.#updates = this.#updates.slice(this.#head)
      this.#head = 0
    }
  }

  #firstAfter(id: Cursor): number {
    let low = this.#head
    let high = this.#updates.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#updates[middle]!.id <= id) low = middle + 1
      else high = middle
    }
    return low
  }
}
