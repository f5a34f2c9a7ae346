import { runningPostgresql } from '../test/servers/postgresql.ts'
import { runningRedis } from '../test/servers/redis.ts'
import type { Bench } from './bench.ts'
import type { Row } from './report.ts'
import { deepHistory } from './tiers/deep-history.ts'
import { keyValues } from './tiers/key-values.ts'
import type { Part } from './tiers/part.ts'
import { spoolRates } from './tiers/spool.ts'
import { tickWrites } from './tiers/tick-writes.ts'

const PARTS: readonly Part[] = [tickWrites, spoolRates, keyValues, deepHistory]

export const tiers: Bench = {
  description: 'memory, Redis and PostgreSQL beside the barest that does the same: psql, a Map, a pipeline, idleness',
  async run(options) {
    const servers = { databaseUrl: await runningPostgresql(process.env), redisUrl: await runningRedis(process.env) }
    const rows: Row[] = []
    for (const part of PARTS) rows.push(...(await part({ ...options, servers })))
    return rows
  },
}
