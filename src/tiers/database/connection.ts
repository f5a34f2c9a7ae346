/** What a statement gave back: its rows as objects, and how many rows it touched. */
export interface Answer {
  readonly rows: readonly unknown[]
  readonly affected: number
}

/** SQL; arrays among the parameters are sent as PostgreSQL arrays. */
export interface Query {
  readonly sql: string
  readonly parameters?: readonly unknown[]
}

/**
 * COPY `table` FROM binary tuples (see copy-tuples.ts), in pieces that are made when they are asked for, once. Their
 * bytes may be moved away.
 */
export interface Copy {
  readonly table: string
  readonly tuples: Iterable<Uint8Array<ArrayBuffer>>
}

export type Statement = Query | Copy

/** How a transaction ends in which nothing failed. */
export type Ending = 'commit' | 'rollback'

/** One connection to a PostgreSQL, real or embedded: statements run on it one after another. */
export interface Connection {
  query(sql: string, parameters?: readonly unknown[]): Promise<Answer>
  /**
   * Runs the statements between BEGIN and `end`. The first that fails rolls everything back, and its error is thrown; so
   * does `giveUp`, whose reason is thrown then.
   */
  transaction(statements: Iterable<Statement>, end: Ending, giveUp?: AbortSignal): Promise<void>
}

/** Where connections come from. Every failure of its connections is an Error; its `code` is the SQLSTATE, if it has one. */
export interface ConnectionSource {
  readonly kind: 'pglite' | 'postgresql'
  acquire(): Promise<Connection>
  /** Gives the connection back; one that failed without an answer of the server is not used again. */
  release(connection: Connection): void
  /** An answer is late: connections that have answered nothing since then are not used again. */
  doubt?(): void
  /** Ends every connection within 2 s; safe to call twice. */
  close(): Promise<void>
}

/** One transaction on a connection of its own. */
export async function transaction(
  source: ConnectionSource,
  statements: Iterable<Statement>,
  end: Ending = 'commit',
  giveUp?: AbortSignal,
): Promise<void> {
  const connection = await source.acquire()
  try {
    await connection.transaction(statements, end, giveUp)
  } finally {
    source.release(connection)
  }
}

/** A transaction where statements can only be run one by one: what `run` throws rolls everything back. */
export async function runTransaction(
  run: (statement: Statement) => Promise<unknown>,
  statements: Iterable<Statement>,
  end: Ending,
  giveUp?: AbortSignal,
): Promise<void> {
  const runNext = (statement: Statement) => {
    giveUp?.throwIfAborted()
    return run(statement)
  }
  try {
    await run({ sql: 'begin' })
    for (const statement of statements) await runNext(statement)
    await runNext({ sql: end })
  } catch (error) {
    // When even the rollback fails the connection is broken, `release` ends it and the server rolls back by itself.
    await run({ sql: 'rollback' }).catch(() => undefined)
    throw error
  }
}
