import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Order, Outcome, Setup } from './cache-process.ts'

const FILE = fileURLToPath(new URL('./cache-process.ts', import.meta.url))

/** A cache in a process of its own. */
export interface CacheProcess {
  load(order: Order): Promise<Outcome>
  kill(): Promise<void>
}

/** Starts so many, each with its own connections to Redis and the database. */
export function startCacheProcesses(count: number, setup: Setup): Promise<readonly CacheProcess[]> {
  return Promise.all(Array.from({ length: count }, () => start(setup)))
}

async function start(setup: Setup): Promise<CacheProcess> {
  const child = fork(FILE, { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  child.send(setup)
  await answer(child)
  return {
    async load(order) {
      const outcome = answer(child)
      child.send(order)
      return (await outcome) as Outcome
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    },
  }
}

async function answer(child: ChildProcess): Promise<unknown> {
  const exited = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the process must answer, ended with ${code ?? signal}`)
  })
  const [message] = await Promise.race([once(child, 'message'), exited])
  return message
}
