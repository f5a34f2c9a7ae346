import type { Database } from './database.ts'
import type { DatabaseStatus } from './database-status.ts'
import type { OpenedTier } from './opened-tier.ts'
import { OpeningDatabase } from './opening-database.ts'
import type { SqlDatabase } from './sql-database.ts'

export interface OpenEmbeddedOptions {
  readonly isNew: boolean
  readonly open: () => Promise<SqlDatabase>
  readonly now: () => number
}

/**
 * The embedded database as a gateway has it: it lives and dies with this machine's disk, as a spool would, so that there
 * is none; what is written while its thread starts anew waits in the writer's queue.
 * @throws GatewayError tier_unavailable, config_invalid: a database that is there cannot be opened
 */
export async function openEmbedded({ isNew, open, now }: OpenEmbeddedOptions): Promise<OpenedTier> {
  const kind = 'pglite'
  let status: DatabaseStatus = { kind, state: 'opening', since: now() }
  const opened = open().then((database) => {
    status = { kind, state: 'open', since: now() }
    return database
  })
  // Told to those who wait for it, whenever they begin to.
  opened.catch(() => {})
  const database: Database = isNew ? new OpeningDatabase(kind, opened) : await opened
  return {
    ...{ database, opened, spool: undefined, waiting: async () => undefined },
    get status() {
      return status
    },
    async close() {
      const there = await opened.catch(() => {
        // It never opened: there is nothing to close, and whoever opened it was told.
        return undefined
      })
      await there?.close()
    },
  }
}
