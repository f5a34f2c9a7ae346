import type { Log } from '../base/log.ts'
import { createTally } from '../base/tally.ts'
import type { Config } from '../config.ts'
import { streamName } from '../market/instrument.ts'
import type { Database, Gap } from '../tiers/database/database.ts'
import { type DatabaseTier, openDatabaseTier } from '../tiers/database/database-tier.ts'
import { ToldDatabase } from '../tiers/database/told-database.ts'
import type { MemoryTier } from '../tiers/memory/memory.ts'
import { createDatabaseWriter, type DatabaseWriter } from '../tiers/writer/writer.ts'

export interface StoreSideOptions {
  readonly config: Config
  readonly memory: MemoryTier
  /** Where commands beside this process find it. */
  readonly url: string
  readonly stop: AbortSignal | undefined
  readonly log: Log
  readonly now: () => number
}

/** Where everything is stored: the database, what waits for it, and the queue before them. */
export interface StoreSide {
  readonly tier: DatabaseTier
  /** The tier's: what is written through it, memory knows of. */
  readonly database: Database
  readonly writer: DatabaseWriter
  /** Why a gateway is not ready yet: its server has not been there since the start. */
  readonly reasons: () => readonly string[]
  /** Called with each gap whose ticks were on the stream, and have left before they were stored, when there is room. */
  onRefill(refill: (gap: Gap) => void): void
  /** Stores what it can, and ends every connection. Safe to call twice. */
  close(): Promise<void>
}

/** So few rows are on their way that what has left may come again. */
const CAUGHT_UP_ROWS = 10_000

/** @throws GatewayError data_dir_locked, config_invalid; tier_unavailable where the embedded database does not open */
export async function openStoreSide(options: StoreSideOptions): Promise<StoreSide> {
  const { config, memory, url, stop, log, now } = options
  const { databaseUrl, dataDir, tickRetentionDays, spoolMaxBytes } = config
  const left: Gap[] = []
  let refill: ((gap: Gap) => void) | undefined
  let isReached = false

  const leftLog = createTally((gaps, last) => log.error({ gaps, last }, 'ticks left before they were stored'), now)
  const onDropped = (gap: Gap) => {
    const { instrument, from, to } = gap
    // They will not be durable for now: memory would keep them.
    const stream = memory.stream(instrument.symbol)
    stream?.durable(to)
    stream?.sayGap(gap)
    left.push(gap)
    leftLog.count(`${streamName(instrument)} ${from}-${to}`)
  }
  const refillWhenCaughtUp = () => {
    if (left.length === 0 || refill === undefined) return
    if (writer.backlog > CAUGHT_UP_ROWS || (tier.spool?.stats.ticks ?? 0) > 0) return
    for (const gap of left.splice(0)) refill(gap)
  }

  const tier = await openDatabaseTier({
    ...{ databaseUrl, dataDir, url, tickRetentionDays, spoolMaxBytes, stop, log, now },
    onDropped,
    onDrained: () => refillWhenCaughtUp(),
  })
  tier.opened.then(
    () => {
      isReached = true
    },
    // Whoever waits for it is told.
    () => {},
  )
  const database = new ToldDatabase(tier.database, (rows, sure) => memory.candlesStored(rows, sure))
  const writer = createDatabaseWriter({
    ...{ database, log, onDropped },
    onDurable({ symbol }, id) {
      memory.stream(symbol)?.durable(id)
      refillWhenCaughtUp()
    },
  })
  return {
    ...{ tier, database, writer },
    reasons() {
      // A new embedded one is being made: it is known to be empty, and takes seconds.
      if (isReached || tier.status.kind === 'pglite') return []
      return [`the database is not there yet: ${tier.status.reason ?? 'it is being opened'}`]
    },
    onRefill(listener) {
      refill = listener
    },
    async close() {
      await writer.close()
      await tier.close()
    },
  }
}
