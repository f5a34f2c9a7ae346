/** How long each kind of value lives in the cache, in seconds. Spelt here and nowhere else. */
export const CacheTTL = {
  price: { crypto: 30, stock: 30, macro: 300 },
  prediction: { hot: 1, other: 3 },
  market: 30,
  chart: 600,
  wsHistory: 300,
} as const

/** For how many seconds after its life memory may still serve a value, marked as stale, while a newer one is loaded. */
export const CacheGrace = {
  price: { crypto: 30, stock: 30, macro: 300 },
  prediction: { hot: 3, other: 3 },
  market: 30,
  chart: 600,
  wsHistory: 300,
} as const satisfies Record<keyof typeof CacheTTL, unknown>
