import { join } from 'node:path'
import { describeError, GatewayError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Instrument } from '../../market/instrument.ts'
import { lockDataDir } from '../data-dir-lock.ts'
import { reachServer } from '../outage/reach-server.ts'
import type { Waiting } from '../outage/spooling-database.ts'
import { openSpool } from '../spool/open-spool.ts'
import type { SpoolStats } from '../spool/spool.ts'
import type { Database, Gap } from './database.ts'
import type { DatabaseStatus } from './database-status.ts'
import { type DeadLetters, openDeadLetters } from './dead-letters.ts'
import { isNewDatabase, openDatabase } from './open-database.ts'
import { openEmbedded } from './open-embedded.ts'
import type { OpenedTier } from './opened-tier.ts'

export interface DatabaseTierOptions {
  /** A PostgreSQL; unset: the embedded database in `dataDir`. */
  readonly databaseUrl: string | undefined
  /** Locked meanwhile in either case: one gateway has it, with all that is kept there. */
  readonly dataDir: string
  /** Where commands beside this process find it. */
  readonly url?: string | undefined
  readonly tickRetentionDays: number
  /** Of what waits on disk while a server is away; 4 GiB unless told. */
  readonly spoolMaxBytes?: number
  /** Told of ticks that left that disk at its bound. */
  readonly onDropped?: (gap: Gap) => void
  /** Told each time when everything that waited there is stored. */
  readonly onDrained?: () => void
  /** Aborting while it opens gives up at once. */
  readonly stop: AbortSignal | undefined
  readonly log: Log
  readonly now: () => number
}

export interface DatabaseTier {
  /** Can be used at once: a new database is known to be empty while it is still being made, and a server may be away. */
  readonly database: Database
  /** Resolves when the database is there for the first time. @throws what opening it throws. */
  readonly opened: Promise<void>
  /** As it is now. */
  readonly status: DatabaseStatus
  /** What waits on disk; undefined: there is no spool. */
  readonly spool: { readonly stats: SpoolStats } | undefined
  /** Rows that the database refused since the start: they are in `dead-letters.ndjson`. */
  readonly deadLetters: number
  /** What can be told of an instrument without the database, `limit` ticks of it; undefined: nothing. */
  readonly waiting: (instrument: Instrument, limit: number) => Promise<Waiting | undefined>
  /** Gives up what is still being opened; ends within 4 s, and frees the directory. Safe to call twice. */
  close(): Promise<void>
}

/** Where batches wait for a server that is away. */
export function spoolDirectory(dataDir: string): string {
  return join(dataDir, 'spool')
}

/** Partitions are made for days ahead, and old ones dropped, so missing an hour does no harm. */
const MAINTAIN_EVERY_MS = 3_600_000

/**
 * Opens the database as a gateway has it: its directory locked, its partitions made ahead. Resolves when it can be used:
 * a server may be away then.
 * @throws GatewayError data_dir_locked, config_invalid; tier_unavailable where the embedded one does not open
 */
export async function openDatabaseTier(options: DatabaseTierOptions): Promise<DatabaseTier> {
  const { dataDir, url, log, now } = options
  const lock = await lockDataDir(dataDir, url)
  const closing = new AbortController()
  const letters = openDeadLetters({ directory: dataDir, log, now })
  let tier: OpenedTier | undefined
  let timer: NodeJS.Timeout | undefined
  let closed: Promise<void> | undefined
  const close = () => {
    closing.abort(new GatewayError('tier_unavailable', 'the database must be open, but it was closed meanwhile'))
    clearInterval(timer)
    closed ??= Promise.resolve(tier?.close())
      .then(() => letters.close())
      .finally(() => lock.release())
    return closed
  }
  try {
    tier = await openTier(options, letters, closing.signal)
    const { database, opened, spool, waiting } = tier
    const maintained = opened.then((there) => {
      const maintain = () =>
        void there
          .maintain(now())
          .catch((error) => log.warn({ reason: describeError(error) }, 'database maintenance failed'))
      if (!closing.signal.aborted) timer = setInterval(maintain, MAINTAIN_EVERY_MS)
    })
    // Told to those who wait for it, whenever they begin to.
    maintained.catch(() => {})
    const own = tier
    return {
      ...{ database, opened: maintained, spool, waiting, close },
      get status() {
        return own.status
      },
      get deadLetters() {
        return letters.count
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function openTier(options: DatabaseTierOptions, letters: DeadLetters, closing: AbortSignal): Promise<OpenedTier> {
  const { databaseUrl, dataDir, tickRetentionDays, stop, log, now } = options
  const signal = stop ? AbortSignal.any([stop, closing]) : closing
  const open = () =>
    openDatabase({
      ...{ databaseUrl, dataDir, tickRetentionDays, signal, now },
      onRefused: (row, reason) => letters.add(row, reason),
      onConflict: (row, reason) => letters.add(row, reason),
      report: (error) => log.error({ reason: error.message }, 'database connection ended'),
    })
  if (databaseUrl === undefined) return openEmbedded({ isNew: isNewDatabase({ databaseUrl, dataDir }), open, now })
  const { spoolMaxBytes: maxBytes = 4 * 2 ** 30, onDropped = () => undefined, onDrained = () => undefined } = options
  const spool = await openSpool({ directory: spoolDirectory(dataDir), maxBytes, onDropped, log })
  return reachServer({ open, spool, onDrained, signal, log, now })
}
