/** Where a value was found. */
export type Tier = 'memory' | 'redis' | 'database'

/** A value with where it was found and how old it is. */
export interface Cached<Value> {
  readonly value: Value
  readonly tier: Tier
  /** Since it was put into the cache. */
  readonly ageMs: number
  /** Its life is over: it is served because a newer one is still being loaded, or cannot be. */
  readonly stale: boolean
}
