import { describeError, GatewayError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { streamName } from '../market/instrument.ts'
import { type DataDirLock, lockDataDir } from './data-dir-lock.ts'
import type { Database } from './database.ts'
import { isNewDatabase, openDatabase } from './open-database.ts'
import { OpeningDatabase } from './opening-database.ts'

export interface DatabaseTierOptions {
  /** A PostgreSQL; unset: the embedded database in `dataDir`, which is locked meanwhile. */
  readonly databaseUrl: string | undefined
  readonly dataDir: string
  readonly tickRetentionDays: number
  /** Aborting while it opens gives up at once. */
  readonly stop: AbortSignal | undefined
  readonly log: Log
  readonly now: () => number
}

export interface DatabaseTier {
  /** Can be used at once: a new database is known to be empty while it is still being made. */
  readonly database: Database
  /** Resolves when the database is there. @throws what opening it throws. */
  readonly opened: Promise<void>
  /** Gives up what is still being opened; ends within 2 s, and frees the directory. Safe to call twice. */
  close(): Promise<void>
}

/** Partitions are made for days ahead, and old ones dropped, so missing an hour does no harm. */
const MAINTAIN_EVERY_MS = 3_600_000

/**
 * Opens the database as a gateway has it: its directory locked, its partitions made ahead. Resolves when it can be used.
 * @throws GatewayError data_dir_locked, config_invalid, tier_unavailable
 */
export async function openDatabaseTier(options: DatabaseTierOptions): Promise<DatabaseTier> {
  const { databaseUrl, dataDir, log, now } = options
  const lock = databaseUrl === undefined ? await lockDataDir(dataDir) : undefined
  const isNew = isNewDatabase({ databaseUrl, dataDir })
  const closing = new AbortController()
  const opening = open(options, closing.signal)
  let timer: NodeJS.Timeout | undefined
  const opened = opening.then((database) => {
    const maintain = () =>
      void database
        .maintain(now())
        .catch((error) => log.warn({ reason: describeError(error) }, 'database maintenance failed'))
    timer = setInterval(maintain, MAINTAIN_EVERY_MS)
  })
  // Told to those who wait for it, whenever they begin to.
  opened.catch(() => {})
  const close = () => {
    closing.abort(new GatewayError('tier_unavailable', 'the database must be open, but it was closed meanwhile'))
    return closeTier(opening, lock, () => clearInterval(timer))
  }
  try {
    const database = isNew ? new OpeningDatabase('pglite', opening) : await opening
    return { database, opened, close }
  } catch (error) {
    await close()
    throw error
  }
}

function open(options: DatabaseTierOptions, closing: AbortSignal) {
  const { databaseUrl, dataDir, tickRetentionDays, stop, log, now } = options
  const signal = stop ? AbortSignal.any([stop, closing]) : closing
  return openDatabase({
    ...{ databaseUrl, dataDir, tickRetentionDays, signal, now },
    onRefused: ({ instrument }, reason) => log.error({ stream: streamName(instrument), reason }, 'row refused'),
    report: (error) => log.error({ reason: error.message }, 'database connection ended'),
  })
}

async function closeTier(
  opening: Promise<Database>,
  lock: DataDirLock | undefined,
  stopMaintenance: () => void,
): Promise<void> {
  try {
    const database = await opening.catch(() => {
      // It never opened: there is nothing to close, and whoever opened it was told.
      return undefined
    })
    stopMaintenance()
    await database?.close()
  } finally {
    await lock?.release()
  }
}
