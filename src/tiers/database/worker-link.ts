import { existsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { Answer } from './connection.ts'
import type { WorkerFailure, WorkerReply, WorkerSetup, WorkerTask, WorkerTransaction } from './embedded-messages.ts'

/** The gateway's end of the embedded database's thread. */
export interface WorkerLink {
  /** Resolves when the database is open; rejects when the thread ends before. */
  readonly opened: Promise<void>
  /** Rejects with the failure of the statement, or when the thread ends before it answers: never hangs. */
  send(task: WorkerTask): Promise<Answer>
  /** Lets the thread close the database; after 1.5 s ends it (what was committed is in the log of the database). */
  close(): Promise<void>
}

interface Waiter {
  resolve(answer: Answer): void
  reject(error: Error): void
}

const CLOSE_WITHIN_MS = 1_500

/** `onExit` is told when an open database's thread ends unasked, after everything in flight was rejected. */
export function startWorker(
  setup: WorkerSetup,
  onExit: (error: Error) => void,
  file: URL = databaseThread(),
): WorkerLink {
  const worker = new Worker(file, { workerData: setup, name: 'tickgate-pglite' })
  const waiting = new Map<number, Waiter>()
  let nextId = 0
  let state: 'opening' | 'open' | 'closing' = 'opening'
  let ended: Error | undefined
  let crash: Error | undefined

  worker.once('error', (error) => {
    crash = error instanceof Error ? error : new Error(String(error))
  })
  const exited = new Promise<Error>((resolve) => {
    worker.once('exit', (exitCode) => {
      ended ??= crash ?? new Error(`the embedded database's thread ended with exit code ${exitCode}`)
      for (const waiter of waiting.values()) waiter.reject(ended)
      waiting.clear()
      if (state === 'open') onExit(ended)
      resolve(ended)
    })
  })
  const opened = new Promise<void>((resolve, reject) => {
    void exited.then(reject)
    worker.on('message', (reply: WorkerReply) => {
      if ('ready' in reply) {
        if (state === 'opening') state = 'open'
        resolve()
        return
      }
      const waiter = waiting.get(reply.id)
      waiting.delete(reply.id)
      if ('answer' in reply) waiter?.resolve(reply.answer)
      else waiter?.reject(statementError(reply.failure))
    })
  })

  return {
    opened,
    send(task) {
      if (ended) return Promise.reject(ended)
      const id = nextId++
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject })
        worker.postMessage({ ...task, id }, 'statements' in task ? buffersOf(task.statements) : [])
      })
    },
    async close() {
      const patienceMs = state === 'opening' ? 0 : CLOSE_WITHIN_MS
      state = 'closing'
      ended ??= new Error('the embedded database is closed')
      worker.postMessage('close')
      const cut = setTimeout(() => void worker.terminate(), patienceMs)
      await exited
      clearTimeout(cut)
    },
  }
}

/** Moved to the thread instead of copied. */
function buffersOf(statements: WorkerTransaction['statements']): ArrayBuffer[] {
  return statements.flatMap((statement) => ('tuples' in statement ? statement.tuples.map(({ buffer }) => buffer) : []))
}

function statementError({ message, code }: WorkerFailure): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code })
}

/** Node 20 cannot run TypeScript in a worker: from the sources (tests, tsx), the built file is started. */
function databaseThread(): URL {
  const fromSources = import.meta.url.endsWith('.ts')
  const path = fromSources ? '../../../dist/src/tiers/database/embedded-worker.js' : './embedded-worker.js'
  const file = new URL(path, import.meta.url)
  if (!existsSync(file)) throw new Error("the embedded database's thread must have been built: npm run build")
  return file
}
