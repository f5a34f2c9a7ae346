import { type Kysely, type Migration, Migrator } from 'kysely'
import * as market from './migrations/0001-market.ts'
import * as candleCoverage from './migrations/0002-candle-coverage.ts'
import * as observations from './migrations/0003-observations.ts'
import type { Tables } from './schema.ts'

/** In order of their names, for ever: a migration that was released is never changed, only followed by another. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-market': market,
  '0002-candle-coverage': candleCoverage,
  '0003-observations': observations,
}

/**
 * Brings the schema up to date and returns the names of the migrations applied by this call. All of them or none are
 * applied; of two processes that start at once, one waits for the other.
 */
export async function migrateToLatest(database: Kysely<Tables>): Promise<readonly string[]> {
  const migrator = new Migrator({ db: database, provider: { getMigrations: async () => MIGRATIONS } })
  const { error, results } = await migrator.migrateToLatest()
  if (error) throw error
  return (results ?? []).filter(({ status }) => status === 'Success').map(({ migrationName }) => migrationName)
}
