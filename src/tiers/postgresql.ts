import { finished } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import {
  type Answer,
  type Connection,
  type ConnectionSource,
  type Copy,
  type Ending,
  runTransaction,
  type Statement,
} from './connection.ts'
import { PLANNER_SETTINGS } from './planner.ts'
import { isServerAnswer } from './sqlstate.ts'

export interface PostgresqlOptions {
  readonly databaseUrl: string
  /** Told of connections that broke while nobody used them. Errors carry no secrets. */
  readonly report: (error: Error) => void
  readonly maxConnections?: number
  readonly connectTimeoutMs?: number
  /** A server that is there but does not answer: without this bound a query waits for ever. */
  readonly queryTimeoutMs?: number
}

/** Opens nothing yet: connections are made when they are asked for, at most `maxConnections`. */
export function createPostgresqlSource(options: PostgresqlOptions): ConnectionSource {
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    application_name: 'tickgate',
    max: options.maxConnections ?? 8,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 2_000,
    query_timeout: options.queryTimeoutMs ?? 10_000,
    keepAlive: true,
    types: { getTypeParser },
  })
  // Both are needed, or a server that ends a connection ends the process: the pool listens to idle clients only.
  pool.on('error', options.report)
  pool.on('connect', (client) => client.on('error', options.report))

  const prepared = new WeakSet<pg.PoolClient>()
  const clients = new Map<Connection, PostgresqlConnection>()
  let closing: Promise<void> | undefined
  const release = (connection: Connection) => {
    clients.get(connection)?.release()
    clients.delete(connection)
  }
  return {
    kind: 'postgresql',
    async acquire() {
      const client = await pool.connect()
      const connection = new PostgresqlConnection(client)
      clients.set(connection, connection)
      if (prepared.has(client)) return connection
      try {
        await connection.query(PLANNER_SETTINGS)
      } catch (error) {
        release(connection)
        throw error
      }
      prepared.add(client)
      return connection
    },
    release,
    close() {
      closing ??= endPool(pool, clients)
      return closing
    },
  }
}

class PostgresqlConnection implements Connection {
  readonly #client: pg.PoolClient
  #broken = false

  constructor(client: pg.PoolClient) {
    this.#client = client
  }

  query(sql: string, parameters: readonly unknown[] = []): Promise<Answer> {
    return this.#watched(async () => {
      const { rows, rowCount } = await this.#client.query<object>(sql, [...parameters])
      return { rows, affected: rowCount ?? 0 }
    })
  }

  transaction(statements: Iterable<Statement>, end: Ending): Promise<void> {
    const run = async (statement: Statement) => {
      if ('sql' in statement) await this.query(statement.sql, statement.parameters)
      else await this.#copyIn(statement)
    }
    return runTransaction(run, statements, end)
  }

  release(broken = this.#broken): void {
    this.#client.release(broken)
  }

  #copyIn({ table, tuples }: Copy): Promise<void> {
    return this.#watched(async () => {
      const stream = this.#client.query(copyFrom(`copy ${table} from stdin (format binary)`))
      stream.end(tuples)
      await finished(stream)
    })
  }

  async #watched<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isServerAnswer(error)) this.#broken = true
      throw error
    }
  }
}

/** Waits a second for the queries in flight, then cuts them: a server that hangs must not hold the process. */
async function endPool(pool: pg.Pool, clients: Map<Connection, PostgresqlConnection>): Promise<void> {
  const ended = pool.end()
  const cut = setTimeout(() => {
    for (const connection of clients.values()) connection.release(true)
    clients.clear()
  }, 1_000)
  await ended
  clearTimeout(cut)
}

/** bigint as a number: our ids are below 2^53. */
const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
  oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format)
