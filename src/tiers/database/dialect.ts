import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely'
import type { Connection, ConnectionSource } from './connection.ts'

/** Kysely over our connections, so that queries, COPY and the handling of broken connections share one pool. */
export function createDialect(source: ConnectionSource): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => createDriver(source),
    createIntrospector: (database) => new PostgresIntrospector(database),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  }
}

function createDriver(source: ConnectionSource): Driver {
  const raw = (connection: DatabaseConnection, statement: string) =>
    connection.executeQuery(CompiledQuery.raw(statement)).then(() => undefined)
  const acquired = new WeakMap<DatabaseConnection, Connection>()
  return {
    init: async () => undefined,
    async acquireConnection() {
      const connection = await source.acquire()
      const wrapped = wrap(connection)
      acquired.set(wrapped, connection)
      return wrapped
    },
    beginTransaction: (connection) => raw(connection, 'begin'),
    commitTransaction: (connection) => raw(connection, 'commit'),
    rollbackTransaction: (connection) => raw(connection, 'rollback'),
    async releaseConnection(wrapped) {
      const connection = acquired.get(wrapped)
      if (connection) source.release(connection)
    },
    destroy: () => source.close(),
  }
}

function wrap(connection: Connection): DatabaseConnection {
  return {
    async executeQuery<Row>(query: CompiledQuery) {
      const { rows, affected } = await connection.query(query.sql, query.parameters)
      // Kysely's row type is what it compiled the query from: the driver is where that promise is taken on trust.
      return { rows: rows as Row[], numAffectedRows: BigInt(affected) }
    },
    streamQuery() {
      throw new Error('streaming is not offered: read in pages by id')
    },
  }
}
