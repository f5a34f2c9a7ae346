import { type Command, InvalidArgumentError, Option } from 'commander'
import { describeError } from '../base/errors.ts'
import type { TaskEvent } from '../base/task-event.ts'
import { readTaskRequest, type TaskRequest } from '../wire/tasks.ts'
import { write } from './output.ts'

export interface TaskFlags {
  readonly url?: string
  readonly format: (typeof TASK_FORMATS)[number]
}

const TASK_FORMATS = ['text', 'ndjson'] as const

/** What the commands that may run beside a gateway have in common. */
export const urlOption = () =>
  new Option('--url <url>', 'the gateway (default: the one that runs in DATA_DIR, else none)')
    .env('TICKGATE_URL')
    .argParser(httpUrl)
export const formatOption = () =>
  new Option('--format <format>', 'how to print it').choices(TASK_FORMATS).default('text')

/** Exit codes: a difference was found; it could not be found out. */
const DIFFERS = 1
export const FAILED = 2
const INTERRUPTED = 130

/** Runs a task and prints what it tells: findings and the summary on stdout, how far it is on stderr. */
export async function runTask(
  task: TaskRequest['task'],
  symbol: string,
  body: object,
  { url, format }: TaskFlags,
): Promise<void> {
  const leaving = new AbortController()
  const leave = () => leaving.abort()
  process.once('SIGINT', leave).once('SIGTERM', leave)
  process.stdout.on('error', leave)
  try {
    const request = readTaskRequest(task, symbol.toUpperCase(), body)
    const { startTask } = await import('../main.ts')
    for await (const event of startTask(request, url, process.env, leaving.signal)) {
      if (event.type === 'progress') console.error(`tickgate: ${event.message}`)
      else
        await write(process.stdout, format === 'ndjson' ? `${JSON.stringify(event)}\n` : lineOf(event), leaving.signal)
      if (event.type === 'summary') process.exitCode = event.ok ? 0 : DIFFERS
    }
    if (leaving.signal.aborted) process.exitCode = INTERRUPTED
  } catch (error) {
    if (!leaving.signal.aborted) console.error(`tickgate: ${describeError(error)}`)
    process.exitCode = leaving.signal.aborted ? INTERRUPTED : FAILED
  }
}

const KIND_COLUMNS = 10

function lineOf(event: TaskEvent): string {
  return 'kind' in event ? `${event.kind.padEnd(KIND_COLUMNS)}${event.message}\n` : `${event.message}\n`
}

/** Whether exit code 1 says that something differs, or is not there. */
export function isTask(command: Command): boolean {
  return ['verify', 'backfill', 'cache', 'status'].includes(command.name())
}

/** A wrong argument is no difference: it has the exit code of what could not be found out. */
export function exitOnUsage({ exitCode }: { readonly exitCode: number }): never {
  process.exit(exitCode === 0 ? 0 : FAILED)
}

function httpUrl(text: string): string {
  if (/^(http|ws)s?:$/.test(URL.canParse(text) ? new URL(text).protocol : '')) return text
  throw new InvalidArgumentError('It must start with http(s):// or ws(s)://.')
}
