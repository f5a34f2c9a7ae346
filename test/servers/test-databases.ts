import { randomBytes } from 'node:crypto'
import { runStatements } from './postgresql.ts'

const DAY_SECONDS = 86_400

/** The run's process and its start (Unix seconds) are in the name, so that a later run can tell what was left behind. */
export function newDatabasePrefix(): string {
  const seconds = Math.floor(Date.now() / 1_000)
  return `tickgate_test_${process.pid}_${seconds}_${randomBytes(3).toString('hex')}`
}

/** Creates an empty database of this run; returns its URL. */
export async function createDatabase(adminUrl: string, prefix: string): Promise<string> {
  const name = `${prefix}_${randomBytes(3).toString('hex')}`
  await runStatements(adminUrl, [`create database ${name}`])
  const url = new URL(adminUrl)
  url.pathname = `/${name}`
  return url.href
}

export async function dropDatabase(adminUrl: string, url: string): Promise<void> {
  await runStatements(adminUrl, [`drop database if exists ${new URL(url).pathname.slice(1)} with (force)`])
}

/** Drops what the run with this prefix has not dropped itself. */
export async function dropDatabases(adminUrl: string, prefix: string): Promise<void> {
  for (const name of await testDatabases(adminUrl)) {
    if (name.startsWith(prefix)) await runStatements(adminUrl, [`drop database if exists ${name} with (force)`])
  }
}

/** Drops the databases of runs that began more than a day ago and whose process is gone. */
export async function dropLeftovers(adminUrl: string, nowMs = Date.now()): Promise<void> {
  for (const name of await testDatabases(adminUrl)) {
    const [, pid, seconds] = /^tickgate_test_(\d+)_(\d+)_/.exec(name) ?? []
    const isOld = Number(seconds) < nowMs / 1_000 - DAY_SECONDS
    if (isOld && !isRunning(Number(pid))) await dropDatabases(adminUrl, name)
  }
}

async function testDatabases(adminUrl: string): Promise<readonly string[]> {
  const rows = await runStatements(adminUrl, [
    "select datname from pg_database where datname like 'tickgate\\_test\\_%'",
  ])
  return rows.map(({ datname }) => String(datname))
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    // No such process, or somebody else's under a number that came back: not the run that made the database.
    return false
  }
}
