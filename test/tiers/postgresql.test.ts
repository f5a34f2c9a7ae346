import { openDatabase } from '../../src/tiers/open-database.ts'
import { describeWithPostgres } from '../servers/describe.ts'
import { describeDatabase } from './describe-database.ts'

describeWithPostgres('a PostgreSQL server', (server) => {
  describeDatabase('PostgreSQL', (options) => openDatabase({ databaseUrl: server.url, ...options }))
})
