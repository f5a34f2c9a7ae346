import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { type Answer, runTransaction, type Statement } from './connection.ts'
import type { WorkerReply, WorkerRequest, WorkerSetup, WorkerTask } from './embedded-messages.ts'
import { PLANNER_SETTINGS } from './planner.ts'
import { codeOf } from './sqlstate.ts'

/**
 * PGlite on a thread of its own: it computes in long strokes, which in the gateway's thread every client would feel.
 * This module is the thread; embedded.ts is its only caller. A statement that fails is answered; a thread that cannot
 * go on throws, and embedded.ts sees its exit.
 */
if (!parentPort) throw new Error('embedded-worker must run in a worker thread')
const port = parentPort
const setup = workerData as WorkerSetup

const database = await PGlite.create({
  dataDir: setup.directory,
  // An interrupted first start leaves a directory that is begun anew: nothing in it is worth an fsync yet. The system's
  // file cache is behind the buffers, so a quarter of the usual is as fast and saves 100 MB.
  initDbStartParams: ['--no-sync', '--no-instructions', '--set=shared_buffers=32MB'],
})
await database.query(PLANNER_SETTINGS)

port.on('message', (request: WorkerRequest | 'close') => {
  if (request === 'close') void database.close().finally(() => port.close())
  else void answer(request).then((reply) => port.postMessage(reply))
})
port.postMessage({ ready: true } satisfies WorkerReply)

/** After a trap the memory of the database cannot be trusted: nothing more is run, and the thread dies of it. */
let trap: WebAssembly.RuntimeError | undefined

async function answer({ id, ...task }: WorkerRequest): Promise<WorkerReply> {
  try {
    return { id, answer: await perform(task) }
  } catch (error) {
    if (trap) throw trap
    return { id, failure: { message: error instanceof Error ? error.message : String(error), code: codeOf(error) } }
  }
}

async function perform(task: WorkerTask): Promise<Answer> {
  if ('sql' in task) return run(task)
  await runTransaction(run, task.statements, task.end)
  return { rows: [], affected: 0 }
}

async function run(statement: Statement): Promise<Answer> {
  if (trap) throw trap
  try {
    const { rows, affectedRows } = await ('sql' in statement
      ? database.query(statement.sql, [...(statement.parameters ?? [])])
      : // PGlite gives the bytes to the statement as a file of this name.
        database.query(`copy ${statement.table} from '/dev/blob' (format binary)`, [], {
          blob: new Blob([...statement.tuples]),
        }))
    return { rows, affected: affectedRows ?? 0 }
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) trap = error
    throw error
  }
}
