import { type BackoffBounds, fullJitterMs, pause } from '../../base/backoff.ts'
import { isGatewayError } from '../../base/errors.ts'
import { createGate } from '../../base/gate.ts'
import type { Log } from '../../base/log.ts'
import type { DatabaseStatus } from '../database/database-status.ts'
import type { OpenedTier } from '../database/opened-tier.ts'
import type { SqlDatabase } from '../database/sql-database.ts'
import type { Spool } from '../spool/spool.ts'
import { AwaitedDatabase } from './awaited-database.ts'
import { SpoolingDatabase } from './spooling-database.ts'

export interface ReachServerOptions {
  /** Connects once. */
  readonly open: () => Promise<SqlDatabase>
  readonly spool: Spool
  /** Told each time when everything that waited is in the database. */
  readonly onDrained: () => void
  /** Aborted: no further try. */
  readonly signal: AbortSignal
  readonly log: Log
  readonly now: () => number
}

/** A server that has not let us in by then is away: the gateway begins without it. */
const FIRST_WITHIN_MS = 5_000
const RETRY: BackoffBounds = { firstMs: 250, maxMs: 2_000 }

/**
 * A PostgreSQL as a gateway has it: with a spool for the time when it is away, which may be at the start. Resolves when
 * it is reached, or when it is known to be away. One that was away and then refuses the login is tried on: clients are
 * served without it, and whoever mends the password need not know of that.
 * @throws GatewayError config_invalid: it refuses the login at once, or is none that can be used
 */
export async function reachServer(options: ReachServerOptions): Promise<OpenedTier> {
  const { spool, onDrained, log, now } = options
  const awaited = new AwaitedDatabase()
  const isReachable = () => awaited.isReached
  const database = new SpoolingDatabase({
    database: awaited,
    spool,
    isReachable,
    onLate: () => awaited.doubt(),
    onDrained,
    log,
    now,
  })
  const began: DatabaseStatus = { kind: 'postgresql', state: 'opening', since: now() }
  const missed = createGate()
  const decided = new AbortController()
  let isServing = false
  const opened = reach(awaited, missed.open, () => isServing, options).then((there) => {
    database.reached()
    return there
  })
  opened.catch(() => {})
  const close = async () => {
    await database.close()
    await (await opened.catch(() => undefined))?.close()
  }
  try {
    await Promise.race([opened, missed.opened, pause(FIRST_WITHIN_MS, decided.signal)])
  } catch (error) {
    await close()
    throw error
  } finally {
    decided.abort()
  }
  isServing = true
  return {
    ...{ database, opened, spool, close },
    get status() {
      if (awaited.isReached) return { kind: 'postgresql', ...database.status } as const
      return { ...began, state: 'away', reason: awaited.reason } as const
    },
    waiting: (instrument, limit) => database.waiting(instrument, limit),
  }
}

async function reach(
  awaited: AwaitedDatabase,
  missed: () => void,
  isServing: () => boolean,
  { open, signal, log }: ReachServerOptions,
): Promise<SqlDatabase> {
  for (let attempt = 0; ; attempt++) {
    try {
      const database = await open()
      awaited.reach(database)
      if (attempt > 0) log.info({ attempt }, 'the database is reached')
      return database
    } catch (error) {
      const isMissed = isGatewayError(error, 'tier_unavailable') || isGatewayError(error, 'config_invalid')
      if (!isMissed || signal.aborted) throw error
      if (error.code === 'config_invalid' && !isServing()) throw error
      // Each reason is said once, however often it is met.
      if (awaited.reason !== error.message) {
        log.warn({ reason: error.message }, 'the database cannot be reached, trying again')
      }
      awaited.miss(error.message)
      missed()
      await pause(fullJitterMs(attempt, RETRY), signal)
      signal.throwIfAborted()
    }
  }
}
