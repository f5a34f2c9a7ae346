import pg from 'pg'
import { neverBack, systemClock } from '../../../src/base/clock.ts'
import type { OhlcvRow } from '../../../src/market/candle.ts'
import { CacheKeys } from '../../../src/tiers/cache/cache-keys.ts'
import { CacheManager } from '../../../src/tiers/cache/cache-manager.ts'
import { CandleRows } from '../../../src/tiers/cache/candle-rows.ts'
import type { CandlesValue } from '../../../src/tiers/cache/values.ts'
import { openRedis } from '../../../src/tiers/redis/open-redis.ts'
import { createLogRecorder } from '../../fakes/log-recorder.ts'

/** A process of its own with a cache, as `cache-processes.ts` starts them. */
export interface Setup {
  readonly redis: { readonly host: string; readonly port: number }
  readonly keyPrefix: string
  readonly databaseUrl: string
}

/** So many ask for one key at once, by the name of its symbol; the database takes so long. */
export interface Order {
  readonly symbol: string
  readonly readers: number
  readonly seconds: number
}

export interface Outcome {
  readonly answered: number
  readonly failed: number
  /** What was told, each once. */
  readonly cursors: readonly (number | null)[]
  readonly ms: number
}

process.once('message', (setup: Setup) => void serve(setup))

async function serve({ redis, keyPrefix, databaseUrl }: Setup): Promise<void> {
  const tier = openRedis({ address: redis, channel: `${keyPrefix}deleted`, log: createLogRecorder(), now: Date.now })
  const clock = { now: neverBack(Date.now), after: systemClock.after }
  const cache = new CacheManager({ redis: tier, maxBytes: 2 ** 24, readOrder: 'memory-first', clock })
  // From then on it is told of deletions.
  const listening = new Promise<void>((resolve) => tier.onDeleted((name) => name === undefined && resolve()))
  const database = new pg.Client({ connectionString: databaseUrl })
  await Promise.all([database.connect(), listening])

  process.on('message', async ({ symbol, readers, seconds }: Order) => {
    const plain = new CacheKeys().wsHistory(symbol, '1h')
    const key = { ...plain, name: `${keyPrefix}${plain.name}` }
    const startedAt = performance.now()
    const load = () => query(database, seconds)
    const answers = await Promise.allSettled(Array.from({ length: readers }, () => cache.getOrLoad(key, load)))
    const values = answers.flatMap((answer) =>
      answer.status === 'fulfilled' && answer.value ? [answer.value.value] : [],
    )
    const whole = values.filter(({ candles }) => candles.length === 500)
    const outcome: Outcome = {
      answered: whole.length,
      failed: readers - whole.length,
      cursors: [...new Set(whole.map(({ cursor }) => cursor))],
      ms: performance.now() - startedAt,
    }
    process.send?.(outcome)
  })
  process.on('disconnect', () => process.exit())
  process.send?.('ready')
}

/** Five hundred rows, made by the database, which counts how often it is asked. */
async function query(database: pg.Client, seconds: number): Promise<CandlesValue> {
  const { rows } = await database.query(
    `select nextval('loads')::int as cursor, pg_sleep($1),
       (select json_agg(json_build_array(hour * 3600000, 1.5, 2.5, 0.5, 2.25, hour)) from generate_series(1, 500) hour) as candles`,
    [seconds],
  )
  const { cursor, candles } = rows[0] as { cursor: number; candles: OhlcvRow[] }
  return { cursor, candles: CandleRows.of(candles) }
}
