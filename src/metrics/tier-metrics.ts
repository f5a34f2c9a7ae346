import { DATABASE_STATES, type DatabaseStatus } from '../tiers/database/database-status.ts'
import type { RedisStats } from '../tiers/redis/redis-stats.ts'
import { REDIS_STATES, type RedisStatus } from '../tiers/redis/redis-tier.ts'
import { counter, histogram, type Labels, type Metric, stateGauge } from './metric.ts'

/** Each is looked at when it is asked: its status is another object after every change. */
export interface TierParts {
  readonly redis: { readonly status: RedisStatus; readonly stats: RedisStats }
  readonly database: { readonly status: DatabaseStatus }
}

const OUTCOMES = ['answered', 'failed', 'skipped', 'overflowed'] as const

export function tierMetrics({ redis, database }: TierParts): readonly Metric[] {
  const { stats } = redis
  return [
    stateGauge(
      'tickgate_redis_state',
      '1 for the state that Redis is in: `off` (none is configured), `connecting`, `live`, `down`.',
      REDIS_STATES,
      () => redis.status.state,
    ),
    counter('tickgate_redis_outages_total', 'How often Redis went away.', () => stats.outages),
    counter(
      'tickgate_redis_calls_total',
      'Calls of Redis: `answered`; `failed`; not sent because it was away (`skipped`) or too much waited (`overflowed`).',
      () => OUTCOMES.map((outcome): [Labels, number] => [{ outcome }, stats[outcome]]),
      ['outcome'],
    ),
    histogram('tickgate_redis_batch_keys', 'Keys of each batch written to Redis.', () => stats.batchRows),
    histogram('tickgate_redis_batch_duration_seconds', 'How long each such batch took.', () => stats.batchSeconds),
    stateGauge(
      'tickgate_database_state',
      '1 for the state that the database is in: `opening`, `open`, `away`.',
      DATABASE_STATES,
      () => database.status.state,
    ),
  ]
}
