import { join } from 'node:path'
import { Kysely } from 'kysely'
import { GatewayError } from '../../base/errors.ts'
import type { ConnectionSource } from './connection.ts'
import { createDialect } from './dialect.ts'
import { createEmbeddedSource, isMade } from './embedded.ts'
import { migrateToLatest } from './migrate.ts'
import { createPostgresqlSource } from './postgresql.ts'
import type { Tables } from './schema.ts'
import { type RefusedRow, SqlDatabase } from './sql-database.ts'
import { toGatewayError } from './sqlstate.ts'

const EMBEDDED_DIRECTORY = 'pglite'

export interface DatabaseLocation {
  /** A PostgreSQL, 14 or newer. */
  readonly databaseUrl?: string | undefined
  /** Without a URL: the directory whose `pglite` holds the embedded database. The caller holds its lock. */
  readonly dataDir?: string | undefined
}

export interface OpenDatabaseOptions extends DatabaseLocation {
  /** Aborting while it opens gives up at once; afterwards it does nothing. */
  readonly signal?: AbortSignal | undefined
  /** Days a tick is kept, 7 unless told. */
  readonly tickRetentionDays?: number
  readonly now?: () => number
  /**
   * Told of each row that the database refused, after the rest of its batch was stored. Unless told otherwise, `write`
   * then throws GatewayError row_refused about the first of them.
   */
  readonly onRefused?: (row: RefusedRow, reason: string) => void
  /** Told of each tick whose id is stored with another content, which stays. */
  readonly onConflict?: (row: RefusedRow, reason: string) => void
  /** Told of a connection, or the embedded database's thread, that ended while nobody waited for it. */
  readonly report?: (error: GatewayError) => void
}

/**
 * Connects, brings the schema up to date and makes the partitions of these days.
 *
 * @throws GatewayError tier_unavailable (worth another try), config_invalid (login, database or version refused), or
 * the signal's reason.
 */
export async function openDatabase(options: OpenDatabaseOptions): Promise<SqlDatabase> {
  return opening(options, async (source) => {
    await migrateToLatest(kyselyOf(source))
    const database = new SqlDatabase(source, {
      tickRetentionDays: options.tickRetentionDays ?? 7,
      onRefused: options.onRefused ?? throwRefused,
      onConflict: options.onConflict ?? (() => undefined),
    })
    await database.maintain((options.now ?? Date.now)())
    return database
  })
}

/** Brings the schema up to date, ends the connection, and returns the names of the migrations applied now. */
export async function migrateDatabase(location: DatabaseLocation): Promise<readonly string[]> {
  return opening(location, async (source) => {
    const applied = await migrateToLatest(kyselyOf(source))
    await source.close()
    return applied
  })
}

/** The embedded database in `dataDir` has still to be made: there is nothing in it to read. */
export function isNewDatabase({ databaseUrl, dataDir }: DatabaseLocation): boolean {
  return databaseUrl === undefined && dataDir !== undefined && !isMade(join(dataDir, EMBEDDED_DIRECTORY))
}

/** Whatever goes wrong on the way, no connection and no thread stays behind. */
async function opening<T>(options: OpenDatabaseOptions, work: (source: ConnectionSource) => Promise<T>): Promise<T> {
  const { signal } = options
  signal?.throwIfAborted()
  const source = createSource(options)
  const abort = () => void source.close()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    await requireVersion(source)
    const result = await work(source)
    signal?.throwIfAborted()
    return result
  } catch (error) {
    await source.close()
    signal?.throwIfAborted()
    throw toGatewayError(error)
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

function createSource({ databaseUrl, dataDir, report }: OpenDatabaseOptions): ConnectionSource {
  const reported = (error: Error) => report?.(toGatewayError(error))
  if (databaseUrl) return createPostgresqlSource({ databaseUrl, report: reported })
  if (dataDir) return createEmbeddedSource({ directory: join(dataDir, EMBEDDED_DIRECTORY), report: reported })
  throw new GatewayError('config_invalid', 'a database must have a URL or a directory, but both were unset')
}

async function requireVersion(source: ConnectionSource): Promise<void> {
  const connection = await source.acquire()
  try {
    const { rows } = await connection.query("select current_setting('server_version_num')::int / 10000 as version")
    const [row] = rows as { readonly version: number }[]
    if (row && row.version >= 14) return
    throw new GatewayError('config_invalid', `DATABASE_URL must be PostgreSQL 14 or newer, was ${row?.version}`)
  } finally {
    source.release(connection)
  }
}

function kyselyOf(source: ConnectionSource): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: createDialect(source) })
}

function throwRefused({ instrument }: RefusedRow, reason: string): never {
  throw new GatewayError('row_refused', `a row of ${instrument.symbol} was left out: ${reason}`)
}
