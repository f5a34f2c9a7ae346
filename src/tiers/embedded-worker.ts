import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import type { WorkerReply, WorkerRequest, WorkerSetup } from './embedded-messages.ts'
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

async function answer({ id, sql, parameters, copy }: WorkerRequest): Promise<WorkerReply> {
  try {
    const options = copy ? { blob: new Blob([copy]) } : {}
    const { rows, affectedRows } = await database.query(sql, parameters ? [...parameters] : [], options)
    return { id, answer: { rows, affected: affectedRows ?? 0 } }
  } catch (error) {
    // After a trap the memory of the database cannot be trusted: let the thread die, and be started again.
    if (error instanceof WebAssembly.RuntimeError) throw error
    return { id, failure: { message: error instanceof Error ? error.message : String(error), code: codeOf(error) } }
  }
}
