import type { Instrument } from '../../market/instrument.ts'
import type { Waiting } from '../outage/spooling-database.ts'
import type { SpoolStats } from '../spool/spool.ts'
import type { Database } from './database.ts'
import type { DatabaseStatus } from './database-status.ts'
import type { SqlDatabase } from './sql-database.ts'

/** A database on its way to a gateway, embedded or a server. */
export interface OpenedTier {
  /** Can be used at once. */
  readonly database: Database
  /** Resolves when the database is there. @throws what opening it throws */
  readonly opened: Promise<SqlDatabase>
  readonly status: DatabaseStatus
  /** What waits on disk for a server that is away; undefined: there is no such place. */
  readonly spool: { readonly stats: SpoolStats } | undefined
  /** What can be told of an instrument without the database, `limit` ticks of it; undefined: nothing. */
  readonly waiting: (instrument: Instrument, limit: number) => Promise<Waiting | undefined>
  /** Ends every connection; gives up what is being opened. */
  close(): Promise<void>
}
