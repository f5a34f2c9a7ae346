import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Connection, ConnectionSource, Query, Statement } from './connection.ts'
import type { WholeCopy } from './embedded-messages.ts'
import { createMutex } from './mutex.ts'
import { startWorker, type WorkerLink } from './worker-link.ts'

export interface EmbeddedOptions {
  /** Where the database lives; made if it is not there. One process at a time (see data-dir-lock.ts). */
  readonly directory: string
  /** Told when the thread ended by itself. */
  readonly report: (error: Error) => void
  /** The module that is the thread; a test may bring one that dies when told to. */
  readonly thread?: URL
}

/**
 * PGlite behind a message port. It has one backend, so there is one connection and everybody queues for it. A thread
 * that died is started again by the next who asks.
 */
export function createEmbeddedSource({ directory, report, thread }: EmbeddedOptions): ConnectionSource {
  const mutex = createMutex()
  const unlocks = new Map<Connection, () => void>()
  let link: WorkerLink | undefined
  let closing: Promise<void> | undefined

  const linked = async () => {
    const unfinished = await prepare(directory)
    if (closing) throw new Error('the embedded database is closed')
    const onExit = (error: Error) => {
      link = undefined
      report(error)
    }
    link = startWorker({ directory }, onExit, thread)
    try {
      await link.opened
    } catch (error) {
      link = undefined
      throw error
    }
    await unfinished?.remove()
    return link
  }

  return {
    kind: 'pglite',
    async acquire() {
      const unlock = await mutex.lock()
      try {
        const connection = connect(link ?? (await linked()))
        unlocks.set(connection, unlock)
        return connection
      } catch (error) {
        unlock()
        throw error
      }
    },
    release(connection) {
      unlocks.get(connection)?.()
      unlocks.delete(connection)
    },
    close() {
      closing ??= link?.close() ?? Promise.resolve()
      return closing
    },
  }
}

/**
 * A first start that was cut off leaves a directory that looks like a database and is none. A mark beside it says so
 * until the first start is over: with the mark there, what is there is begun anew.
 */
async function prepare(directory: string): Promise<{ remove(): Promise<void> } | undefined> {
  const mark = markOf(directory)
  if (existsSync(mark)) await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  if (isMade(directory)) return undefined
  await writeFile(mark, 'The first start of the database beside this file has not finished.\n')
  return { remove: () => rm(mark, { force: true }) }
}

/** The first start in this directory is over: what is there is a whole database. */
export function isMade(directory: string): boolean {
  return existsSync(join(directory, 'PG_VERSION')) && !existsSync(markOf(directory))
}

function markOf(directory: string): string {
  return `${directory}.unfinished`
}

function connect(link: WorkerLink): Connection {
  return {
    query: (sql, parameters = []) => link.send({ sql, parameters }),
    async transaction(statements, end) {
      await link.send({ statements: Array.from(statements, whole), end })
    },
  }
}

function whole(statement: Statement): Query | WholeCopy {
  return 'sql' in statement ? statement : { ...statement, tuples: [...statement.tuples] }
}
