import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { z } from 'zod'
import { builtProcess } from './build.ts'
import { canPin } from './cores.ts'

/** A process that is measured or that makes the load: plain node on a built file, asked one question at a time. */
export interface Child {
  readonly pid: number
  /** @throws Error when the process ends before it answers, or answers something else. */
  ask<T>(question: object, answer: z.ZodType<T>): Promise<T>
  /** Lets it end by itself, and kills it if it has not within 10 s. */
  stop(): Promise<void>
}

const STOP_WITHIN_MS = 10_000

/** Where profiles of the processes go (`--cpu-prof`), if anywhere; figures taken meanwhile are lower. */
const PROFILES = process.env.BENCH_PROFILES

/** Starts a module of `processes` with `setup` as its one argument, on one core where the system can pin. */
export function startChild(name: string, setup: object, core?: number): Child {
  const file = builtProcess(name)
  const args = [JSON.stringify(setup)]
  const flags = PROFILES ? ['--cpu-prof', `--cpu-prof-dir=${PROFILES}`] : []
  const child =
    core !== undefined && canPin()
      ? fork(file, args, { execPath: 'taskset', execArgv: ['-c', String(core), process.execPath, ...flags] })
      : fork(file, args, { execArgv: flags })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const ended = once(child, 'exit').then(([code]) => {
    process.off('exit', kill)
    return new Error(`${name} must run until it is stopped, was ended with ${code}`)
  })
  return {
    pid: child.pid ?? 0,
    async ask(question, answer) {
      const reply = nextMessage(child)
      child.send(question)
      const first = await Promise.race([reply, ended])
      if (first instanceof Error) throw first
      return answer.parse(first)
    },
    async stop() {
      if (child.connected) child.disconnect()
      const timer = setTimeout(kill, STOP_WITHIN_MS)
      await ended
      clearTimeout(timer)
    },
  }
}

function nextMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve) => child.once('message', resolve))
}
