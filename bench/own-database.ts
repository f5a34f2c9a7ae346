import pg from 'pg'

export interface OwnDatabase {
  readonly url: string
  drop(): Promise<void>
}

/** An empty database on the server of `url`, for one gateway; undefined without a server. */
export async function createOwnDatabase(url: string | undefined): Promise<OwnDatabase | undefined> {
  if (!url) return undefined
  const name = `tickgate_bench_${process.pid}_${Date.now()}`
  await execute(url, `create database ${name}`)
  const own = new URL(url)
  own.pathname = `/${name}`
  return { url: own.href, drop: () => execute(url, `drop database ${name} with (force)`) }
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
