import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import pg from 'pg'
import { type LaunchedServer, launch } from './launch.ts'

const STANDARD_URL = 'postgres://postgres@127.0.0.1:5432/postgres'

/** The PostgreSQL that is running: DATABASE_URL, which must then answer, else the standard port of this machine. */
export async function runningPostgresql(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (env.DATABASE_URL) {
    await probePostgresql(env.DATABASE_URL, 5_000)
    return env.DATABASE_URL
  }
  return probePostgresql(STANDARD_URL, 200).then(
    () => STANDARD_URL,
    () => undefined,
  )
}

/** Where the programs `initdb` and `postgres` are: PG_BIN, the newest of Debian's, PATH, or where pg_config says. */
export function postgresqlBinaries(env: NodeJS.ProcessEnv): string | undefined {
  const candidates = [env.PG_BIN, ...debianDirectories(), ...(env.PATH ?? '').split(delimiter), configuredDirectory()]
  return candidates.find((directory) => directory && existsSync(join(directory, 'initdb')))
}

/** Starts a PostgreSQL that keeps nothing: it trusts everyone on 127.0.0.1 and does not wait for the disk. */
export function startPostgresql(binaries: string): Promise<LaunchedServer> {
  return launch({
    name: 'postgresql',
    prepare: (directory) => ({
      file: join(binaries, 'initdb'),
      args: ['-D', join(directory, 'data'), '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    }),
    server: (directory, port) => ({
      file: join(binaries, 'postgres'),
      args: ['-D', join(directory, 'data'), '-p', String(port)].concat(
        ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off'].flatMap((set) => ['-c', set]),
      ),
    }),
    url: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
    probe: (url) => probePostgresql(url, 1_000),
    stopSignal: 'SIGINT',
  })
}

async function probePostgresql(url: string, timeoutMs: number): Promise<void> {
  await runStatements(url, ['select 1'], timeoutMs)
}

/** Runs statements on a connection of their own; returns the rows of the last. */
export async function runStatements(url: string, statements: readonly string[], timeoutMs = 10_000) {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs })
  await client.connect()
  try {
    let rows: readonly Record<string, unknown>[] = []
    for (const statement of statements) rows = (await client.query(statement)).rows
    return rows
  } finally {
    await client.end()
  }
}

function debianDirectories(): readonly string[] {
  const root = '/usr/lib/postgresql'
  if (!existsSync(root)) return []
  return readdirSync(root)
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(root, version, 'bin'))
}

function configuredDirectory(): string | undefined {
  try {
    return execFileSync('pg_config', ['--bindir'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    // Not installed: it was the last place to look.
    return undefined
  }
}
