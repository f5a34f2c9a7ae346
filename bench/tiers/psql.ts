import { execFileSync } from 'node:child_process'

/** Whether PostgreSQL's own client is on this machine. */
export function hasPsql(): boolean {
  try {
    execFileSync('psql', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    // Not installed: the rows that it is the control of say so.
    return false
  }
}

/** Runs a statement; returns what it answers, without a frame. */
export function runSql(url: string, statement: string): string {
  return psql(url, '-A', '-t', '-c', statement).trim()
}

/** Copies a file into a table with `\copy`; returns the seconds, by psql's own clock: its start does not count. */
export function copyFile(url: string, table: string, file: string, format = ''): number {
  const said = psql(url, '-c', '\\timing on', '-c', `\\copy ${table} from '${file}' ${format}`)
  const milliseconds = /^Time: ([\d.]+) ms/m.exec(said)?.[1]
  if (milliseconds === undefined) throw new Error(`psql must say how long it took, said ${said}`)
  return Number(milliseconds) / 1_000
}

/** Copies what a query finds into a file in PostgreSQL's binary format. */
export function saveBinary(url: string, query: string, file: string): void {
  psql(url, '-c', `\\copy (${query}) to '${file}' (format binary)`)
}

function psql(url: string, ...args: readonly string[]): string {
  return execFileSync('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', url, ...args], { encoding: 'utf8' })
}
