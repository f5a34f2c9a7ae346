import { GatewayError } from '../../base/errors.ts'
import type { FeedPast } from '../../feed.ts'
import type { Database } from '../../tiers/database/database.ts'
import type { MemoryTier } from '../../tiers/memory/memory.ts'

export interface PastPorts {
  readonly memory: Pick<MemoryTier, 'stream'>
  readonly database: Pick<Database, 'observations'>
}

/** What a polled feed is told of what the gateway has of its source. */
export function createPast({ memory, database }: PastPorts): FeedPast {
  return {
    // Of a series the latest value may be another: that of its newest period.
    newest: (symbol) => memory.stream(symbol)?.tail(1)[0] ?? memory.stream(symbol)?.latest,
    async observations(symbol) {
      const stream = memory.stream(symbol)
      if (stream !== undefined) return database.observations(stream.instrument)
      throw new GatewayError('internal', `a stream of ${symbol} must be open before its observations are read`)
    },
  }
}
