import { readdir } from 'node:fs/promises'
import { GatewayError } from '../base/errors.ts'
import { createLog } from '../base/log.ts'
import type { Config } from '../config.ts'
import { lockDataDir } from '../tiers/data-dir-lock.ts'
import type { Database } from '../tiers/database/database.ts'
import { openDatabaseTier, spoolDirectory } from '../tiers/database/database-tier.ts'
import { openDatabase } from '../tiers/database/open-database.ts'

type StoredConfig = Pick<Config, 'databaseUrl' | 'dataDir' | 'tickRetentionDays' | 'spoolMaxBytes'>

/** Everything that is stored, as it is read where no gateway runs. */
export interface Stored {
  readonly database: Database
  close(): Promise<void>
}

/**
 * Opens the database; with what a gateway has left on disk for a server that was away, which goes there meanwhile.
 * @throws GatewayError data_dir_locked, config_invalid, tier_unavailable
 */
export async function openStored(config: StoredConfig, signal: AbortSignal): Promise<Stored> {
  const { databaseUrl, dataDir, tickRetentionDays } = config
  if (databaseUrl !== undefined && (await holdsFiles(spoolDirectory(dataDir)))) return openWithSpool(config, signal)
  // The embedded database is one process; a server takes several.
  const lock = databaseUrl === undefined ? await lockDataDir(dataDir) : undefined
  try {
    const database = await openDatabase({ databaseUrl, dataDir, tickRetentionDays, signal })
    return {
      database,
      async close() {
        await database.close()
        await lock?.release()
      },
    }
  } catch (error) {
    await lock?.release()
    throw error
  }
}

async function openWithSpool(config: StoredConfig, signal: AbortSignal): Promise<Stored> {
  const tier = await openDatabaseTier({
    ...{ ...config, databaseUrl: config.databaseUrl },
    ...{ stop: signal, log: createLog('error'), now: Date.now },
  })
  const { state, reason = 'it did not answer in time' } = tier.status
  if (state === 'open') return { database: tier.database, close: () => tier.close() }
  await tier.close()
  throw new GatewayError('tier_unavailable', `the database must be there, but: ${reason}`)
}

async function holdsFiles(directory: string): Promise<boolean> {
  try {
    return (await readdir(directory)).length > 0
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}
