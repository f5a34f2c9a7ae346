import { z } from 'zod'
import { startChild } from '../child.ts'
import { type RowPlan, unmeasured } from '../report.ts'
import { beside, type Part, type PartOptions, perSecond, rowOf } from './part.ts'

/** Keys in a batch to Redis: all prices of a large gateway at once. */
const BATCH_KEYS = 500
const WRITTEN_KEYS = 100_000
const COLD_PRICES = 2_000
/** The cache design's own figures: what a tier is said to take at best (ms). */
const DESIGN_MEMORY_MS = 1
const DESIGN_REDIS_MS = 1

const PERCENTILES = z.object({ p50: z.number(), p99: z.number() })
const MEMORY = z.object({ cached: z.number(), bare: z.number() })
const WRITES = z.object({ batched: z.number(), pipelined: z.number() })
const COLD = z.object({ prices: PERCENTILES, histories: PERCENTILES })

const HIT: RowPlan = { name: 'memory hit beside a bare Map', unit: 'gets/s', want: { of: 'ratio', least: 0.5 } }
const SET_ALL: RowPlan = { name: 'Redis batch beside a pipeline', unit: 'keys/s', want: { of: 'ratio', least: 2 } }
const MEMORY_P50 = beside('get from memory, p50')
const MEMORY_P99 = beside('get from memory, p99')
const PRICE_P50 = beside('get of a price from Redis, p50')
const PRICE_P99 = beside('get of a price from Redis, p99')
const HISTORY_P50 = beside('get of 500 rows from Redis, p50')
const HISTORY_P99 = beside('get of 500 rows from Redis, p99')

interface MemoryRun {
  readonly hits: z.infer<typeof MEMORY>
  readonly delays: z.infer<typeof PERCENTILES>
}

interface RedisRun {
  readonly writes: z.infer<typeof WRITES>
  readonly cold: z.infer<typeof COLD>
}

/** The cache's memory beside a map, its writes to Redis beside a pipeline, and how long a get from either takes. */
export const keyValues: Part = async (options) => {
  const { memory, redis } = await measure(options)
  const limit = () => DESIGN_MEMORY_MS
  return [
    rowOf(
      HIT,
      memory,
      ({ hits }) => hits.cached,
      ({ hits }) => hits.bare,
    ),
    rowOf(MEMORY_P50, memory, ({ delays }) => delays.p50, limit),
    rowOf(MEMORY_P99, memory, ({ delays }) => delays.p99, limit),
    ...redisRows(redis),
  ]
}

function redisRows(runs: readonly RedisRun[]) {
  if (runs.length === 0) {
    const plans = [SET_ALL, PRICE_P50, PRICE_P99, HISTORY_P50, HISTORY_P99]
    return plans.map((plan) => unmeasured(plan, 'a Redis is not here'))
  }
  const limit = () => DESIGN_REDIS_MS
  return [
    rowOf(
      SET_ALL,
      runs,
      ({ writes }) => writes.batched,
      ({ writes }) => writes.pipelined,
    ),
    rowOf(PRICE_P50, runs, ({ cold }) => cold.prices.p50, limit),
    rowOf(PRICE_P99, runs, ({ cold }) => cold.prices.p99, limit),
    rowOf(HISTORY_P50, runs, ({ cold }) => cold.histories.p50, limit),
    rowOf(HISTORY_P99, runs, ({ cold }) => cold.histories.p99, limit),
  ]
}

async function measure({ runs, say, servers: { redisUrl } }: PartOptions) {
  const child = startChild('key-values', { redisUrl, prefix: `BENCH${process.pid}_` })
  const getHits = () => child.ask({ ask: 'memory' }, MEMORY)
  const writeRedis = () => child.ask({ ask: 'redisWrites', perTurn: BATCH_KEYS, trades: WRITTEN_KEYS }, WRITES)
  const memory: MemoryRun[] = []
  const redis: RedisRun[] = []
  try {
    for (let warm = 0; warm < 3; warm += 1) await getHits()
    for (let n = 1; n <= runs; n += 1) {
      const hits = await getHits()
      memory.push({ hits, delays: await child.ask({ ask: 'memoryDelays' }, PERCENTILES) })
      say(`memory, run ${n} of ${runs}: ${perSecond(hits.cached)} hits, a bare map ${perSecond(hits.bare)}`)
    }
    if (redisUrl) await writeRedis()
    for (let n = 1; redisUrl && n <= runs; n += 1) {
      const writes = await writeRedis()
      const cold = await child.ask({ ask: 'redisDelays', trades: COLD_PRICES }, COLD)
      redis.push({ writes, cold })
      say(
        `Redis, run ${n} of ${runs}: ${perSecond(writes.batched)}, pipeline ${perSecond(writes.pipelined)}; ` +
          `500 rows p50 ${cold.histories.p50.toFixed(2)} ms, p99 ${cold.histories.p99.toFixed(2)} ms`,
      )
    }
    return { memory, redis }
  } finally {
    await child.stop()
  }
}
