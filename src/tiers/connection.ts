/** What a statement gave back: its rows as objects, and how many rows it touched. */
export interface Answer {
  readonly rows: readonly unknown[]
  readonly affected: number
}

/** One connection to a PostgreSQL, real or embedded: statements run on it one after another. */
export interface Connection {
  /** Arrays among the parameters are sent as PostgreSQL arrays. */
  query(sql: string, parameters?: readonly unknown[]): Promise<Answer>
  /** COPY `table` FROM binary tuples (see copy-tuples.ts). The bytes may be moved away: do not touch them again. */
  copyIn(table: string, tuples: Uint8Array<ArrayBuffer>): Promise<void>
}

/** Where connections come from. Every failure of its connections is an Error; its `code` is the SQLSTATE, if it has one. */
export interface ConnectionSource {
  readonly kind: 'pglite' | 'postgresql'
  acquire(): Promise<Connection>
  /** Gives the connection back; one that failed without an answer of the server is not used again. */
  release(connection: Connection): void
  /** Ends every connection within 2 s; safe to call twice. */
  close(): Promise<void>
}

/** Runs `work` between BEGIN and COMMIT on one connection; whatever it throws rolls everything back. */
export async function transaction<T>(
  source: ConnectionSource,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await source.acquire()
  try {
    await connection.query('begin')
    const result = await work(connection)
    await connection.query('commit')
    return result
  } catch (error) {
    // When even the rollback fails the connection is broken, `release` ends it and the server rolls back by itself.
    await connection.query('rollback').catch(() => undefined)
    throw error
  } finally {
    source.release(connection)
  }
}
