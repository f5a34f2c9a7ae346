import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
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
  /** The server ends a transaction of which it has heard nothing for so long. */
  readonly silentTransactionMs?: number
}

/** Opens nothing yet: connections are made when they are asked for, at most `maxConnections`. */
export function createPostgresqlSource(options: PostgresqlOptions): ConnectionSource {
  const { connectTimeoutMs = 2_000, silentTransactionMs = 10_000 } = options
  const settings = `${PLANNER_SETTINGS}, ${setTo({ ...KEEPALIVES, idle_in_transaction_session_timeout: silentTransactionMs })}`
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    application_name: 'tickgate',
    max: options.maxConnections ?? 8,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: options.queryTimeoutMs ?? 10_000,
    keepAlive: true,
    types: { getTypeParser },
  })
  // Both are needed, or a server that ends a connection ends the process: the pool listens to idle clients only.
  pool.on('error', options.report)
  pool.on('connect', (client) => client.on('error', options.report))

  /** When each client was known to answer: a dead wire shows by nothing but silence. */
  const answeredAt = new WeakMap<pg.PoolClient, number>()
  let doubtedAt = Number.NEGATIVE_INFINITY
  const clients = new Map<Connection, PostgresqlConnection>()
  let closing: Promise<void> | undefined
  const doubt = () => {
    doubtedAt = performance.now()
  }
  const release = (connection: Connection) => {
    clients.get(connection)?.release()
    clients.delete(connection)
  }
  /** A client that has answered since the last doubt; those that have not are ended. */
  const connect = async (): Promise<pg.PoolClient> => {
    for (;;) {
      const client = await pool.connect()
      const answered = answeredAt.get(client)
      if (answered === undefined || answered > doubtedAt) return client
      client.release(true)
    }
  }
  return {
    kind: 'postgresql',
    async acquire() {
      const client = await connect()
      const onAnswer = () => answeredAt.set(client, performance.now())
      const connection = new PostgresqlConnection(client, onAnswer, doubt)
      clients.set(connection, connection)
      if (answeredAt.has(client)) return connection
      try {
        await connection.query({ text: settings, query_timeout: connectTimeoutMs })
      } catch (error) {
        release(connection)
        throw error
      }
      return connection
    },
    release,
    doubt,
    close() {
      closing ??= endPool(pool, clients)
      return closing
    },
  }
}

/**
 * A wire that is cut without a word leaves a transaction behind at the server, and its locks: the rows that are sent
 * again on another connection would wait for them, by the system's own settings for two hours.
 */
const KEEPALIVES = { tcp_keepalives_idle: 5, tcp_keepalives_interval: 2, tcp_keepalives_count: 3 }

function setTo(settings: Readonly<Record<string, number>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `set_config('${name}', '${value}', false)`)
    .join(', ')
}

// --- the part of pg that its types leave out ---
interface TimedQuery extends pg.QueryConfig {
  readonly query_timeout: number
}

class PostgresqlConnection implements Connection {
  readonly #client: pg.PoolClient
  readonly #onAnswer: () => void
  readonly #onSilence: () => void
  #broken = false

  constructor(client: pg.PoolClient, onAnswer: () => void, onSilence: () => void) {
    this.#client = client
    this.#onAnswer = onAnswer
    this.#onSilence = onSilence
  }

  query(sql: string | TimedQuery, parameters: readonly unknown[] = []): Promise<Answer> {
    return this.#watched(async () => {
      const { rows, rowCount } = await this.#client.query<object>(sql, [...parameters])
      return { rows, affected: rowCount ?? 0 }
    })
  }

  async transaction(statements: Iterable<Statement>, end: Ending, giveUp?: AbortSignal): Promise<void> {
    giveUp?.throwIfAborted()
    const all = [...statements]
    const [only] = all
    // A copy alone is a transaction: that saves two round trips, and a tenth of the time of a batch of ticks. One that was
    // given up may land late, and changes nothing then; other rows may be older by then than those that took their place.
    const isCopyAlone = only !== undefined && all.length === 1 && 'table' in only
    if (isCopyAlone && end === 'commit') await this.#run(only)
    else await runTransaction((statement) => this.#run(statement), all, end, giveUp)
  }

  release(broken = this.#broken): void {
    this.#client.release(broken)
  }

  async #run(statement: Statement): Promise<void> {
    if ('sql' in statement) await this.query(statement.sql, statement.parameters)
    else await this.#copyIn(statement)
  }

  #copyIn({ table, tuples }: Copy): Promise<void> {
    return this.#watched(async () => {
      const stream = this.#client.query(copyFrom(`copy ${table} from stdin (format binary)`))
      // Asks for a piece when the server has room for it: it stores the one before meanwhile.
      await pipeline(Readable.from(tuples), stream)
    })
  }

  async #watched<T>(work: () => Promise<T>): Promise<T> {
    // Who has got no answer would wait as long for the next one.
    if (this.#broken) throw new Error('the connection is broken')
    try {
      const answer = await work()
      this.#onAnswer()
      return answer
    } catch (error) {
      if (isServerAnswer(error)) this.#onAnswer()
      else {
        this.#broken = true
        this.#onSilence()
      }
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
