/** The newest row of each key, in the order in which the keys came, with a count of all that ever came and went. */
export class NewestQueue<Row> {
  readonly #rows = new Map<string, Row>()
  #taken = 0

  get size(): number {
    return this.#rows.size
  }

  /** Keys ever added; a key that is waiting already is not counted again. */
  get added(): number {
    return this.#taken + this.#rows.size
  }

  /** Keys ever taken. */
  get taken(): number {
    return this.#taken
  }

  get(key: string): Row | undefined {
    return this.#rows.get(key)
  }

  /** Replaces the row that waits under `key`, in its place, or adds it. */
  set(key: string, row: Row): void {
    this.#rows.set(key, row)
  }

  /** Removes and returns the oldest `count` rows, or as many as there are. */
  take(count: number): readonly Row[] {
    const taken: Row[] = []
    for (const [key, row] of this.#rows) {
      if (taken.length === count) break
      taken.push(row)
      this.#rows.delete(key)
    }
    this.#taken += taken.length
    return taken
  }
}
