/** Beyond that the oldest leave: what they would have deleted ends with its life. */
const MOST_OWED = 10_000
const KEYS_AT_ONCE = 250

/**
 * Deletions that could not be made while Redis was away. They are made first of all when it is back, so that it does not
 * bring back what was deleted meanwhile.
 */
export class OwedDeletions {
  readonly #keys = new Set<string>()
  readonly #deleteAll: (keys: readonly string[]) => Promise<boolean>

  constructor(deleteAll: (keys: readonly string[]) => Promise<boolean>) {
    this.#deleteAll = deleteAll
  }

  add(key: string): void {
    this.#keys.delete(key)
    this.#keys.add(key)
    for (const oldest of this.#keys) {
      if (this.#keys.size <= MOST_OWED) break
      this.#keys.delete(oldest)
    }
  }

  /** Asked for in this turn, so that whatever is asked from now on comes behind. */
  async settle(): Promise<void> {
    const keys = [...this.#keys]
    this.#keys.clear()
    const chunks = Array.from({ length: Math.ceil(keys.length / KEYS_AT_ONCE) }, (_, index) =>
      keys.slice(index * KEYS_AT_ONCE, (index + 1) * KEYS_AT_ONCE),
    )
    await Promise.all(
      chunks.map(async (chunk) => {
        if (!(await this.#deleteAll(chunk))) for (const key of chunk) this.add(key)
      }),
    )
  }
}
