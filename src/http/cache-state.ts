/** How the tiers are, and what each kind of key has met. Counts are since the start; times are Unix ms. */
export interface CacheState {
  readonly readOrder: 'memory-first' | 'redis-first'
  readonly tiers: {
    readonly memory: { readonly entries: number; readonly bytes: number; readonly maxBytes: number }
    readonly redis: { readonly state: string; readonly since?: number; readonly reason?: string }
    readonly database: {
      readonly kind: string
      readonly state: string
      readonly since: number
      readonly reason?: string
    }
    /** What waits on disk while the database is away; absent where there is none. What left at its bounds is gone. */
    readonly spool?: {
      readonly bytes: number
      readonly ticks: number
      readonly candles: number
      readonly dropped: number
      readonly droppedCandles: number
    }
  }
  /** By kind of key: `price`, `chart` ... */
  readonly kinds: Readonly<Record<string, KindState>>
}

export interface KindState {
  readonly memory: {
    readonly entries: number
    readonly bytes: number
    readonly hits: number
    readonly staleHits: number
    readonly misses: number
    readonly evictions: number
    /** Of what was asked, from 0 to 1; null: nothing was asked. */
    readonly hitRate: number | null
  }
  readonly redis: {
    readonly hits: number
    readonly misses: number
    readonly foreign: number
    readonly errors: number
    readonly writes: number
    readonly hitRate: number | null
  }
  readonly database: { readonly loads: number; readonly failures: number }
}

const TEXT = { type: 'string' } as const
const COUNT = { type: 'integer' } as const
const RATE = { type: ['number', 'null'] } as const

const KIND_SCHEMA = object({
  memory: object({
    ...{ entries: COUNT, bytes: COUNT, hits: COUNT, staleHits: COUNT, misses: COUNT, evictions: COUNT },
    hitRate: RATE,
  }),
  redis: object({
    ...{ hits: COUNT, misses: COUNT, foreign: COUNT, errors: COUNT, writes: COUNT },
    hitRate: RATE,
  }),
  database: object({ loads: COUNT, failures: COUNT }),
})

export const CACHE_STATE_SCHEMA = object({
  readOrder: TEXT,
  tiers: object(
    {
      memory: object({ entries: COUNT, bytes: COUNT, maxBytes: COUNT }),
      redis: object({ state: TEXT }, { since: COUNT, reason: TEXT }),
      database: object({ kind: TEXT, state: TEXT, since: COUNT }, { reason: TEXT }),
    },
    { spool: object({ bytes: COUNT, ticks: COUNT, candles: COUNT, dropped: COUNT, droppedCandles: COUNT }) },
  ),
  kinds: { type: 'object', additionalProperties: KIND_SCHEMA },
})

function object(properties: object, optional: object = {}) {
  return { type: 'object', required: Object.keys(properties), properties: { ...properties, ...optional } } as const
}
